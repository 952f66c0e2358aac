//! `GET /services`, `/services/{name}` and `/services/{name}/why`.

use crate::admin::app::{App, ServiceName};
use crate::admin::problem::Problem;
use crate::admin::{dto, explain};
use axum::Json;
use axum::extract::State;

pub(crate) async fn list(State(app): State<App>) -> Json<dto::DaemonReply> {
    let states = app.handle.states();
    let services = states.iter().map(|service| app.service_reply(service)).collect();
    Json(dto::DaemonReply { services, ..dto::DaemonReply::at(&app.handle, &states) })
}

pub(crate) async fn one(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<dto::ServiceReply>, Problem> {
    Ok(Json(app.service_reply(&app.service(&name)?)))
}

pub(crate) async fn why(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<explain::WhyReply>, Problem> {
    app.service(&name)?;
    let why = app.handle.why(&name).map_err(|error| Problem::invalid("name", error.to_string()))?;
    Ok(Json(explain::WhyReply::new(&app.handle, &why)))
}
