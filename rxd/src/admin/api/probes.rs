//! `GET /livez` and `/readyz`, by the conventions of Kubernetes: 200 or 503, and a line for each
//! check.
//!
//! A request without a required token gets yes or no, but no names and no reasons.

use crate::admin::app::App;
use crate::admin::auth::Unauthenticated;
use crate::admin::dto;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;

/// The query: `verbose`, and any number of `exclude=service`.
fn parse_query(uri: &Uri) -> (bool, Vec<&str>) {
    let parts = uri.query().unwrap_or_default().split('&');
    let verbose = parts.clone().any(|part| part.split('=').next() == Some("verbose"));
    (verbose, parts.filter_map(|part| part.strip_prefix("exclude=")).collect())
}

/// The text in one line: the further lines of an error could look like other checks.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if crate::escape::is_forging(c) { ' ' } else { c }).collect()
}

fn text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Whether the daemon answers, and no heartbeat is stale. The watchdog of systemd asks the same.
pub(crate) async fn live(
    State(app): State<App>,
    unauthenticated: Option<Extension<Unauthenticated>>,
    uri: Uri,
) -> Response {
    let (verbose, _) = parse_query(&uri);
    let core = app.handle.core();
    let stale = core.stale().map(|stale| (stale.is_restarting(), one_line(&stale.text(core))));
    let failure = match &stale {
        _ if core.board.is_closed() => Some("the daemon has stopped"),
        Some((false, text)) => Some(&text[..]),
        _ => None,
    };
    let body = match failure {
        Some(_) if unauthenticated.is_some() => "not alive\n".to_owned(),
        Some(failure) => format!("[-]{failure}\nlivez check failed\n"),
        None if !verbose || unauthenticated.is_some() => "ok\n".to_owned(),
        None => {
            let restarted = stale.as_ref().map(|(_, text)| format!("[+]{text}\n")).unwrap_or_default();
            format!("[+]the daemon answers\n{restarted}livez check passed\n")
        }
    };
    text(if failure.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, body)
}

/// Whether every service that counts is in Run, or has ended as designed; and why not. An optional one
/// that is not is named.
pub(crate) async fn ready(
    State(app): State<App>,
    unauthenticated: Option<Extension<Unauthenticated>>,
    uri: Uri,
) -> Response {
    let (verbose, excluded) = parse_query(&uri);
    let states = app.handle.states();
    let phase = dto::phase(&app.handle, states.iter());
    let (mut ready, mut degraded) = (phase == "running", false);
    let mut body = String::new();
    if !ready {
        let _ = writeln!(body, "[-]the daemon is {phase}");
    }
    for service in states.iter() {
        if excluded.contains(&&*service.name) {
            let _ = writeln!(body, "[+]{} excluded: ok", service.name);
        } else if dto::is_ready(service) {
            let _ = writeln!(body, "[+]{} ok", service.name);
        } else if dto::rests(&app.handle, service) {
            let _ = writeln!(body, "[+]{} not started: ok", service.name);
        } else {
            let why = app.handle.why(&service.name).map(|why| why.to_string()).unwrap_or_default();
            let is_optional = dto::is_optional(&app.handle, &service.name);
            (ready, degraded) = (ready && is_optional, degraded || is_optional);
            let mark = if is_optional { "[+]" } else { "[-]" };
            let word = if is_optional { "optional, not ready" } else { "not ready" };
            let _ = writeln!(body, "{mark}{} {word}: {}", service.name, one_line(&why));
        }
    }
    if !ready && unauthenticated.is_some() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    }
    let (status, end) = if ready { (StatusCode::OK, "passed") } else { (StatusCode::SERVICE_UNAVAILABLE, "failed") };
    if ready && unauthenticated.is_some() {
        return text(status, if degraded { "degraded\n" } else { "ok\n" }.to_owned());
    }
    if ready && !degraded && !verbose {
        return text(status, "ok\n".to_owned());
    }
    let end = if ready && degraded { "passed: degraded" } else { end };
    let _ = writeln!(body, "readyz check {end}");
    text(status, body)
}
