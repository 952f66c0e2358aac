//! A function has no field to delegate to.

#[rxd::service(delegate)]
async fn db_health(_: &rxd::Context) -> rxd::Result {
    Ok(())
}

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
}

fn main() {
    let _ = Edge { db_health: DbHealth }.into_daemon();
}
