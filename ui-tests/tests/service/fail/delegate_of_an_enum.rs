//! An enum has no field to delegate to.

#[rxd::service(delegate)]
enum DbHealth {
    Up,
}

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {}
