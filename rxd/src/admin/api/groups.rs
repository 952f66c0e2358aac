//! `POST /groups/{group}/{start|stop|restart|reload}`, and `POST /{start|stop|restart}` for all services.

use crate::admin::app::{App, GroupName};
use crate::admin::dto::{GroupReply, MemberReply, ServiceReply};
use crate::admin::problem::{Problem, quoted};
use crate::core::ServiceCommand;
use crate::handle::group::failure_text;
use crate::panic::emit;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::HashMap;

type GroupResult = Result<(StatusCode, Json<GroupReply>), Problem>;

/// Waits for an action on a group, or on all services, for up to `Limits::action`. It goes on without
/// being waited for.
async fn act(app: &App, group: Option<&str>, command: ServiceCommand) -> GroupResult {
    let verb = command.as_str();
    let mut request = match group {
        Some(name) => {
            let services = app.handle.group(name).map_err(|_| unknown(app, name))?;
            emit!(INFO, target: "rxd::admin", group = name, "requested by an operator: {verb}");
            services.request(command)
        }
        None => {
            emit!(INFO, target: "rxd::admin", "requested by an operator: {verb} of all services");
            app.handle.all().request(command)
        }
    };
    let _ = tokio::time::timeout(app.limits.action, request.wait(app.handle.core())).await;
    let states = app.daemon_reply().services.into_iter();
    let mut states: HashMap<String, ServiceReply> = states.map(|service| (service.name.clone(), service)).collect();
    let (mut services, mut failed) = (Vec::new(), Vec::new());
    for (_, name, answer) in request.take_answers() {
        let (outcome, error) = match answer {
            None => ("in_progress", None),
            Some(Ok(())) => ("done", None),
            Some(Err(error)) => {
                let error = error.to_string();
                failed.push((name.clone(), error.clone()));
                ("failed", Some(error))
            }
        };
        // One that was removed meanwhile has no state.
        let service = states.remove(&*name);
        services.push(MemberReply { name: name.to_string(), outcome, error, service });
    }
    if !failed.is_empty() {
        let daemon = app.daemon_reply();
        let text = failure_text(command, group, services.len(), &failed);
        let problem = match daemon.phase {
            "running" => Problem::new(StatusCode::CONFLICT, "conflict", "Some services have failed to do it", text),
            _ => Problem::stopping(text).daemon(daemon),
        };
        return Err(problem.members(services));
    }
    let is_done = services.iter().all(|service| service.outcome == "done") && !request.is_own();
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(GroupReply { group: group.map(ToOwned::to_owned), services })))
}

fn unknown(app: &App, name: &str) -> Problem {
    let groups = app.handle.core().groups();
    let names = || groups.keys().map(|name| &**name);
    let detail = match groups.is_empty() {
        true => format!("daemon {} has no groups", quoted(app.handle.name())),
        false => format!("daemon {} has no group {}", quoted(app.handle.name()), quoted(name)),
    };
    Problem::new(StatusCode::NOT_FOUND, "unknown-group", "Unknown group", detail)
        .field("group")
        .allowed(names().take(64))
        .suggestion(crate::graph::nearest(name, names()))
}

pub(crate) async fn start(State(app): State<App>, GroupName(group): GroupName) -> GroupResult {
    act(&app, Some(&group), ServiceCommand::Start).await
}

pub(crate) async fn stop(State(app): State<App>, GroupName(group): GroupName) -> GroupResult {
    act(&app, Some(&group), ServiceCommand::Stop).await
}

pub(crate) async fn restart(State(app): State<App>, GroupName(group): GroupName) -> GroupResult {
    act(&app, Some(&group), ServiceCommand::Restart).await
}

pub(crate) async fn reload(State(app): State<App>, GroupName(group): GroupName) -> GroupResult {
    act(&app, Some(&group), ServiceCommand::Reload).await
}

pub(crate) async fn start_all(State(app): State<App>) -> GroupResult {
    act(&app, None, ServiceCommand::Start).await
}

pub(crate) async fn stop_all(State(app): State<App>) -> GroupResult {
    act(&app, None, ServiceCommand::Stop).await
}

pub(crate) async fn restart_all(State(app): State<App>) -> GroupResult {
    act(&app, None, ServiceCommand::Restart).await
}
