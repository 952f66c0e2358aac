//! A probe that requests.

use super::checks::{Checks, setters};
use crate::race::{Winner, race};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::pin::pin;
use tokio::net::TcpStream;

/// Sends a GET request, and expects a status from 200 to 299. See the [module](super).
///
/// It speaks HTTP/1.1 without TLS, follows no redirect, and reads no body. To check a target with
/// TLS, use [`Command`](super::Command) with a program such as `curl`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a probe does nothing until it is a service"]
pub struct Http {
    url: Cow<'static, str>,
    status: Option<u16>,
    pub(super) checks: Checks,
}

impl Http {
    /// Requests this URL: `"http://127.0.0.1:8080/healthz"`. If it is not an `http` one, each check
    /// fails and says so.
    pub fn new(url: impl Into<Cow<'static, str>>) -> Self {
        Http { url: url.into(), status: None, checks: Checks::DEFAULT }
    }

    /// Sets the one status that is expected. Default: any from 200 to 299.
    ///
    /// # Panics
    ///
    /// If it is not from 100 to 599; in a `const` this is a compile error.
    #[track_caller]
    pub const fn expect_status(mut self, status: u16) -> Self {
        assert!(
            status >= 100 && status <= 599,
            "`expect_status` is out of range\nhelp: write a number from 100 to 599"
        );
        self.status = Some(status);
        self
    }

    fn target(&self) -> String {
        self.url.to_string()
    }

    pub(crate) async fn check(&self) -> Result<(), String> {
        let (host, port, request) = self.request()?;
        let stream = TcpStream::connect((&*host, port)).await.map_err(|error| error.to_string())?;
        let text = |error: hyper::Error| error.to_string();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
        let (mut response, connection) = (pin!(sender.send_request(request)), pin!(connection));
        let response = match race(response.as_mut(), connection).await {
            Winner::First(response) => response,
            // The server has closed the connection; before that it may have answered.
            Winner::Second(_) => response.await,
        };
        let status = response.map_err(text)?.status().as_u16();
        match self.status {
            None if (200..300).contains(&status) => Ok(()),
            Some(expected) if expected == status => Ok(()),
            None => Err(format!("status {status}, expected one from 200 to 299")),
            Some(expected) => Err(format!("status {status}, expected {expected}")),
        }
    }

    /// Why no answer can ever come, if that is so.
    #[cfg(feature = "process")]
    pub(crate) fn fault(&self) -> Option<String> {
        self.request().err()
    }

    /// The host and the port to connect to, and the request.
    fn request(&self) -> Result<(String, u16, Request<Empty<Bytes>>), String> {
        let url: Uri = self.url.parse().map_err(|error| format!("not a URL: {error}"))?;
        let (Some("http"), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err("not a URL that this probe can request: it begins with `http://`, there is no TLS".to_owned());
        };
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(HOST, authority.as_str())
            .header(USER_AGENT, "rxd-probe")
            .header(CONNECTION, "close")
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok((host.to_owned(), authority.port_u16().unwrap_or(80), request))
    }
}

setters!(Http);
