//! Which of two fields is meant, nothing says.

#[rxd::service(delegate)]
struct DbHealth(rxd::probe::Tcp, rxd::probe::Tcp);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {}
