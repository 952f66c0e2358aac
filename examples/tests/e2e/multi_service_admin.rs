//! What operators see and do, end to end.

use crate::program::{Program, free_port, get, request};
use serde_json::Value;

const BIN: &str = env!("CARGO_BIN_EXE_multi-service-admin");

/// Starts the example on free ports; returns the address of its admin route.
fn start(more: &[&str]) -> (Program, String) {
    let (addr, admin) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let program = Program::start(BIN, &[&["--addr", &addr, "--admin", &admin], more].concat());
    (program, admin)
}

#[test]
fn admin_route_shows_services_sets_levels_and_acts() {
    let (mut program, admin) = start(&[]);
    program.until(r#"{"hello":"world"}"#);
    assert!(get(&admin, "/").contains("<html"), "the page");
    assert!(get(&admin, "/graph?format=mermaid").contains("flowchart"));
    assert!(get(&admin, "/metrics").contains("service=\"poller\""));
    let services: Value = serde_json::from_str(&get(&admin, "/services")).unwrap();
    assert!(services.to_string().contains("poller"), "{services}");

    // One service in detail: its DEBUG records appear.
    let answer = request(&admin, "PUT", "/services/health/log-level", "debug for 1m");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    program.until("healthy");

    let answer = request(&admin, "POST", "/services/api/reload", "");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    program.until("reloaded");

    // An operator stops the API: the other services leave Run, and `why` says what they wait for.
    let answer = request(&admin, "POST", "/services/api/stop", "");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    let why = loop {
        let why = get(&admin, "/services/poller/why");
        if why.contains("waits for health") {
            break why;
        }
        std::thread::yield_now();
    };
    assert!(why.contains("poller in Idle"), "{why}");
    let answer = request(&admin, "POST", "/services/api/start", "");
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    program.until("listening on");
    program.until(r#"{"hello":"world"}"#);

    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}

#[test]
fn api_that_fails_restarts_and_the_poller_with_it() {
    let (mut program, _) = start(&["--fail-every", "700ms"]);
    program.until("failed because of --fail-every");
    program.until("listening on");
    program.until(r#"{"hello":"world"}"#);
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}
