//! Connections and listeners that outlive a reload.

use crate::*;
use rxd::{Context, Runner};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A service with a server as a part, and with a configuration of its own.
struct Web {
    server: Server,
    version: Arc<AtomicU32>,
    reload: Duration,
}

impl Runner for Web {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.server.init(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.server.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.server.stop(cx).await
    }

    async fn reload(&mut self, _: &Context) -> rxd::Result {
        tokio::time::sleep(self.reload).await;
        self.version.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

async fn start_web(reload: Duration) -> (Running, SocketAddr) {
    let version = Arc::new(AtomicU32::new(1));
    let versions = version.clone();
    let server = Server::with(move |_| {
        let version = versions.load(Ordering::Relaxed);
        Ok(routes().route("/version", get(async move || version.to_string())))
    });
    let server = server.listen("127.0.0.1:0").drain_timeout(300 * MS);
    let local = server.local_addresses();
    let daemon = Daemon::new("d").signals([]).add(Service::new("web", Web { server, version, reload }));
    let running = Running { handle: daemon.start().await.unwrap(), local };
    let at = running.at().await;
    (running, at)
}

#[tokio::test]
async fn reload_keeps_connections_requests_and_the_listener() {
    let (running, at) = start_web(Duration::ZERO).await;
    let (mut idle, mut slow) = (Client::idle(at).await, Client::connect(at).await);
    assert_eq!(idle.get("/version").await, "1");
    slow.ask("/slow").await;
    tokio::time::sleep(100 * MS).await;
    running.handle.reload("web").await.unwrap();
    let (head, body) = slow.answer().await;
    assert!(body == "slow hello" && !head.contains("connection: close"), "{head}");
    assert_eq!(idle.get("/version").await, "2", "the connection has the new router");
    assert_eq!(slow.get("/version").await, "2");
    assert_eq!(Client::connect(at).await.get("/version").await, "2");
    assert_eq!(running.handle.states()["web"].incarnation, 1);
    running.stop().await;
}

#[tokio::test]
async fn client_that_connects_during_a_reload_waits_for_its_end() {
    let (running, at) = start_web(200 * MS).await;
    let handle = running.handle.clone();
    let reload = tokio::spawn(async move { handle.reload("web").await });
    tokio::time::sleep(100 * MS).await;
    assert_eq!(Client::connect(at).await.get("/version").await, "2");
    reload.await.unwrap().unwrap();
    running.stop().await;
}

#[tokio::test]
async fn stop_during_a_reload_drains_what_run_has_left() {
    let (running, at) = start_web(200 * MS).await;
    let (mut slow, mut never) = (Client::connect(at).await, Client::connect(at).await);
    never.ask("/never").await;
    slow.ask("/slow").await;
    tokio::time::sleep(250 * MS).await;
    let handle = running.handle.clone();
    let reload = tokio::spawn(async move { handle.reload("web").await });
    tokio::time::sleep(50 * MS).await;
    let took = running.stop().await;
    assert!(took < PROMPT, "{took:?}");
    let _ = reload.await;
    assert_eq!(slow.answer().await.1, "slow hello");
    assert!(never.until_closed().await.is_empty());
}

/// As a `SIGHUP` would: the server alone has nothing to reload.
#[tokio::test]
async fn reload_of_all_services_skips_the_server() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let mut idle = Client::idle(running.at().await).await;
    running.handle.reload_all().await.unwrap();
    assert_eq!(idle.get("/").await, "hello");
    running.stop().await;
}
