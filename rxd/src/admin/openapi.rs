//! `GET /openapi.json`: the table of routes, and the schemas of what they answer.

use super::api::graph::FORMS;
use super::app::App;
use super::routes::{ROUTES, Route};
use crate::log::Level;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
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

fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "number", "minimum": 0 });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let flag = || json!({ "type": "boolean" });
    let list = |of: Value| json!({ "type": "array", "items": of });
    let one_of = |words: &[&str]| json!({ "enum": words });
    let level = || json!({ "enum": Level::ALL.map(Level::as_str) });
    let state = || one_of(&["unknown", "init", "idle", "run", "stop", "exit"]);
    let transition = || one_of(&["entering", "exited"]);
    let wanted = |of: bool| {
        let mut properties = json!({
            "level": { "enum": Level::NAMES.map(|(name, _)| name), "description": "syslog's names are accepted" },
            "for": {
                "type": "string", "pattern": "^[1-9][0-9]{0,2}(ms|s|m|h)$",
                "description": "after this time it goes back by itself: 250ms, 30s, 10m, 1h30m, 2d; at most 366d",
            },
        });
        if of {
            properties["of"] =
                json!({ "enum": ["default", "rxd"], "description": "which of the two; the default if left out" });
        }
        json!({ "type": "object", "properties": properties, "required": ["level"], "additionalProperties": false })
    };
    json!({
        "WantedLevel": wanted(true),
        "WantedServiceLevel": wanted(false),
        "LevelSetting": object(json!({
            "level": level(), "set": flag(), "reverts_in_s": number(), "reverts_to": level(),
        }), &["level", "set"]),
        "Levels": object(json!({
            "default": reference("LevelSetting"), "own": reference("LevelSetting"),
            "services": { "type": "object", "additionalProperties": reference("LevelSetting") },
        }), &["default", "own", "services"]),
        "Service": object(json!({
            "name": text(), "state": state(), "transition": transition(), "cause": text(), "ready": flag(),
            "incarnation": count(), "restarts": count(), "seq": count(), "since_s": number(),
            "next_attempt_s": number(), "last_error": text(), "level": reference("LevelSetting"),
        }), &["name", "state", "transition", "cause", "ready", "incarnation", "restarts", "seq", "since_s"]),
        "Daemon": object(json!({
            "name": text(), "phase": one_of(&["running", "stopping", "over"]), "ready": flag(), "uptime_s": number(),
            "seq": count(), "services": list(reference("Service")),
        }), &["name", "phase", "ready", "uptime_s", "seq", "services"]),
        "Why": object(json!({
            "text": text(), "seq": count(),
            "chain": list(object(json!({
                "service": reference("Service"),
                "waits_for": list(object(json!({
                    "mode": one_of(&["any", "all"]), "condition": text(), "services": list(text()), "within_s": number(),
                }), &["mode", "condition", "services"])),
                "next_attempt_s": number(), "error": text(),
            }), &["service", "waits_for"])),
        }), &["text", "seq", "chain"]),
        "Graph": { "type": "object", "required": ["daemon", "services"] },
        "Problem": object(json!({
            "type": text(), "title": text(), "status": count(), "detail": text(), "field": text(),
            "allowed": list(text()), "suggestion": text(), "daemon": reference("Daemon"),
        }), &["type", "title", "status", "detail"]),
    })
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
