//! A service that blocks, without methods.

#[rxd::service(blocking)]
struct Port;

#[rxd::daemon]
struct D {
    port: Port,
}

fn main() {
    let _ = D { port: Port }.into_daemon();
}
