//! The table of routes: [`router`](super::router) is made from it, and [`openapi`](super::openapi)
//! describes it. A route that is not in the table does not exist.

use super::api::{actions, added, events, families, graph, groups, levels, metrics, probes, services, shutdown};
use super::app::App;
use super::page;
use axum::routing::{self, MethodRouter};

/// One route: its handler, and its description.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// The media type and schema of the answer with status 200; an empty schema if there is none.
    pub(crate) answer: (&'static str, &'static str),
    /// Statuses of success besides 200, with their schema.
    pub(crate) also: &'static [(u16, &'static str, &'static str)],
    /// The parameters of the query, and what each means.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The statuses of problems, besides those that every route may answer with.
    pub(crate) problems: &'static [u16],
    /// The schema of the request's body.
    pub(crate) body: Option<&'static str>,
    /// Whether it answers as usual while the daemon is stopping.
    pub(crate) while_stopping: bool,
    /// `None` for the description of this table, which the router adds.
    pub(crate) handler: Option<fn() -> MethodRouter<App>>,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

macro_rules! routes {
    ($($method:ident $path:literal $id:literal $summary:literal => $answer:expr $(=> $handler:path)? $(, $field:ident: $value:expr)* ;)+) => {
        /// All routes.
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            id: $id,
            summary: $summary,
            answer: $answer,
            $(handler: Some(|| routing::$method($handler)),)?
            $($field: $value,)*
            ..PLAIN
        }),+];
    };
}

/// What a row leaves out.
const PLAIN: Route = Route {
    method: "get",
    path: "/",
    id: "",
    summary: "",
    answer: (JSON, ""),
    also: &[],
    query: &[],
    problems: &[],
    body: None,
    while_stopping: false,
    handler: None,
};

/// An action takes longer than it is waited for.
const IN_PROGRESS: &[(u16, &str, &str)] = &[(202, JSON, "Service")];
/// The problems of an action on a service.
const ACTION: &[u16] = &[400, 404, 409, 503];
/// The same for an action on a group, or on all services.
const GROUP_IN_PROGRESS: &[(u16, &str, &str)] = &[(202, JSON, "Group")];
const ACTION_ON_ALL: &[u16] = &[409, 503];
/// The problems of a level that is set for a service.
const SET_LEVEL: &[u16] = &[400, 404, 408, 409, 413, 415, 503];

