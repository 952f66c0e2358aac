//! A client that sends exactly the bytes it is given.

use rxd::admin::Address;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

pub(crate) async fn connect(to: &Address) -> Box<dyn Socket> {
    match to {
        Address::Tcp(tcp) => Box::new(TcpStream::connect(tcp).await.unwrap()),
        #[cfg(unix)]
        Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await.unwrap()),
        #[cfg(not(unix))]
        Address::Unix(_) => unreachable!("no daemon listens there"),
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the answer is a problem of this status, and returns it.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        problem
    }
}

/// Sends these bytes, and reads until the other end closes, for ten seconds at most.
pub(crate) async fn raw(to: &Address, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(to).await;
    let mut got = Vec::new();
    let talk = async {
        // A request that is refused early is not read to its end.
        let _ = socket.write_all(bytes).await;
        let _ = socket.read_to_end(&mut got).await;
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), talk).await;
    assert!(in_time.is_ok(), "the connection stays open: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    got
}

pub(crate) async fn ask(to: &Address, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length =
        if body.is_empty() && method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let host = if headers.to_ascii_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
    let request = format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{length}{headers}\r\n{body}");
    Answer::parse(&raw(to, request.as_bytes()).await)
}

pub(crate) async fn get(to: &Address, path: &str) -> Answer {
    ask(to, "GET", path, "", "").await
}

pub(crate) async fn put(to: &Address, path: &str, body: &str) -> Answer {
    ask(to, "PUT", path, "", body).await
}

pub(crate) async fn post(to: &Address, path: &str) -> Answer {
    ask(to, "POST", path, "", "").await
}
