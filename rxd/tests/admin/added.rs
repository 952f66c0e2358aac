//! What operators add and remove: `POST /services`, `DELETE /services/{name}`.

use crate::client::{Answer, ask, get};
use crate::daemon::{Lingers, Waits, at, services};
use rxd::admin::{Address, Admin};
use rxd::{Daemon, DaemonHandle, Options, Service, State};
use serde_json::{Value, json};
use std::time::Duration;

const JSON: &str = "Content-Type: application/json\r\n";

async fn start(admin: impl FnOnce(Admin) -> Admin) -> (DaemonHandle, Address) {
    let levels = rxd::log::LevelHandle::new(rxd::log::Level::Info);
    let admin = admin(crate::daemon::admin(&levels));
    let handle = services(Daemon::new("test").signals([])).admin(admin).start().await.unwrap();
    handle.wait_for("poller", State::Run).await.unwrap();
    let to = at(&handle);
    (handle, to)
}

/// Tenants, and what only breaks.
fn tenants(admin: Admin) -> Admin {
    admin
        .addable("tenant", |name, args| {
            let region = args.get("region").ok_or("`region` is missing")?;
            if name == "explodes" {
                panic!("no such region: {region}");
            }
            let tenant = Service::new("any", Waits).group("tenants");
            Ok(match args.get("needs") {
                Some(other) => tenant.needs([other.clone()]),
                None => tenant,
            })
        })
        .addable("slow", |_, _| {
            let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(1_000_000));
            Ok(Service::new("any", Lingers::default()).options(options))
        })
}

async fn add(to: &Address, body: Value) -> Answer {
    ask(to, "POST", "/services", JSON, &body.to_string()).await
}

async fn remove(to: &Address, path: &str) -> Answer {
    ask(to, "DELETE", &format!("/services/{path}"), "", "").await
}

fn tenant(name: &str, needs: Option<&str>) -> Value {
    let mut tenant = json!({ "kind": "tenant", "name": name, "args": { "region": "eu" } });
    if let Some(needs) = needs {
        tenant["args"]["needs"] = needs.into();
    }
    tenant
}

#[tokio::test]
async fn service_of_a_registered_kind_is_added_and_removed() {
    let (handle, to) = start(tenants).await;
    let added = add(&to, tenant("acme", Some("api"))).await;
    let reply = added.json();
    assert_eq!((added.status, &reply["name"], &reply["group"]), (201, &json!("acme"), &json!("tenants")));
    handle.wait_for("acme", State::Run).await.unwrap();
    assert_eq!(add(&to, tenant("shop", Some("acme"))).await.status, 201);
    let problem = remove(&to, "acme").await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("`shop` names it"), "{problem}");
    let removed = remove(&to, "acme?dependents=true").await;
    assert_eq!((removed.status, removed.json()), (200, json!({ "name": "acme" })));
    assert!(handle.states().get("acme").is_none() && handle.states().get("shop").is_none());
    get(&to, "/services/acme").await.problem(404);
    remove(&to, "acme").await.problem(404);
    // The name can be used again.
    assert_eq!(add(&to, tenant("acme", None)).await.status, 201);
    assert_eq!(remove(&to, "acme?dependents=false").await.status, 200);
}

