//! `POST /services/{name}/{start|stop|restart|reload}`, and `POST /reload` for all services.

use crate::admin::app::{App, ServiceName};
use crate::admin::dto;
use crate::admin::problem::Problem;
use crate::core::TooManyRequests;
use crate::panic::emit;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::future::Future;

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
fn problem(app: &App, error: &crate::Error, conflict: &'static str) -> Problem {
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

/// Waits for the reload of all services for up to `Limits::action`.
pub(crate) async fn reload_all(State(app): State<App>) -> Result<(StatusCode, Json<dto::DaemonReply>), Problem> {
    emit!(INFO, target: "rxd::admin", "requested by an operator: reload of all services");
    let status = match tokio::time::timeout(app.limits.action, app.handle.reload_all()).await {
        Ok(Ok(())) if app.handle.service().is_some() => StatusCode::ACCEPTED,
        Ok(Ok(())) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
        Ok(Err(error)) => return Err(problem(&app, &error, "Not every service has reloaded")),
    };
    Ok((status, Json(app.daemon_reply())))
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
