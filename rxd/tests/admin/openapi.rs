//! `/openapi.json` describes what the routes answer.

use crate::client::{ask, get};
use crate::daemon::start;
use serde_json::Value;

#[tokio::test]
async fn openapi_operations_answer_as_described() {
    let d = start(|admin| admin).await;
    let api = get(&d.at, "/openapi.json").await.json();
    let mut count = 0;
    let mut paths: Vec<_> = api["paths"].as_object().unwrap().iter().collect();
    // Nothing answers after it.
    paths.sort_by_key(|(path, _)| *path == "/shutdown");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            if path == "/events" {
                continue;
            }
            count += 1;
            let path = path.replace("{name}", "api").replace("{group}", "front");
            let body = if operation["requestBody"].is_object() { "debug" } else { "" };
            let answer = ask(&d.at, &method.to_ascii_uppercase(), &path, "", body).await;
            let response = &operation["responses"][answer.status.to_string()];
            assert!(response.is_object(), "{method} {path}: {} is not described", answer.status);
            let media = answer.head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
            let media = media.split(';').next().unwrap();
            let schema = &response["content"][media]["schema"];
            assert!(schema.is_object(), "{method} {path}: {media} is not described");
            if media == "application/json" {
                fits(&api, schema, &answer.json(), &format!("{method} {path}"));
            }
        }
    }
    assert_eq!(count, 31);
}

/// Asserts that a value fits a schema, for as much of JSON Schema as the description uses.
fn fits(api: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(api, api.pointer(&reference[1..]).unwrap(), value, at);
    }
    assert!(schema.get("anyOf").is_none(), "{at}: {schema}");
    if let Some(one_of) = schema["enum"].as_array() {
        assert!(one_of.contains(value), "{at}: {value} is none of {one_of:?}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(name.as_str().unwrap()), "{at}: no {name} in {value}");
            }
            for (name, value) in object {
                let at = format!("{at}.{name}");
                match (&schema["properties"][name], &schema["additionalProperties"]) {
                    (Value::Null, Value::Bool(false)) => panic!("{at} is not described"),
                    (Value::Null, Value::Null) => {}
                    (Value::Null, other) | (other, _) => fits(api, other, value, &at),
                }
            }
        }
        Some("array") => {
            for (n, value) in value.as_array().unwrap_or_else(|| panic!("{at}: {value}")).iter().enumerate() {
                fits(api, &schema["items"], value, &format!("{at}[{n}]"));
            }
        }
        Some("string") => assert!(value.is_string(), "{at}: {value}"),
        Some("boolean") => assert!(value.is_boolean(), "{at}: {value}"),
        Some("integer") => assert!(value.is_u64(), "{at}: {value}"),
        Some("number") => assert!(value.is_number(), "{at}: {value}"),
        _ => {}
    }
}
