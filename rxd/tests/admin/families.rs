//! `POST /families/{name}/scale`.

use crate::client::{ask, get};
use crate::daemon::at;
use rxd::admin::Admin;
use rxd::{Context, Daemon, DaemonHandle, Family, Service, State};
use serde_json::json;

async fn start() -> DaemonHandle {
    let worker = |_| {
        Service::from_fn("worker", |cx: Context| async move {
            cx.cancelled().await;
            Ok(())
        })
    };
    let family = Family::new("workers", (0..2).map(worker)).made_by(worker);
    let admin = Admin::new("127.0.0.1:0").token("0123456789abcdef");
    let handle = Daemon::new("d").signals([]).family(family).admin(admin).start().await.unwrap();
    handle.wait_for("worker-1", State::Run).await.unwrap();
    handle
}

const TOKEN: &str = "Authorization: Bearer 0123456789abcdef\r\n";
const JSON: &str = "Authorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn f81_family_is_scaled_by_text_or_by_json() {
    let handle = start().await;
    let at = at(&handle);
    let grown = ask(&at, "POST", "/families/workers/scale", TOKEN, "11").await;
    let names: Vec<String> = (0..11).map(|n| format!("worker-{n}")).collect();
    assert_eq!((grown.status, grown.json()), (200, json!({ "name": "workers", "members": names })));
    let shrunk = ask(&at, "POST", "/families/workers/scale", JSON, r#"{"members": 1}"#).await;
    assert_eq!((shrunk.status, shrunk.json()), (200, json!({ "name": "workers", "members": ["worker-0"] })));
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

#[tokio::test]
async fn f82_scaling_that_is_not_possible_is_a_problem() {
    let handle = start().await;
    let at = at(&handle);
    ask(&at, "POST", "/families/workers/scale", "", "3").await.problem(401);
    ask(&at, "POST", "/families/workers/scale", TOKEN, "many").await.problem(400);
    let unknown = ask(&at, "POST", "/families/worker/scale", TOKEN, "3").await.problem(404);
    assert_eq!((&unknown["suggestion"], &unknown["type"]), (&json!("workers"), &json!("urn:rxd:unknown-family")));
    let too_many = ask(&at, "POST", "/families/workers/scale", TOKEN, "10001").await.problem(409);
    assert!(too_many["detail"].as_str().unwrap().contains("at most 10000 members"), "{too_many}");
    assert_eq!(get(&at, "/families/workers/scale").await.status, 401);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
