#[rxd::service]
struct Health {
    target: SocketAddr,
}
