//! The word takes no value.

#[rxd::service(delegate = true)]
struct DbHealth(rxd::probe::Tcp);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {}
