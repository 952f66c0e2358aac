//! `GET /services`, `/services/{name}` and `/services/{name}/why`.

use crate::admin::app::{App, Name};
use crate::admin::problem::Problem;
use crate::admin::{dto, explain};
use axum::Json;
use axum::extract::State;

pub(crate) async fn list(State(app): State<App>) -> Json<dto::Daemon> {
    let states = app.handle.states();
    let services = states.iter().map(|service| app.view(service)).collect();
    Json(dto::Daemon { services, ..dto::Daemon::at(&app.handle, &states) })
}

pub(crate) async fn one(State(app): State<App>, Name(name): Name) -> Result<Json<dto::Service>, Problem> {
    Ok(Json(app.view(&app.service(&name)?)))
}

pub(crate) async fn why(State(app): State<App>, Name(name): Name) -> Result<Json<explain::Why>, Problem> {
    app.service(&name)?;
    let why = app.handle.why(&name).map_err(|error| Problem::bad("name", error.to_string()))?;
    Ok(Json(explain::Why::new(&app.handle, &why)))
}
