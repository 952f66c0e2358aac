//! An enum has no field to delegate to.

#[rxd::service(delegate)]
enum DbHealth {
    Up,
}

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth::Up }.into_daemon();
}
