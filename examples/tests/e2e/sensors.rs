//! Readings that are sampled, summed up and served, and the counts of their groups.
#![cfg(target_os = "linux")]

use crate::program::{self, Program, free_port};
use serde_json::Value;

const BIN: &str = env!("CARGO_BIN_EXE_sensors");

fn get(addr: &str, path: &str) -> Value {
    serde_json::from_str(&program::get(addr, path)).unwrap()
}

#[test]
fn summary_is_served_and_policies_drop_readings() {
    let addr = format!("127.0.0.1:{}", free_port());
    let mut program = Program::start(BIN, &["--addr", &addr, "--every", "1ms"]);
    program.until("listening on");
    // Wait until both slow readers have dropped a reading.
    let groups = loop {
        let groups = get(&addr, "/groups");
        let group = |name: &str| groups.as_array().unwrap().iter().find(|group| group["group"] == name).cloned();
        if let (Some(newest), Some(oldest), Some(aggregator)) =
            (group("keeps-newest"), group("keeps-oldest"), group("aggregator"))
        {
            if newest["dropped"]["oldest"].as_u64() > Some(0) && oldest["dropped"]["newest"].as_u64() > Some(0) {
                break [newest, oldest, aggregator];
            }
        }
        std::thread::yield_now();
    };
    let [newest, oldest, aggregator] = groups;
    assert_eq!((&newest["policy"], &newest["dropped"]["newest"]), (&"drop oldest".into(), &0.into()));
    assert_eq!((&oldest["policy"], &oldest["dropped"]["oldest"]), (&"drop newest".into(), &0.into()));
    assert_eq!(aggregator["dropped"], serde_json::json!({ "oldest": 0, "newest": 0 }));

    let summary = get(&addr, "/");
    let load = &summary["load"];
    assert!(load["readings"].as_u64() > Some(0), "{summary}");
    assert!(load["least"].as_f64() <= load["mean"].as_f64() && load["mean"].as_f64() <= load["most"].as_f64());
    assert!(summary["memory_available_mib"]["most"].as_f64() > Some(0.0));

    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
}
