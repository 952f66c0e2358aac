//! `GET /livez` and `/readyz`, by the conventions of Kubernetes: 200 or 503, a line for each check.

use crate::admin::app::App;
use crate::admin::guard::Stranger;
use crate::admin::view;
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

/// That it answers is the answer.
pub(crate) async fn live(State(app): State<App>, uri: Uri) -> Response {
    let (verbose, _) = asked(&uri);
    let over = app.handle.core().board.alive() == 0;
    let said = match (over, verbose) {
        (true, _) => "[-]the daemon has ended\nlivez check failed\n",
        (false, true) => "[+]the daemon answers\nlivez check passed\n",
        (false, false) => "ok\n",
    };
    text(if over { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, said.to_owned())
}

/// Whether every service is in Run, or ended as it was meant to; and if not, why, for who has the token.
pub(crate) async fn ready(State(app): State<App>, stranger: Option<Extension<Stranger>>, uri: Uri) -> Response {
    let (verbose, excluded) = asked(&uri);
    let states = app.handle.states();
    let phase = view::phase(&app.handle, &states);
    let mut ready = phase == "running";
    let mut said = String::new();
    if !ready {
        let _ = writeln!(said, "[-]the daemon is {phase}");
    }
    for service in states.iter() {
        if excluded.contains(&&*service.name) {
            let _ = writeln!(said, "[+]{} excluded: ok", service.name);
        } else if view::is_ready(service) {
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
