//! `POST /services/{name}/{start|stop|restart|reload}`.

use crate::admin::app::{App, Name};
use crate::admin::dto;
use crate::admin::problem::Problem;
use crate::panic::emit;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::future::Future;

type Answer = Result<(StatusCode, Json<dto::Service>), Problem>;

/// What becomes of the request goes on when nobody waits for it any more.
async fn act(
    app: &App,
    name: &str,
    verb: &str,
    action: impl Future<Output = Result<(), crate::Error>> + Send,
) -> Answer {
    app.service(name)?;
    emit!(INFO, target: "rxd::admin", service = name, "asked to {verb}");
    let status = match tokio::time::timeout(app.limits.action, action).await {
        Ok(Ok(())) => StatusCode::OK,
        Err(_) => StatusCode::ACCEPTED,
        Ok(Err(error)) => {
            let daemon = dto::Daemon::of(&app.handle);
            if daemon.phase != "running" {
                return Err(Problem::stopping(error.to_string()).daemon(daemon));
            }
            let title = "The service could not do that";
            return Err(Problem::new(StatusCode::CONFLICT, "conflict", title, error.to_string()));
        }
    };
    Ok((status, Json(app.view(&app.service(name)?))))
}

pub(crate) async fn start(State(app): State<App>, Name(name): Name) -> Answer {
    act(&app, &name, "start", app.handle.start(&name)).await
}

pub(crate) async fn stop(State(app): State<App>, Name(name): Name) -> Answer {
    act(&app, &name, "stop", app.handle.stop(&name)).await
}

pub(crate) async fn restart(State(app): State<App>, Name(name): Name) -> Answer {
    act(&app, &name, "restart", app.handle.restart(&name)).await
}

pub(crate) async fn reload(State(app): State<App>, Name(name): Name) -> Answer {
    act(&app, &name, "reload", app.handle.reload(&name)).await
}