routes! {
    get "/log-level" "getLevels" "Shows every level that is set" => (JSON, "Levels") => levels::get_all, while_stopping: true;
    put "/log-level" "setDefaultLevel" "Sets the default level, or the internal one: that of rxd's own records"
        => (JSON, "Levels") => levels::put_default, body: Some("WantedLevel"), problems: &[400, 408, 409, 413, 415, 503];
    delete "/log-level" "resetDefaultLevel" "Resets the default level and the internal one to their initial values"
        => (JSON, "Levels") => levels::delete_default, problems: &[503];
    get "/services" "listServices" "Shows the daemon, and the state of each service"
        => (JSON, "Daemon") => services::list, while_stopping: true;
    post "/services" "addService" "Adds a service of a kind that the program allows for"
        => (JSON, "") => added::add, also: &[(201, JSON, "Service")], body: Some("WantedService"),
        problems: &[404, 408, 409, 413, 415, 500, 503];
    delete "/services/{name}" "removeService" "Stops a service that was added by an operator, and forgets it"
        => (JSON, "Removed") => added::remove, also: &[(202, JSON, "Removed")],
        query: &[("dependents", "whether those that refer to it are removed, too: true or false")],
        problems: ACTION;
    get "/services/{name}" "getService" "Shows the state of a service"
        => (JSON, "Service") => services::one, problems: &[400, 404], while_stopping: true;
    get "/services/{name}/why" "why" "Says why a service is in its state: what it waits for, and why that is not met"
        => (JSON, "Why") => services::why, problems: &[400, 404], while_stopping: true;
    get "/services/{name}/log-level" "getServiceLevel" "Shows the level of a service"
        => (JSON, "LevelSetting") => levels::get_one, problems: &[400, 404], while_stopping: true;
    put "/services/{name}/log-level" "setServiceLevel" "Sets the level of a service, permanently or for a time"
        => (JSON, "LevelSetting") => levels::put_one, body: Some("WantedServiceLevel"), problems: SET_LEVEL;
    delete "/services/{name}/log-level" "resetServiceLevel" "Lets the level of a service follow the default again"
        => (JSON, "LevelSetting") => levels::delete_one, problems: &[400, 404, 503];
    post "/services/{name}/start" "start" "Starts a service that is in Exit"
        => (JSON, "Service") => actions::start, also: IN_PROGRESS, problems: ACTION;
    post "/services/{name}/stop" "stop" "Stops a service: it ends in Exit"
        => (JSON, "Service") => actions::stop, also: IN_PROGRESS, problems: ACTION;
    post "/services/{name}/restart" "restart" "Restarts a service: it passes Stop, and enters Init again"
        => (JSON, "Service") => actions::restart, also: IN_PROGRESS, problems: ACTION;
    post "/services/{name}/reload" "reload" "Reloads a service"
        => (JSON, "Service") => actions::reload, also: IN_PROGRESS, problems: ACTION;
    post "/groups/{group}/start" "startGroup" "Starts the services of a group that are in Exit"
        => (JSON, "Group") => groups::start, also: GROUP_IN_PROGRESS, problems: ACTION;
    post "/groups/{group}/stop" "stopGroup" "Stops the services of a group, those first that depend on others of them"
        => (JSON, "Group") => groups::stop, also: GROUP_IN_PROGRESS, problems: ACTION;
    post "/groups/{group}/restart" "restartGroup" "Restarts the services of a group"
        => (JSON, "Group") => groups::restart, also: GROUP_IN_PROGRESS, problems: ACTION;
    post "/groups/{group}/reload" "reloadGroup" "Reloads the services of a group, along the graph"
        => (JSON, "Group") => groups::reload, also: GROUP_IN_PROGRESS, problems: ACTION;
    post "/start" "startAll" "Starts all services that are in Exit"
        => (JSON, "Group") => groups::start_all, also: GROUP_IN_PROGRESS, problems: ACTION_ON_ALL;
    post "/stop" "stopAll" "Stops all services, in order; the daemon goes on"
        => (JSON, "Group") => groups::stop_all, also: GROUP_IN_PROGRESS, problems: ACTION_ON_ALL;
    post "/restart" "restartAll" "Restarts all services"
        => (JSON, "Group") => groups::restart_all, also: GROUP_IN_PROGRESS, problems: ACTION_ON_ALL;
    post "/families/{name}/scale" "scale" "Changes how many members a family has"
        => (JSON, "Family") => families::scale, also: &[(202, JSON, "Family")], body: Some("WantedMembers"),
        problems: &[400, 404, 408, 409, 413, 415, 503];
    post "/reload" "reloadAll" "Reloads all services, along the graph; waits for 10 s, or as the header `Prefer: wait=60` says"
        => (JSON, "Daemon") => actions::reload_all, also: &[(202, JSON, "Daemon")], problems: &[409, 503];
    post "/shutdown" "shutdown" "Stops the daemon. Repeating it changes nothing"
        => (JSON, "") => shutdown::post, also: &[(202, JSON, "Daemon")], body: Some("WantedShutdown"),
        problems: &[408, 413, 415], while_stopping: true;
    get "/graph" "graph" "Shows the checked graph, in the accepted format" => (JSON, "Graph") => graph::get,
        also: &[(200, "text/vnd.mermaid", "Text"), (200, "text/vnd.graphviz", "Text"), (200, "image/svg+xml", "Text")],
        query: &[("format", "the format, whatever the client accepts"), ("direction", "the direction of the SVG")],
        problems: &[400, 404, 406],
        while_stopping: true;
    get "/events" "events" "Sends a snapshot, then every transition, as server-sent events; Last-Event-ID resumes"
        => ("text/event-stream", "Text") => events::get, problems: &[503], while_stopping: true;
    get "/livez" "livez" "Whether the daemon answers, and no heartbeat is stale" => (TEXT, "Text") => probes::live,
        query: &[("verbose", "shows a line for each check")], also: &[(503, TEXT, "Text")],
        while_stopping: true;
    get "/readyz" "readyz" "Whether every service is in Run, or has ended as designed" => (TEXT, "Text") => probes::ready,
        query: &[("verbose", "shows a line for each check"), ("exclude", "a service that does not count")],
        also: &[(503, TEXT, "Text")],
        while_stopping: true;
    get "/metrics" "metrics" "Shows the metrics, for Prometheus" => (TEXT, "Text") => metrics::get,
        while_stopping: true;
    get "/openapi.json" "openapi" "Shows this description" => (JSON, "Any"),
        while_stopping: true;
    get "/" "page" "Shows the page for people" => ("text/html", "Text") => page::get,
        while_stopping: true;
}
