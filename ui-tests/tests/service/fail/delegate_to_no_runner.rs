//! The field is not a service.

#[rxd::service(delegate)]
struct DbHealth(u8);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth(1) }.into_daemon();
}
