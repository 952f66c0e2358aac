//! The ready-made HTTP server, over real sockets.

#[cfg(all(unix, feature = "admin"))]
mod balancer;
mod binding;
mod clients;
mod draining;
mod load;
#[cfg(all(unix, feature = "systemd"))]
mod passed;
mod reloading;
mod serving;
mod starved;

use axum::Router;
use axum::routing::get;
use rxd::http::{LocalAddresses, Server};
use rxd::{Backoff, Daemon, DaemonHandle, Options, Service, State};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// No wait takes this long, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// What "at once" means here: less than any limit of the server, on a busy machine.
const PROMPT: Duration = Duration::from_secs(2);

/// `/` says hello, `/slow` after half a second, `/never` never.
fn routes() -> Router {
    let slow = async || {
        tokio::time::sleep(500 * MS).await;
        "slow hello"
    };
    let never = async || std::future::pending::<&str>().await;
    Router::new()
        .route("/", get(async || "hello"))
        .route("/slow", get(slow))
        .route("/never", get(never))
        .route("/panic", get(async || -> &'static str { panic!("out of cheese") }))
        .route("/body", axum::routing::post(async |body: axum::body::Bytes| format!("{} bytes", body.len())))
}

struct Running {
    handle: DaemonHandle,
    local: LocalAddresses,
}

impl Running {
    /// The address of the server, once it is in Run.
    async fn at(&self) -> SocketAddr {
        self.handle.wait_for("web", State::Run).await.unwrap();
        self.local.tcp().unwrap()
    }

    /// Stops the daemon, and asserts that all has ended well. Returns how long it took.
    async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.handle.shutdown();
        let report = self.handle.wait().await;
        assert!(report.is_ok(), "{report}");
        assert_eq!(self.local.get(), []);
        begun.elapsed()
    }

    /// Waits until the service has failed with an error that says this.
    async fn until_failed(&self, says: &str) {
        let error = || self.handle.states()["web"].last_error.clone().unwrap_or_default();
        until("it fails", || error().contains(says)).await;
    }
}

/// Starts a daemon with this server as its service `web`.
async fn start(server: Server) -> Running {
    start_with(server, Options::DEFAULT).await
}

async fn start_with(server: Server, options: Options) -> Running {
    let local = server.local_addresses();
    let service = Service::new("web", server).options(options.backoff(Backoff::fixed(10 * MS)));
    let handle = Daemon::new("d").signals([]).add(service).start().await.unwrap();
    Running { handle, local }
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(5 * MS).await;
    }
}

/// A connection that sends exactly the bytes it is given.
struct Client<S = TcpStream>(S);

impl Client {
    async fn connect(at: SocketAddr) -> Client {
        Client(TcpStream::connect(at).await.unwrap())
    }

    /// A connection that has been answered, and is silent since.
    async fn idle(at: SocketAddr) -> Client {
        let mut client = Client::connect(at).await;
        assert_eq!(client.get("/").await, "hello");
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    }

    /// The body of the answer to a request.
    async fn get(&mut self, path: &str) -> String {
        self.ask(path).await;
        self.answer().await.1
    }

    /// The head of the next answer in lower case, and its body, whose length the head gives.
    async fn answer(&mut self) -> (String, String) {
        let reading = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap_or_else(|error| panic!("{error} after {head:?}")));
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest.split_once('\r').unwrap().0);
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            (head, String::from_utf8(body).unwrap())
        };
        tokio::time::timeout(LIMIT, reading).await.expect("there is an answer")
    }

    /// Waits until the server has closed the connection. Returns what it has sent before.
    async fn until_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = tokio::time::timeout(LIMIT, self.0.read_to_end(&mut rest)).await.expect("it is closed");
        rest
    }
}
