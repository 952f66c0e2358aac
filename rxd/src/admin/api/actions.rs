//! `POST /services/{name}/{start|stop|restart|reload}`, and `POST /reload` for all services.

use crate::admin::app::{App, ServiceName};
use crate::admin::dto;
use crate::admin::problem::Problem;
use crate::core::TooManyRequests;
use crate::panic::emit;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::future::Future;
use std::time::Duration;

type ActionResult = Result<(StatusCode, Json<dto::ServiceReply>), Problem>;

/// Waits for an action on a service for up to `Limits::action`. Dropping `action` does not undo the
/// request: the service carries it out when the client has gone, too.
async fn act(
    app: &App,
    name: &str,
    verb: &str,
    action: impl Future<Output = Result<(), crate::Error>> + Send,
) -> ActionResult {
    // A service that carries its own request is answered before the action is done.
    let is_own = app.handle.service() == Some(app.service(name)?);
    emit!(INFO, target: "rxd::admin", service = name, "requested by an operator: {verb}");
    let status = match tokio::time::timeout(app.limits.action, action).await {
        Ok(Ok(())) if is_own => StatusCode::ACCEPTED,
        Ok(Ok(())) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
        Ok(Err(error)) => return Err(problem(app, &error, "The service cannot do this in its state")),
    };
    Ok((status, Json(app.service_reply(name)?)))
}

/// The problem of an action that failed.
pub(super) fn problem(app: &App, error: &crate::Error, conflict: &'static str) -> Problem {
    if error.find::<TooManyRequests>().is_some() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Problem::new(status, "busy", "Too many requests wait already", error.to_string());
    }
    let daemon = app.daemon_reply();
    match daemon.phase {
        "running" => Problem::new(StatusCode::CONFLICT, "conflict", conflict, error.to_string()),
        _ => Problem::stopping(error.to_string()).daemon(daemon),
    }
}

/// The longest time that a client may ask to wait.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Waits for the reload of all services: for up to `Limits::action`, or for as long as the client
/// prefers (RFC 7240, `Prefer: wait=30`, in seconds).
pub(crate) async fn reload_all(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<dto::DaemonReply>), Problem> {
    emit!(INFO, target: "rxd::admin", "requested by an operator: reload of all services");
    let limit = preferred_wait(&headers).unwrap_or(app.limits.action);
    let status = match tokio::time::timeout(limit, app.handle.reload_all()).await {
        Ok(Ok(())) if app.handle.service().is_some() => StatusCode::ACCEPTED,
        Ok(Ok(())) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
        Ok(Err(error)) => return Err(problem(&app, &error, "The reload failed")),
    };
    Ok((status, Json(app.daemon_reply())))
}

/// The `wait` of the header `Prefer`. What cannot be read is ignored, as that RFC demands.
fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait =
        preferences.flat_map(|value| value.split([',', ';'])).find_map(|one| one.trim().strip_prefix("wait="))?;
    Some(Duration::from_secs(wait.trim().parse().ok()?).min(MAX_WAIT))
}

pub(crate) async fn start(State(app): State<App>, ServiceName(name): ServiceName) -> ActionResult {
    act(&app, &name, "start", app.handle.start(&name)).await
}

pub(crate) async fn stop(State(app): State<App>, ServiceName(name): ServiceName) -> ActionResult {
    act(&app, &name, "stop", app.handle.stop(&name)).await
}

pub(crate) async fn restart(State(app): State<App>, ServiceName(name): ServiceName) -> ActionResult {
    act(&app, &name, "restart", app.handle.restart(&name)).await
}

pub(crate) async fn reload(State(app): State<App>, ServiceName(name): ServiceName) -> ActionResult {
    act(&app, &name, "reload", app.handle.reload(&name)).await
}
