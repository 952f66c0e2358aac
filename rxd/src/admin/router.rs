//! The router: every route of the [table](super::routes), and the checks before them.
//!
//! It is the same for the daemon's own listener and for a server that nests it: the origin is
//! checked here, the host and the token by the listener.

use super::app::App;
use super::auth::check_origin;
use super::problem::{Problem, SAME_ORIGIN, quoted};
use super::routes::ROUTES;
use super::{dto, openapi};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing;

pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = match route.handler {
            Some(handler) => handler(),
            None => routing::get(async |State(app): State<App>| openapi::reply(ROUTES, &app)),
        };
        if !route.while_stopping {
            handler = handler.route_layer(middleware::from_fn_with_state(app.clone(), while_running));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(check_and_add_headers))
        .with_state(app)
}

async fn no_route(uri: Uri) -> Problem {
    let detail = format!("no route has the path {}; /openapi.json lists the routes", quoted(uri.path()));
    Problem::new(StatusCode::NOT_FOUND, "no-route", "Unknown route", detail)
}

async fn no_method(method: Method) -> Problem {
    let detail = format!(
        "this route does not support {}; the Allow header lists the supported methods",
        quoted(method.as_str())
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", "Method not supported", detail).field("method")
}

/// Around every route: refuses other origins, and adds the headers that all answers have.
async fn check_and_add_headers(request: Request, next: Next) -> Response {
    if let Err(problem) = check_origin(request.method(), request.uri(), request.headers()) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(SAME_ORIGIN.0, SAME_ORIGIN.1);
    response
}

/// Around most routes: answers 503 with the state of all services unless the daemon is running.
async fn while_running(State(app): State<App>, request: Request, next: Next) -> Response {
    let states = app.handle.states();
    let phase = dto::phase(&app.handle, states.iter());
    if phase == "running" {
        return next.run(request).await;
    }
    let daemon = app.daemon_reply();
    Problem::stopping(format!("the daemon is {phase}")).daemon(daemon).into_response()
}
