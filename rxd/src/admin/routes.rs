//! The one table of routes: the router is made from it, and so is `/openapi.json`.

use super::api::{actions, events, graph, levels, metrics, probes, services};
use super::app::App;
use super::auth::check_origin;
use super::openapi;
use super::problem::{Problem, quoted};
use super::{dto, page};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};

/// One route: what answers it, and what is said of it.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) says: &'static str,
    /// The media type and schema of the answer.
    pub(crate) answer: (&'static str, &'static str),
    /// Statuses of success besides 200, with their schema.
    pub(crate) also: &'static [(u16, &'static str, &'static str)],
    /// What may follow the `?`, and what it says.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// Statuses of refusals of its own.
    pub(crate) problems: &'static [u16],
    /// The schema of the body it takes.
    pub(crate) body: Option<&'static str>,
    /// Whether it answers as ever while the daemon is stopping.
    to_the_end: bool,
    handler: fn() -> MethodRouter<App>,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

macro_rules! routes {
    ($($method:ident $path:literal $id:literal $says:literal => $answer:expr, $handler:path $(, $field:ident: $value:expr)* ;)+) => {
        /// Every route there is.
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            id: $id,
            says: $says,
            answer: $answer,
            handler: || routing::$method($handler),
            $($field: $value,)*
            ..PLAIN
        }),+];
    };
}

const PLAIN: Route = Route {
    method: "get",
    path: "/",
    id: "",
    says: "",
    answer: (JSON, ""),
    also: &[],
    query: &[],
    problems: &[],
    body: None,
    to_the_end: false,
    handler: MethodRouter::new,
};

const ACTED: &[(u16, &str, &str)] = &[(202, JSON, "Service")];
const ACT: &[u16] = &[400, 404, 409, 503];
const CHANGE: &[u16] = &[400, 404, 408, 413, 415, 503];

routes! {
    get "/log-level" "getLevels" "Every level that is set" => (JSON, "Levels"), levels::get_all, problems: &[503];
    put "/log-level" "setDefaultLevel" "Sets the default level, or that of rxd's own records" => (JSON, "Levels"), levels::put_default,
        body: Some("WantedLevel"), problems: &[400, 408, 413, 415, 503];
    delete "/log-level" "resetDefaultLevel" "Takes both back to what they began with" => (JSON, "Levels"), levels::delete_default, problems: &[503];
    get "/services" "listServices" "The daemon, and where its services are" => (JSON, "Daemon"), services::list, problems: &[503];
    get "/services/{name}" "getService" "Where a service is" => (JSON, "Service"), services::one, problems: &[400, 404, 503];
    get "/services/{name}/why" "why" "Why a service is where it is: what it waits for, and why that does not come" => (JSON, "Why"), services::why,
        problems: &[400, 404, 503];
    get "/services/{name}/log-level" "getServiceLevel" "A service's level" => (JSON, "LevelReply"), levels::get_one, problems: &[400, 404, 503];
    put "/services/{name}/log-level" "setServiceLevel" "Sets a service's level, to stay or for a while" => (JSON, "LevelReply"), levels::put_one,
        body: Some("WantedServiceLevel"), problems: CHANGE;
    delete "/services/{name}/log-level" "resetServiceLevel" "Has a service follow the default again" => (JSON, "LevelReply"), levels::delete_one,
        problems: &[400, 404, 503];
    post "/services/{name}/start" "start" "Starts a service that is in Exit" => (JSON, "Service"), actions::start, also: ACTED, problems: ACT;
    post "/services/{name}/stop" "stop" "Ends a service" => (JSON, "Service"), actions::stop, also: ACTED, problems: ACT;
    post "/services/{name}/restart" "restart" "Takes a service through Stop and back to Init" => (JSON, "Service"), actions::restart, also: ACTED,
        problems: ACT;
    post "/services/{name}/reload" "reload" "Has a service reload" => (JSON, "Service"), actions::reload, also: ACTED, problems: ACT;
    get "/graph" "graph" "The checked graph, in the form that is accepted" => (JSON, "Graph"), graph::get,
        also: &[(200, "text/vnd.mermaid", "Text"), (200, "text/vnd.graphviz", "Text"), (200, "image/svg+xml", "Text")],
        query: &[("format", "json, mermaid, dot or svg, whatever is accepted"), ("direction", "which way the SVG goes")], problems: &[400, 404, 406],
        to_the_end: true;
    get "/events" "events" "A snapshot, then every transition, as server-sent events; Last-Event-ID resumes" => ("text/event-stream", "Text"), events::get,
        problems: &[503],
        to_the_end: true;
    get "/livez" "livez" "Whether the daemon answers, and its heartbeats beat" => (TEXT, "Text"), probes::live,
        query: &[("verbose", "a line for each check")], also: &[(503, TEXT, "Text")],
        to_the_end: true;
    get "/readyz" "readyz" "Whether every service is in Run, or ended as it was meant to" => (TEXT, "Text"), probes::ready,
        query: &[("verbose", "a line for each check"), ("exclude", "a service that does not count")], also: &[(503, TEXT, "Text")],
        to_the_end: true;
    get "/metrics" "metrics" "For Prometheus" => (TEXT, "Text"), metrics::get,
        to_the_end: true;
    get "/openapi.json" "openapi" "This description" => (JSON, "Any"), openapi::get,
        to_the_end: true;
    get "/" "page" "One page for people" => ("text/html", "Text"), page::get,
        to_the_end: true;
}

pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.handler)();
        if !route.to_the_end {
            handler = handler.route_layer(middleware::from_fn_with_state(app.clone(), while_running));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(at_the_door))
        .with_state(app)
}

async fn no_route(uri: Uri) -> Problem {
    let detail = format!("nothing is at {}; the routes are described at /openapi.json", quoted(uri.path()));
    Problem::new(StatusCode::NOT_FOUND, "no-route", "There is nothing here", detail)
}

async fn no_method(method: Method) -> Problem {
    let detail = format!("this route does not answer {}; the Allow header lists what it does", quoted(method.as_str()));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", "The route does not answer this method", detail)
        .field("method")
}

/// Before every route: from which page.
async fn at_the_door(request: Request, next: Next) -> Response {
    if let Err(problem) = check_origin(request.method(), request.uri(), request.headers()) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Before most of them: whether there still is somebody to ask.
async fn while_running(State(app): State<App>, request: Request, next: Next) -> Response {
    let states = app.handle.states();
    let phase = dto::phase(&app.handle, &states);
    if phase == "running" {
        return next.run(request).await;
    }
    let daemon = dto::Daemon::at(&app.handle, &states);
    Problem::stopping(format!("the daemon is {phase}")).daemon(daemon).into_response()
}