#[tokio::test]
async fn f97_bad_addition_is_a_problem_in_the_words_of_the_error_and_adds_nothing() {
    let (handle, to) = start(tenants).await;
    let count = handle.states().len();
    let refused = async |body: Value, status: u16, kind: &str, field: Option<&str>, says: &str| {
        let problem = add(&to, body).await.problem(status);
        assert_eq!(problem["type"], format!("urn:rxd:{kind}"), "{problem}");
        assert_eq!(problem.get("field").and_then(Value::as_str), field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
        problem
    };
    let unknown = json!({ "kind": "tenat", "name": "a" });
    let problem = refused(unknown, 404, "unknown-kind", Some("kind"), "operators may not add a `tenat`").await;
    assert_eq!((&problem["suggestion"], &problem["allowed"]), (&json!("tenant"), &json!(["tenant", "slow"])));
    let missing = json!({ "kind": "tenant", "name": "a" });
    refused(missing, 400, "invalid", Some("args"), "no tenant was made: `region` is missing").await;
    refused(tenant("a b", None), 400, "invalid", Some("name"), "a name cannot contain a space").await;
    refused(tenant("", None), 400, "invalid", Some("name"), "a name cannot be empty").await;
    refused(tenant("api", None), 409, "conflict", None, "api").await;
    refused(tenant("a", Some("ap")), 409, "conflict", None, "did you mean `api`?").await;
    refused(tenant("explodes", None), 500, "panicked", None, "no such region: eu").await;
    for body in [
        json!([]),
        json!({ "kind": "tenant" }),
        json!({ "kind": "tenant", "name": "a", "args": { "region": 3 } }),
        json!({ "kind": "tenant", "name": "a", "args": [] }),
        json!({ "kind": "tenant", "name": "a", "arguments": {} }),
    ] {
        refused(body, 400, "invalid", Some("body"), "write {\"kind\": \"tenant\"").await;
    }
    ask(&to, "POST", "/services", "Content-Type: text/xml\r\n", "<a/>").await.problem(415);
    ask(&to, "POST", "/services", JSON, &"x".repeat(20_000)).await.problem(413);
    assert_eq!(handle.states().len(), count);
    // The connection goes on after a panic, and so does the daemon.
    assert_eq!(add(&to, tenant("a", None)).await.status, 201);
}

#[tokio::test]
async fn services_that_no_operator_has_added_cannot_be_removed() {
    let (handle, to) = start(tenants).await;
    let problem = remove(&to, "api").await.problem(409);
    assert_eq!(problem["detail"], "service `api` was not added by an operator, and only the program removes it");
    handle.add(Service::new("by-code", Waits)).await.unwrap();
    remove(&to, "by-code").await.problem(409);
    assert_eq!(add(&to, tenant("acme", None)).await.status, 201);
    handle.add(Service::new("dependent", Waits).needs(["acme"])).await.unwrap();
    let problem = remove(&to, "acme?dependents=true").await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("`dependent`"), "{problem}");
    // Another one of that name is not the one that was added.
    handle.remove_with_dependents("acme").await.unwrap();
    handle.add(Service::new("acme", Waits)).await.unwrap();
    remove(&to, "acme").await.problem(409);
    let problem = remove(&to, "acme?dependents=yes").await.problem(400);
    assert_eq!(problem["field"], "dependents");
    assert!(["api", "by-code", "acme"].iter().all(|name| handle.states().get(name).is_some()));
}

#[tokio::test]
async fn without_a_registered_kind_nothing_can_be_added() {
    let (_handle, to) = start(|admin| admin).await;
    let problem = add(&to, tenant("acme", None)).await.problem(404);
    assert_eq!(problem["detail"], "daemon `test` has no kinds of services that operators may add");
    let refused = async |admin: Admin| {
        let started = Daemon::new("d").admin(admin).add(Service::new("a", Waits)).start().await;
        started.unwrap_err().to_string()
    };
    let make = |_: &str, _: &_| Ok(Service::new("any", Waits));
    let twice = refused(Admin::new("127.0.0.1:0").addable("a", make).addable("a", make)).await;
    assert!(twice.contains("`addable`: `a` is named twice\nhelp: remove one of them"), "{twice}");
    let space = refused(Admin::new("127.0.0.1:0").addable("a b", make)).await;
    assert!(space.contains("`addable`: a name cannot contain a space"), "{space}");
}

#[tokio::test]
async fn additions_need_the_token_and_a_daemon_that_runs() {
    let (handle, to) = start(|admin| tenants(admin).token("0123456789abcdef")).await;
    add(&to, tenant("acme", None)).await.problem(401);
    remove(&to, "api").await.problem(401);
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    let foreign = format!("{token}Origin: http://evil.example\r\n");
    ask(&to, "POST", "/services", &foreign, &tenant("acme", None).to_string()).await.problem(403);
    let body = json!({ "kind": "slow", "name": "slow" }).to_string();
    assert_eq!(ask(&to, "POST", "/services", token, &body).await.status, 201);
    handle.wait_for("slow", State::Run).await.unwrap();
    handle.shutdown();
    ask(&to, "POST", "/services", token, &tenant("acme", None).to_string()).await.problem(503);
    ask(&to, "DELETE", "/services/slow", token, "").await.problem(503);
}
