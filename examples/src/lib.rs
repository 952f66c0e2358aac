//! What the examples share: a log to standard error, an HTTP server, and an HTTP client.

use axum::Router;
use axum::body::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rxd::Context;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Logs to standard error at the levels of `RUST_LOG`, or from INFO upwards if it is not set.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

/// How long an open request may take after its service is cancelled.
const GRACE: Duration = Duration::from_secs(3);

/// Serves these routes until the service is cancelled.
///
/// Then it finishes open requests for at most 3 s, so a client that sends half a request does not
/// delay the stop.
///
/// # Errors
///
/// If the listener fails. A connection that fails is not an error.
pub async fn serve(cx: &Context, listener: TcpListener, routes: Router) -> rxd::Result {
    let server = axum::serve(listener, routes).with_graceful_shutdown(cx.token().cancelled_owned());
    let grace = async {
        cx.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server => served?,
        () = grace => tracing::warn!("a request is still open after {GRACE:?} and is dropped"),
    }
    Ok(())
}

/// A client for one server.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpConnector, Empty<Bytes>>,
    base: String,
}

impl Http {
    /// A client for the server at this address: `127.0.0.1:8000`.
    pub fn new(addr: impl std::fmt::Display) -> Self {
        Http { client: Client::builder(TokioExecutor::new()).build_http(), base: format!("http://{addr}") }
    }

    /// The body at `path`.
    ///
    /// # Errors
    ///
    /// If the server does not answer within 2 s, or does not answer with success.
    pub async fn get(&self, path: &str) -> rxd::Result<String> {
        let url = format!("{}{path}", self.base);
        let answer = async {
            let response = self.client.get(url.parse()?).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if !status.is_success() {
                return Err(format!("answered {status}").into());
            }
            Ok(String::from_utf8(body.into())?)
        };
        tokio::time::timeout(Duration::from_secs(2), answer)
            .await
            .unwrap_or_else(|_| Err("no answer within 2 s".into()))
            .map_err(|error: rxd::AnyError| rxd::AnyError::msg(format_args!("failed to get {url}: {error:#}")))
    }
}
