//! A generic service without an `impl Runner`.

#[rxd::service]
struct Pool<T>(T);

#[rxd::daemon]
struct Edge {
    pool: Pool<u8>,
}

fn main() {
    let _ = Edge { pool: Pool(1) }.into_daemon();
}
