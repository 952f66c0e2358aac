//! `GET /services`, `/services/{name}` and `/services/{name}/why`.

use crate::admin::app::{App, Name};
use crate::admin::problem::Problem;
use crate::admin::{explain, view};
use crate::log::Knob;
use axum::Json;
use axum::extract::State;

pub(crate) async fn list(State(app): State<App>) -> Json<view::Daemon> {
    let mut daemon = view::Daemon::of(&app.handle);
    for service in &mut daemon.services {
        service.level = Some(app.dial.get(Knob::Service(service.name.clone())).into());
    }
    Json(daemon)
}

pub(crate) async fn one(State(app): State<App>, Name(name): Name) -> Result<Json<view::Service>, Problem> {
    let service = app.service(&name)?;
    Ok(Json(app.view(&service)))
}

pub(crate) async fn why(State(app): State<App>, Name(name): Name) -> Result<Json<explain::Why>, Problem> {
    app.service(&name)?;
    let why = app.handle.why(&name).map_err(|error| Problem::bad("name", error.to_string()))?;
    Ok(Json(explain::Why::new(&app.handle, &why)))
}
