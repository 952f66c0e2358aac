//! The word takes no value.

#[rxd::service(delegate = true)]
struct DbHealth(rxd::probe::Tcp);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth(rxd::probe::Tcp::new("127.0.0.1:5432")) }.into_daemon();
}
