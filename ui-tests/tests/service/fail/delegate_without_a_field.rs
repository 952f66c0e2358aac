//! A struct without a field has nothing to delegate to.

#[rxd::service(delegate)]
struct DbHealth;

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth }.into_daemon();
}
