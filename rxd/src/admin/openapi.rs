//! `GET /openapi.json`: the description of a table of routes, with schemas from the types in
//! [`dto`](super::dto), [`explain`](super::explain) and [`problem`](super::problem).

use super::api::added::{RemovedReply, WantedService};
use super::api::families::{FamilyReply, WantedMembers};
use super::api::graph::{DIRECTIONS, FORMATS};
use super::api::levels::{Levels, WantedLevel, WantedServiceLevel};
use super::api::shutdown::WantedShutdown;
use super::app::App;
use super::routes::Route;
use super::{dto, explain, problem};
use crate::log::Level;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub(crate) fn reply(routes: &[Route], app: &App) -> Response {
    let states = app.handle.states();
    // One example suffices. A tool that tries the examples would otherwise stop all services.
    let names: Vec<&str> = states.iter().take(1).map(|service| &*service.name).collect();
    ([(header::CONTENT_TYPE, "application/json")], description(routes, &names).to_string()).into_response()
}

fn description(routes: &[Route], services: &[&str]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route, services);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rxd admin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A running daemon that is built with rxd: its services, their graph, their log levels.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn content(media: &str, schema: &str) -> Value {
    let mut content = Map::new();
    content.insert(media.to_owned(), json!({ "schema": reference(schema) }));
    Value::Object(content)
}

fn reference(schema: &str) -> Value {
    match schema {
        "Any" => json!({}),
        "Text" => json!({ "type": "string" }),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    }
}

fn operation(route: &Route, services: &[&str]) -> Value {
    let mut parameters = Vec::new();
    if route.path.contains("{name}") {
        let of_family = route.path.starts_with("/families");
        parameters.push(json!({
            "name": "name", "in": "path", "required": true,
            "description": if of_family { "the name of the family" } else { "the name of the service" },
            "schema": { "type": "string", "minLength": 1, "examples": if of_family { &[] } else { services } },
        }));
    }
    if route.path.contains("{group}") {
        parameters.push(json!({
            "name": "group", "in": "path", "required": true,
            "description": "the name of the group", "schema": { "type": "string", "minLength": 1 },
        }));
    }
    for (name, meaning) in route.query {
        let schema = match *name {
            "format" => json!({ "enum": FORMATS.map(|(name, _)| name) }),
            "direction" => json!({ "enum": DIRECTIONS }),
            "dependents" => json!({ "type": "boolean" }),
            _ => json!({ "type": "string" }),
        };
        parameters.push(json!({ "name": name, "in": "query", "description": meaning, "schema": schema }));
    }
    let mut responses = Map::new();
    let mut add = |status: u16, media: &str, schema: &str, description: &str| {
        let response =
            responses.entry(status.to_string()).or_insert_with(|| json!({ "description": description, "content": {} }));
        if let (Some(all), Value::Object(more)) = (response["content"].as_object_mut(), content(media, schema)) {
            all.extend(more);
        }
    };
    let (media, schema) = route.answer;
    if !schema.is_empty() {
        add(200, media, schema, route.summary);
    }
    for (status, media, schema) in route.also {
        let description = match status {
            202 => "The action is in progress, and goes on",
            503 => "The check has failed; the text says why",
            _ => route.summary,
        };
        add(*status, media, schema, description);
    }
    // Any request may get the last three.
    for status in route.problems.iter().chain(&[400, 401, 403]) {
        add(*status, "application/problem+json", "Problem", describe_problem(*status));
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "responses": responses,
    });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = route.body {
        let is_reason = schema == "WantedShutdown";
        let text = match schema {
            "WantedShutdown" => reference("Text"),
            "WantedMembers" => json!({ "type": "string", "pattern": "^[0-9]+$" }),
            _ => json!({ "enum": Level::NAMES.map(|(name, _)| name) }),
        };
        operation["requestBody"] = json!({
            "required": !is_reason,
            "content": { "application/json": { "schema": reference(schema) } },
        });
        if schema != "WantedService" {
            operation["requestBody"]["content"]["text/plain"] = json!({ "schema": text });
        }
    }
    operation
}

fn describe_problem(status: u16) -> &'static str {
    match status {
        400 => "The request is not valid; `field` names the part",
        401 => "The token is missing or wrong",
        403 => "The request is for another host, or from a page of another origin",
        404 => "Unknown service, group, family or kind; `suggestion` is the nearest name",
        406 => "The graph has no format that the client accepts",
        408 => "The body arrives too slowly",
        409 => "This is not possible now; `detail` says why, and `members` for each service of a group",
        413 => "The body is too long",
        500 => "The program has panicked; `detail` has its message",
        415 => "The body is neither JSON nor text",
        _ => "The daemon is stopping, or too busy; `daemon` has the state of its services if it is stopping",
    }
}

/// The schemas of answers and bodies, from the types themselves.
fn schemas() -> Map<String, Value> {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut answers = settings.clone().for_serialize().into_generator();
    answers.subschema_for::<dto::DaemonReply>();
    answers.subschema_for::<dto::ServiceReply>();
    answers.subschema_for::<dto::GroupReply>();
    answers.subschema_for::<FamilyReply>();
    answers.subschema_for::<dto::LevelReply>();
    answers.subschema_for::<RemovedReply>();
    answers.subschema_for::<Levels>();
    answers.subschema_for::<explain::WhyReply>();
    answers.subschema_for::<problem::ProblemDetails>();
    let mut bodies = settings.into_generator();
    bodies.subschema_for::<WantedLevel>();
    bodies.subschema_for::<WantedServiceLevel>();
    bodies.subschema_for::<WantedShutdown>();
    bodies.subschema_for::<WantedMembers>();
    bodies.subschema_for::<WantedService>();
    let mut schemas = answers.take_definitions(true);
    schemas.extend(bodies.take_definitions(true));
    // The graph writes its JSON itself, so there is no type to take a schema from.
    schemas.insert("Graph".to_owned(), json!({ "type": "object", "required": ["daemon", "services"] }));
    schemas
}
