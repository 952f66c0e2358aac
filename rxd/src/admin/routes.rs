//! The one table of routes: the router is made from it, and so is `/openapi.json`.

use super::api::{actions, events, graph, levels, metrics, probes, services};
use super::app::App;
use super::guard::check_origin;
use super::openapi;
use super::problem::Problem;
use super::{page, view};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
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
    /// Whether it answers while the daemon is stopping, and how it stands with problems of its own.
    pub(crate) query: &'static [(&'static str, &'static str)],
    pub(crate) problems: &'static [u16],
    pub(crate) body: Option<&'static str>,
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
    get "/services/{name}/log-level" "getServiceLevel" "A service's level" => (JSON, "LevelSetting"), levels::get_one, problems: &[400, 404, 503];
    put "/services/{name}/log-level" "setServiceLevel" "Sets a service's level, to stay or for a while" => (JSON, "LevelSetting"), levels::put_one,
        body: Some("WantedServiceLevel"), problems: CHANGE;
    delete "/services/{name}/log-level" "resetServiceLevel" "Has a service follow the default again" => (JSON, "LevelSetting"), levels::delete_one,
        problems: &[400, 404, 503];
    post "/services/{name}/start" "start" "Starts a service that is in Exit" => (JSON, "Service"), actions::start, also: ACTED, problems: ACT;
    post "/services/{name}/stop" "stop" "Ends a service" => (JSON, "Service"), actions::stop, also: ACTED, problems: ACT;
    post "/services/{name}/restart" "restart" "Takes a service through Stop and back to Init" => (JSON, "Service"), actions::restart, also: ACTED,
        problems: ACT;
    post "/services/{name}/reload" "reload" "Has a service reload" => (JSON, "Service"), actions::reload, also: ACTED, problems: ACT;
    get "/graph" "graph" "The checked graph, in the form that is accepted" => (JSON, "Graph"), graph::get,
        also: &[(200, "text/vnd.mermaid", "Text"), (200, "text/vnd.graphviz", "Text"), (200, "image/svg+xml", "Text")],
        query: &[("format", "json, mermaid, dot or svg, whatever is accepted")], problems: &[400, 404, 406];
    get "/events" "events" "A snapshot, then every transition, as server-sent events; Last-Event-ID resumes" => ("text/event-stream", "Text"), events::get,
        problems: &[503];
    get "/livez" "livez" "Whether the daemon answers, and its heartbeats beat" => (TEXT, "Text"), probes::live,
        query: &[("verbose", "a line for each check")], also: &[(503, TEXT, "Text")];
    get "/readyz" "readyz" "Whether every service is in Run, or ended as it was meant to" => (TEXT, "Text"), probes::ready,
        query: &[("verbose", "a line for each check"), ("exclude", "a service that does not count")], also: &[(503, TEXT, "Text")];
    get "/metrics" "metrics" "For Prometheus" => (TEXT, "Text"), metrics::get;
    get "/openapi.json" "openapi" "This description" => (JSON, "Any"), openapi::get;
    get "/" "page" "One page for people" => ("text/html", "Text"), page::get;
}

/// What answers as ever while the daemon is stopping.
const TO_THE_END: [&str; 7] = ["/", "/events", "/graph", "/livez", "/metrics", "/openapi.json", "/readyz"];

pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(app.clone(), at_the_door))
        .with_state(app)
}

async fn no_route() -> Problem {
    let detail = "the routes are described at /openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "no-route", "There is nothing here", detail)
}

async fn no_method() -> Problem {
    let detail = "the Allow header lists what this route answers";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", "The route does not answer this method", detail)
}

/// Before every route: from which page, and whether there still is somebody to ask.
async fn at_the_door(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(problem) = check_origin(request.method(), request.uri(), request.headers()) {
        return problem.into_response();
    }
    let path = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
    let nested = |end: &str| path.as_deref().is_some_and(|path| path.ends_with(end) && !path.contains("/services"));
    if path.is_some() && !TO_THE_END.iter().any(|end| nested(end)) {
        let states = app.handle.states();
        let phase = view::phase(&app.handle, &states);
        if phase != "running" {
            let daemon = view::Daemon::at(&app.handle, &states);
            return Problem::stopping(format!("the daemon is {phase}")).daemon(daemon).into_response();
        }
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
