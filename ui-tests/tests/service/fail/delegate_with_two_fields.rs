//! Which of two fields is meant, nothing says.

#[rxd::service(delegate)]
struct DbHealth(rxd::probe::Tcp, rxd::probe::Tcp);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth(rxd::probe::Tcp::new("127.0.0.1:5432"), rxd::probe::Tcp::new("127.0.0.1:5433")) }.into_daemon();
}
