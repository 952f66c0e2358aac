//! `GET /openapi.json`: made of the table of routes, and of the types that they answer with.

use super::api::graph::{DIRECTIONS, FORMS};
use super::api::levels::{Levels, WantedLevel, WantedServiceLevel};
use super::app::App;
use super::routes::{ROUTES, Route};
use super::{dto, explain, problem};
use crate::log::Level;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub(crate) async fn get(State(app): State<App>) -> Response {
    let states = app.handle.states();
    // One is enough of an example; and whoever tries it out on all there are would end the daemon.
    let names: Vec<&str> = states.iter().take(1).map(|service| &*service.name).collect();
    ([(header::CONTENT_TYPE, "application/json")], description(&names).to_string()).into_response()
}

fn description(services: &[&str]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route, services);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rxd admin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A running daemon of rxd: its services, their graph, their log levels.",
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
        parameters.push(json!({
            "name": "name", "in": "path", "required": true,
            "description": "the service", "schema": { "type": "string", "minLength": 1, "examples": services },
        }));
    }
    for (name, says) in route.query {
        let schema = match *name {
            "format" => json!({ "enum": FORMS.map(|(name, _)| name) }),
            "direction" => json!({ "enum": DIRECTIONS }),
            _ => json!({ "type": "string" }),
        };
        parameters.push(json!({ "name": name, "in": "query", "description": says, "schema": schema }));
    }
    let mut responses = Map::new();
    let mut add = |status: u16, media: &str, schema: &str, says: &str| {
        let response =
            responses.entry(status.to_string()).or_insert_with(|| json!({ "description": says, "content": {} }));
        if let (Some(all), Value::Object(more)) = (response["content"].as_object_mut(), content(media, schema)) {
            all.extend(more);
        }
    };
    let (media, schema) = route.answer;
    add(200, media, schema, route.says);
    for (status, media, schema) in route.also {
        let says = match status {
            202 => "It was begun, and goes on",
            503 => "It is not so; the text says why",
            _ => route.says,
        };
        add(*status, media, schema, says);
    }
    // These may come of any request.
    for status in route.problems.iter().chain(&[400, 401, 403]) {
        add(*status, "application/problem+json", "Problem", says_of(*status));
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.says,
        "responses": responses,
    });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": {
                "application/json": { "schema": reference(schema) },
                "text/plain": { "schema": { "enum": Level::NAMES.map(|(name, _)| name) } },
            },
        });
    }
    operation
}

fn says_of(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read; `field` says which part",
        401 => "The token is missing or wrong",
        403 => "The request is for another host, or from another page",
        404 => "There is no such service; `suggestion` is the nearest",
        406 => "There is no such form",
        408 => "The body came too slowly",
        409 => "The service could not do that",
        413 => "The body is too long",
        415 => "The body is neither JSON nor text",
        _ => "The daemon is stopping; `daemon` says where its services are",
    }
}

/// The schemas of what is answered, and of what is asked: from the types themselves.
fn schemas() -> Map<String, Value> {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut answers = settings.clone().for_serialize().into_generator();
    answers.subschema_for::<dto::Daemon>();
    answers.subschema_for::<dto::Service>();
    answers.subschema_for::<dto::LevelReply>();
    answers.subschema_for::<Levels>();
    answers.subschema_for::<explain::Why>();
    answers.subschema_for::<problem::Said>();
    let mut bodies = settings.into_generator();
    bodies.subschema_for::<WantedLevel>();
    bodies.subschema_for::<WantedServiceLevel>();
    let mut schemas = answers.take_definitions(true);
    schemas.extend(bodies.take_definitions(true));
    // It is written by the graph itself.
    schemas.insert("Graph".to_owned(), json!({ "type": "object", "required": ["daemon", "services"] }));
    schemas
}
