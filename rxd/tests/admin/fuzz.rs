//! Requests of any form: F104. Each gets an answer that is described, and changes nothing but a
//! level.

use crate::daemon::start;
use axum::body::Body;
use axum::http::Request;
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt;

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => prop::sample::select(vec!["services", "api", "poler", "log-level", "why", "graph", "start", "reload", "livez"]),
        4 => prop::sample::select(vec!["", "readyz", "metrics", "events", "openapi.json", "%ff", "..", "%2e%2e", "%00", "a%0a"]),
    ];
    let query = prop_oneof![
        3 => Just(String::new()),
        1 => "\\?(format|exclude|verbose)=?[a-z%&=.0-9]{0,12}",
    ];
    (prop::collection::vec(part, 1..4), query).prop_map(|(parts, query)| format!("/{}{query}", parts.join("/")))
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop::sample::select(vec![
        "accept",
        "content-type",
        "host",
        "origin",
        "last-event-id",
        "sec-fetch-site",
        "authorization",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "application/json",
            "text/plain",
            "*/*",
            "image/*;q=0.1",
            "localhost",
            "null",
            "1-1"
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,24}",
    ];
    prop::collection::vec((name, value), 0..4)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "(debug|warn|loud)( for [0-9]{1,3}[a-z]{1,2})?".prop_map(String::into_bytes),
        "\\{\"(level|for|target|x)\":(\"debug\"|\"10m\"|1|null|\\{)\\}?".prop_map(String::into_bytes),
    ]
}

#[test]
fn f104_requests_of_any_form_are_answered_as_described() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let d = runtime.block_on(start(|admin| admin));
    let router = rxd::admin::router(&d.handle);
    let method = prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]);
    proptest!(ProptestConfig::with_cases(2_000), |(method in method, path in path(), headers in headers(), body in body())| {
        let mut request = Request::builder().method(method).uri(&path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
        let answer = runtime.block_on(router.clone().oneshot(request)).unwrap();
        let (status, media) = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned());
        prop_assert!([200, 202, 400, 403, 404, 405, 406, 409, 413, 415, 503].contains(&status), "{method} {path}: {status}");
        prop_assert!(answer.headers().contains_key("x-content-type-options"));
        if media == "text/event-stream" || method == "HEAD" {
            return Ok(());
        }
        let body = runtime.block_on(axum::body::to_bytes(answer.into_body(), 1 << 20)).unwrap();
        if status >= 400 && !path.contains("readyz") && !path.contains("livez") {
            prop_assert_eq!(&media[..], "application/problem+json");
        }
        if media.ends_with("json") {
            let said: Value = serde_json::from_slice(&body).unwrap();
            prop_assert!(status < 400 || said["status"] == status && said["detail"].is_string(), "{}", said);
        }
    });
    assert_eq!(d.handle.states()["api"].incarnation, 1);
    assert!(d.levels.services().iter().all(|(name, _)| name == "api"));
}
