//! `GET /livez` and `/readyz`, by the conventions of Kubernetes: 200 or 503, a line for each check.

use crate::admin::app::App;
use crate::admin::auth::Stranger;
use crate::admin::dto;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;

/// What follows the `?`: `verbose`, and any number of `exclude=service`.
fn asked(uri: &Uri) -> (bool, Vec<&str>) {
    let parts = uri.query().unwrap_or_default().split('&');
    let verbose = parts.clone().any(|part| part.split('=').next() == Some("verbose"));
    (verbose, parts.filter_map(|part| part.strip_prefix("exclude=")).collect())
}

/// In one line: an error's text may have several, and could look like another check.
fn clean(text: &str) -> String {
    text.chars().map(|c| if crate::log::is_forging(c) { ' ' } else { c }).collect()
}

fn text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Whether it answers, and every service that declared a heartbeat has one: what feeds a watchdog.
/// Which has none is for who has the token.
pub(crate) async fn live(State(app): State<App>, stranger: Option<Extension<Stranger>>, uri: Uri) -> Response {
    let (verbose, _) = asked(&uri);
    let core = app.handle.core();
    let stale = core.stale().map(|stale| (stale.is_curable(), clean(&stale.text(core))));
    let trouble = match &stale {
        _ if core.board.is_closed() => Some("the daemon has ended"),
        Some((false, text)) => Some(&text[..]),
        _ => None,
    };
    let said = match trouble {
        Some(_) if stranger.is_some() => "not alive\n".to_owned(),
        Some(trouble) => format!("[-]{trouble}\nlivez check failed\n"),
        None if !verbose || stranger.is_some() => "ok\n".to_owned(),
        None => {
            let rescued = stale.as_ref().map(|(_, text)| format!("[+]{text}\n")).unwrap_or_default();
            format!("[+]the daemon answers\n{rescued}livez check passed\n")
        }
    };
    text(if trouble.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, said)
}

/// Whether every service is in Run, or ended as it was meant to; and if not, why, for who has the token.
pub(crate) async fn ready(State(app): State<App>, stranger: Option<Extension<Stranger>>, uri: Uri) -> Response {
    let (verbose, excluded) = asked(&uri);
    let states = app.handle.states();
    let phase = dto::phase(&app.handle, &states);
    let mut ready = phase == "running";
    let mut said = String::new();
    if !ready {
        let _ = writeln!(said, "[-]the daemon is {phase}");
    }
    for service in states.iter() {
        if excluded.contains(&&*service.name) {
            let _ = writeln!(said, "[+]{} excluded: ok", service.name);
        } else if dto::is_ready(service) {
            let _ = writeln!(said, "[+]{} ok", service.name);
        } else {
            ready = false;
            let why = app.handle.why(&service.name).map(|why| why.to_string()).unwrap_or_default();
            let _ = writeln!(said, "[-]{} not ready: {}", service.name, clean(&why));
        }
    }
    if !ready && stranger.is_some() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    }
    let (status, end) = if ready { (StatusCode::OK, "passed") } else { (StatusCode::SERVICE_UNAVAILABLE, "failed") };
    if ready && (!verbose || stranger.is_some()) {
        return text(status, "ok\n".to_owned());
    }
    let _ = writeln!(said, "readyz check {end}");
    text(status, said)
}
