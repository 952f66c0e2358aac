//! `GET /services`, `/services/{name}` and `/services/{name}/why`.

use crate::admin::app::{App, ServiceName};
use crate::admin::problem::Problem;
use crate::admin::{dto, explain};
use crate::watch::why::Why;
use axum::Json;
use axum::extract::State;

pub(crate) async fn list(State(app): State<App>) -> Json<dto::DaemonReply> {
    Json(app.daemon_reply())
}

pub(crate) async fn one(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<dto::ServiceReply>, Problem> {
    app.service_reply(&name).map(Json)
}

pub(crate) async fn why(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<explain::WhyReply>, Problem> {
    let why = Why::of(app.handle.core(), app.service(&name)?);
    Ok(Json(explain::WhyReply::new(&app.handle, &why)))
}
