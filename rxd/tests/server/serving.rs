//! Requests and their answers.

use crate::*;
use axum::extract::ConnectInfo;
use rxd::{Context, Runner};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[rxd::service(name = "web", delegate)]
#[needs("db")]
struct Web(Server);

#[rxd::service(provides(u32))]
struct Db;

impl Runner for Db {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Self>(7);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    db: Db,
    web: Web,
}

#[tokio::test]
async fn declared_server_serves_while_its_dependency_is_in_run() {
    let server = Server::new(routes()).listen("127.0.0.1:0");
    let local = server.local_addresses();
    let handle = Agent { db: Db, web: Web(server) }.into_daemon().signals([]).start().await.unwrap();
    let running = Running { handle, local };
    let mut client = Client::idle(running.at().await).await;
    running.handle.stop("db").await.unwrap();
    assert!(client.until_closed().await.is_empty());
    running.handle.wait_for("web", State::Idle).await.unwrap();
    // It listens already. The client is accepted once the service is in Run.
    until("it is bound", || running.local.tcp().is_some()).await;
    let mut early = Client::connect(running.local.tcp().unwrap()).await;
    early.ask("/").await;
    running.handle.start("db").await.unwrap();
    assert_eq!(early.answer().await.1, "hello");
    running.stop().await;
}

#[tokio::test]
async fn handlers_reach_the_context_and_the_address_of_the_client() {
    let server = Server::with(|cx| {
        let (daemon, name) = (cx.daemon(), cx.name().to_owned());
        let who = move |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
            format!("{} {name} {}", daemon.name(), peer.ip())
        };
        Ok(Router::new().route("/", get(who)))
    });
    let running = start(server.listen("127.0.0.1:0")).await;
    assert_eq!(Client::connect(running.at().await).await.get("/").await, "d web 127.0.0.1");
    running.stop().await;
}

#[tokio::test]
async fn connection_that_is_kept_alive_carries_many_requests_and_pipelined_ones() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let mut client = Client::connect(running.at().await).await;
    for _ in 0..100 {
        assert_eq!(client.get("/").await, "hello");
    }
    client.send(&"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50)).await;
    for _ in 0..50 {
        assert_eq!(client.answer().await.1, "hello");
    }
    client.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345").await;
    assert_eq!(client.answer().await.1, "5 bytes");
    client.send("\x16\x03\x01 this is no HTTP\r\n\r\n").await;
    assert!(client.until_closed().await.starts_with(b"HTTP/1.1 400"));
    running.stop().await;
}

#[derive(Clone, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logged {
    /// Collects the log of this thread until the guard is dropped.
    pub(crate) fn collect() -> (Logged, tracing::subscriber::DefaultGuard) {
        // One for all threads, which keeps nothing: with only that of one thread, `tracing` may ask
        // another thread about a callsite, and remember that nobody wants it.
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| tracing_subscriber::fmt().with_writer(std::io::sink).init());
        let logged = Logged::default();
        let writer = logged.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        (logged, tracing::subscriber::set_default(log.finish()))
    }

    pub(crate) fn lines(&self, with: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(with)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn handler_that_panics_is_answered_with_500_and_named_in_the_log() {
    let (logged, _guard) = Logged::collect();
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let mut client = Client::connect(running.at().await).await;
    client.ask("/panic").await;
    assert!(client.answer().await.0.starts_with("http/1.1 500 "));
    assert_eq!(client.get("/").await, "hello", "the connection goes on");
    assert_eq!(running.handle.states()["web"].incarnation, 1);
    running.stop().await;
    let lines = logged.lines("out of cheese");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("service=web"), "{}", lines[0]);
}

#[tokio::test]
async fn body_that_panics_ends_its_connection_and_nothing_else() {
    let (logged, _guard) = Logged::collect();
    let body = async || {
        let mut left = 2;
        axum::body::Body::from_stream(futures_util::stream::poll_fn(move |_| {
            left -= 1;
            assert!(left > 0, "no more pages");
            std::task::Poll::Ready(Some(Ok::<_, std::io::Error>("page")))
        }))
    };
    let server = Server::new(routes().route("/pages", get(body))).listen("127.0.0.1:0");
    let running = start(server).await;
    let (mut client, mut other) = (Client::connect(running.at().await).await, Client::idle(running.at().await).await);
    client.ask("/pages").await;
    client.until_closed().await;
    assert_eq!(other.get("/").await, "hello");
    assert_eq!(running.handle.states()["web"].incarnation, 1);
    running.stop().await;
    let lines = logged.lines("task `connection` panicked: no more pages");
    assert!(lines.len() == 1 && lines[0].contains("service=web"), "{lines:?}");
}
