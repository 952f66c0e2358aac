//! What a server listens on, and what it says if it cannot.

use crate::*;
use rxd::http::Address;
use tokio::net::TcpListener;

#[tokio::test]
async fn server_whose_port_is_taken_says_so_and_serves_once_it_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let running = start(Server::new(routes()).listen(at.to_string())).await;
    running.until_failed(&format!("failed to listen on {at}: ")).await;
    running.until_failed("help: another process listens there").await;
    assert!(running.local.get().is_empty());
    drop(taken);
    assert_eq!(running.at().await, at);
    assert_eq!(Client::connect(at).await.get("/").await, "hello");
    running.stop().await;
}

#[tokio::test]
async fn server_whose_port_is_taken_ends_the_daemon_if_it_is_to() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let options = Options::DEFAULT.restarts(1, SECOND).on_failure(rxd::OnFailure::Shutdown);
    let running = start_with(Server::new(routes()).listen(at.to_string()), options).await;
    let report = running.handle.wait().await;
    assert_eq!(report.exit_code(), 1);
    assert!(report.to_string().contains(&format!("service `web` failed after 1 restart: failed to listen on {at}")));
}

#[tokio::test]
async fn server_that_cannot_listen_says_what_to_write_instead() {
    for (server, says) in [
        (Server::new(routes()), "the server has no address\nhelp: write `.listen(\"127.0.0.1:8080\")`"),
        (Server::new(routes()).listen("web:80"), "`web:80` is not an address\nhelp: write `127.0.0.1:1337` or `unix:"),
        (
            Server::new(routes()).listen("127.0.0.1:0").connections(0),
            "`connections` cannot be 0\nhelp: write 1 or more",
        ),
        (
            Server::new(routes()).listen("127.0.0.1:0").client_timeout(Duration::ZERO),
            "`client_timeout` cannot be zero\nhelp: write how long",
        ),
        // An address for documentation, which no machine has.
        (Server::new(routes()).listen("192.0.2.1:80"), "help: no interface of this machine has that address"),
        #[cfg(unix)]
        (Server::new(routes()).listen("unix:/no/such/directory/x.sock"), "help: create the directory"),
        (Server::with(|_| Err("no templates".into())).listen("127.0.0.1:0"), "no templates"),
    ] {
        let running = start(server).await;
        running.until_failed(says).await;
        running.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn server_listens_on_several_addresses_and_removes_its_socket() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("rxd-web-{}.sock", std::process::id()));
    let server =
        Server::new(routes()).listen("127.0.0.1:0").listen(format!("unix:{}", path.display())).listen("localhost:0");
    let running = start(server).await;
    running.at().await;
    let addresses = running.local.get();
    assert_eq!((addresses.len(), &addresses[1]), (3, &Address::Unix(path.clone())));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for address in addresses {
        let body = match address {
            Address::Tcp(tcp) => Client::connect(tcp).await.get("/").await,
            Address::Unix(path) => Client(tokio::net::UnixStream::connect(path).await.unwrap()).get("/").await,
        };
        assert_eq!(body, "hello");
    }
    running.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn server_that_is_stopped_frees_its_port_and_started_again_listens_again() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let at = running.at().await;
    let mut idle = Client::idle(at).await;
    running.handle.stop("web").await.unwrap();
    assert!(idle.until_closed().await.is_empty());
    assert!(running.local.get().is_empty() && TcpStream::connect(at).await.is_err());
    drop(TcpListener::bind(at).await.expect("the port is free"));
    running.handle.start("web").await.unwrap();
    let at = running.at().await;
    running.handle.restart("web").await.unwrap();
    assert_ne!(running.local.tcp(), Some(at), "port 0 is another one each time");
    assert_eq!(Client::connect(running.at().await).await.get("/").await, "hello");
    running.stop().await;
}
