//! `POST /services` and `DELETE /services/{name}`: what operators add and remove.

use super::actions::problem;
use crate::admin::app::{App, ServiceName};
use crate::admin::dto;
use crate::admin::kinds::{AddFailed, AddedByRoute, Kinds};
use crate::admin::problem::{Problem, quoted};
use crate::panic::emit;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The service that is to be added.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedService {
    /// One of the kinds that the program allows for.
    kind: String,
    /// The name of the service.
    name: String,
    /// The arguments: which there are depends on the kind.
    #[serde(default)]
    args: BTreeMap<String, String>,
}

/// A service that was removed.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Removed", deny_unknown_fields)]
pub(crate) struct RemovedReply {
    name: String,
}

/// An example of a body.
const EXAMPLE: &str = r#"{"kind": "tenant", "name": "acme", "args": {"region": "eu"}}"#;

pub(crate) async fn add(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<dto::ServiceReply>), Problem> {
    let (body, _) = app.json_or_text(&headers, body, "service").await?;
    let WantedService { kind, name, args } = Problem::read_object(&body, EXAMPLE)?;
    let core = app.handle.core();
    let kinds = core.extensions.get::<Kinds>().unwrap_or_else(|| Arc::new(Kinds::default()));
    let Some(make) = kinds.get(&kind) else { return Err(unknown_kind(&app, &kinds, &kind)) };
    if let Some(fault) = crate::graph::name_fault(&name) {
        return Err(Problem::invalid("name", fault.replace("\nhelp: ", "; ")));
    }
    emit!(INFO, target: "rxd::admin", service = name, "requested by an operator: add a {kind}");
    // It is code of the program's, which may block.
    let making = tokio::task::spawn_blocking({
        let (handle, name) = (app.handle.clone(), name.clone());
        move || {
            let made = make(&handle, &name, &args);
            // Here, since the client may have gone.
            if let (Ok(()), Some(id)) = (&made, handle.core().id(&name)) {
                AddedByRoute::of(handle.core()).note(handle.core(), id);
            }
            made
        }
    });
    let Ok(made) = making.await else {
        let detail = format!("the function that makes a {kind} did not end: the daemon stops");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The daemon is stopping", detail));
    };
    match made {
        Ok(()) => {}
        Err(AddFailed::Refused(error)) => {
            return Err(Problem::invalid("args", format!("no {kind} was made: {error}")));
        }
        Err(AddFailed::Panicked(panicked)) => {
            let detail = format!("the function that makes a {kind} panicked: {panicked}");
            emit!(ERROR, target: "rxd::admin", "{detail}");
            let (status, title) = (StatusCode::INTERNAL_SERVER_ERROR, "The program has failed");
            return Err(Problem::new(status, "panicked", title, detail));
        }
        Err(AddFailed::NotAdded(error)) => return Err(problem(&app, &error, "The service cannot be added")),
    }
    Ok((StatusCode::CREATED, Json(app.service_reply(&name)?)))
}

fn unknown_kind(app: &App, kinds: &Kinds, kind: &str) -> Problem {
    let daemon = quoted(app.handle.name());
    let detail = match kinds.names().next() {
        None => format!("daemon {daemon} has no kinds of services that operators may add"),
        Some(_) => format!("operators may not add a {} to daemon {daemon}", quoted(kind)),
    };
    Problem::new(StatusCode::NOT_FOUND, "unknown-kind", "Unknown kind", detail)
        .field("kind")
        .allowed(kinds.names())
        .suggestion(crate::graph::nearest(kind, kinds.names()))
}

pub(crate) async fn remove(
    State(app): State<App>,
    ServiceName(name): ServiceName,
    uri: Uri,
) -> Result<(StatusCode, Json<RemovedReply>), Problem> {
    let with_dependents = match uri.query().unwrap_or_default() {
        "" | "dependents=false" => false,
        "dependents=true" => true,
        other => {
            let detail = format!("the query {} is not known; write `dependents=true`, or nothing", quoted(other));
            return Err(Problem::invalid("dependents", detail).allowed(["true", "false"]));
        }
    };
    let (id, core) = (app.service(&name)?, app.handle.core());
    let by_route = AddedByRoute::of(core);
    let mut all = if with_dependents { core.added_dependents(id) } else { Vec::new() };
    all.push(id);
    if let Some(&other) = all.iter().find(|&&id| !by_route.has(id)) {
        let other = core.name(other).to_string();
        let detail =
            format!("service {} was not added by an operator, and only the program removes it", quoted(&other));
        let title = "The service cannot be removed";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", title, detail).field("name"));
    }
    let is_own = app.handle.service().is_some_and(|own| all.contains(&own));
    emit!(INFO, target: "rxd::admin", service = name, "requested by an operator: remove");
    let handle = app.handle.clone();
    let removal = async {
        match with_dependents {
            true => handle.remove_with_dependents(&name).await,
            false => handle.remove(&name).await,
        }
    };
    let status = match tokio::time::timeout(app.limits.action, removal).await {
        Ok(Ok(())) if is_own => StatusCode::ACCEPTED,
        Ok(Ok(())) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
        Ok(Err(error)) => return Err(problem(&app, &error, "The service cannot be removed")),
    };
    Ok((status, Json(RemovedReply { name })))
}
