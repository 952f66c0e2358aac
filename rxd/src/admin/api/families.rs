//! `POST /families/{name}/scale`: changes how many members a family has.

use super::actions::problem;
use crate::admin::app::{App, ServiceName};
use crate::admin::problem::{Problem, quoted};
use crate::panic::emit;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How many members a family is to have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedMembers {
    /// The number of members: at most 10,000.
    #[schemars(range(max = 10_000))]
    members: u32,
}

/// A family.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Family", deny_unknown_fields)]
pub(crate) struct FamilyReply {
    /// The name of the family: `workers`.
    name: String,
    /// The names of its members, in their order: `worker-0`, `worker-1`.
    members: Vec<String>,
}

/// Scales a family, and waits for that for up to `Limits::action`. The scaling goes on when the
/// client has gone, too.
pub(crate) async fn scale(
    State(app): State<App>,
    ServiceName(name): ServiceName,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<FamilyReply>), Problem> {
    let (body, is_json) = app.json_or_text(&headers, body, "number of members").await?;
    let members = read(&body, is_json)?;
    let family = find(&app, &name)?;
    emit!(INFO, target: "rxd::admin", family = &*name, "requested by an operator: scale to {members} members");
    let (handle, (sender, scaled)) = (app.handle.of_caller(), oneshot::channel());
    crate::spawn::task(&Handle::current(), async move {
        let _ = sender.send(handle.scale(&name, members as usize).await);
    });
    let status = match tokio::time::timeout(app.limits.action, scaled).await {
        Ok(Ok(Ok(()))) => StatusCode::OK,
        Ok(Ok(Err(error))) => return Err(problem(&app, &error, "The family cannot be scaled now")),
        Err(_) | Ok(Err(_)) => StatusCode::ACCEPTED,
    };
    Ok((status, Json(reply(&app, family))))
}

/// The family of this name; otherwise 404 with the nearest name.
fn find(app: &App, name: &str) -> Result<usize, Problem> {
    let families = &app.handle.core().families;
    families.find(name).ok_or_else(|| {
        let names = || families.all().iter().map(|family| &*family.name);
        let detail = format!("daemon {} has no family {}", quoted(app.handle.name()), quoted(name));
        Problem::new(StatusCode::NOT_FOUND, "unknown-family", "Unknown family", detail)
            .field("name")
            .allowed(names().take(64))
            .suggestion(crate::graph::nearest(name, names()))
    })
}

fn reply(app: &App, family: usize) -> FamilyReply {
    let core = app.handle.core();
    let facts = &core.families.all()[family];
    let members = core.board.members(family).into_iter().map(|id| core.name(id).to_string());
    let mut members: Vec<String> = members.collect();
    members.sort_by_key(|name| facts.nth_of(name));
    FamilyReply { name: facts.name.to_string(), members }
}

/// The number, as JSON or as text.
fn read(body: &[u8], is_json: bool) -> Result<u32, Problem> {
    if is_json {
        return Ok(Problem::read_object::<WantedMembers>(body, r#"{"members": 8}"#)?.members);
    }
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    text.parse()
        .map_err(|_| Problem::invalid("body", "the body is not the number of members; write 8, or {\"members\": 8}"))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn number_of_members_is_text_or_json_or_refused() {
        let number = |body: &str, is_json| read(body.as_bytes(), is_json).ok();
        assert_eq!(number("8\n", false), Some(8));
        assert_eq!(number(r#"{"members": 0}"#, true), Some(0));
        for (bad, is_json) in [("", false), ("-1", false), ("eight", false), ("8", true), ("{}", true), ("[8]", true)] {
            assert_eq!(number(bad, is_json), None, "{bad}");
        }
    }
}
