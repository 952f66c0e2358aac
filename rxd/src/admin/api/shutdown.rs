//! `POST /shutdown`: stops the daemon.

use super::levels::present;
use crate::admin::app::App;
use crate::admin::dto;
use crate::admin::problem::Problem;
use crate::panic::emit;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

/// The longest reason, in characters.
const MAX_REASON: usize = 200;

/// Why the daemon is to stop.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedShutdown {
    /// The reason, for the log and the status: at most 200 characters.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", length(max = MAX_REASON))]
    reason: Option<String>,
}

/// Begins the shutdown, and does not wait for it: the listener ends with the daemon.
pub(crate) async fn post(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<dto::DaemonReply>), Problem> {
    let (body, is_json) = app.json_or_text(&headers, body, "reason").await?;
    let reason = read(&body, is_json)?;
    match &*reason {
        "" => emit!(INFO, target: "rxd::admin", "requested by an operator: shutdown"),
        reason => emit!(INFO, target: "rxd::admin", "requested by an operator: shutdown ({reason})"),
    }
    let core = app.handle.core();
    if core.shutting_down().is_none() && !reason.is_empty() {
        let _ = core.stop_reason.set(reason);
    }
    app.handle.shutdown();
    Ok((StatusCode::ACCEPTED, Json(app.daemon_reply())))
}

/// The reason, escaped, in one line; empty if there is none.
fn read(body: &[u8], is_json: bool) -> Result<String, Problem> {
    let reason = match (body, is_json) {
        ([], _) => return Ok(String::new()),
        (body, true) => {
            let wanted: WantedShutdown = Problem::read_object(body, r#"{"reason": "a new release"}"#)?;
            wanted.reason.unwrap_or_default()
        }
        (body, false) => {
            std::str::from_utf8(body).map_err(|_| Problem::invalid("body", "the body is not valid UTF-8"))?.to_owned()
        }
    };
    let reason = reason.trim();
    if reason.chars().count() > MAX_REASON {
        return Err(Problem::invalid("reason", format!("the reason is longer than {MAX_REASON} characters")));
    }
    Ok(reason.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn shutdown_reason_is_one_escaped_line_or_refused() {
        let said = |body: &str, is_json| read(body.as_bytes(), is_json).map_err(|_| ());
        assert_eq!(said("", true), Ok(String::new()));
        assert_eq!(said("{}", true), Ok(String::new()));
        assert_eq!(said("a new release\n", false), Ok("a new release".to_owned()));
        assert_eq!(said(r#"{"reason": "a\n\u001b[2J"}"#, true), Ok("a\\n\\u{1b}[2J".to_owned()));
        assert!(said(&"ä".repeat(200), false).is_ok());
        for (bad, is_json) in [(&*"ä".repeat(201), false), ("release", true), (r#"{"reason": null}"#, true)] {
            assert_eq!(said(bad, is_json), Err(()), "{bad}");
        }
        assert!(read(b"\xff", false).is_err());
    }
}
