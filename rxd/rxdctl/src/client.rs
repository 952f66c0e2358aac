//! The HTTP client: one connection for each request, over TCP or a Unix socket.

use crate::CliError;
use crate::args::At;
use crate::show::clean;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rxd::admin::Address;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The longest answer that is read.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 20;
/// How long an answer may take. The daemon answers actions within ten seconds, finished or not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a reload is waited for. It ends by itself, within limits that only the daemon knows.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) at: At,
    pub(crate) token: Option<String>,
}

impl Client {
    pub(crate) fn no_answer(&self, error: &dyn std::fmt::Display) -> CliError {
        let at = &self.at;
        CliError::NoAnswer(format!(
            "no daemon answers at {at}: {error}\nhelp: check that the daemon runs and has an admin route, and that --at (or $RXD_ADMIN) is its address"
        ))
    }

    /// Sends a request, and returns the answer, whatever its status, before its body is read.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: &str,
    ) -> Result<Response<Incoming>, CliError> {
        let uri = format!("{}{path}", self.at.prefix);
        let mut request =
            Request::builder().method(method).uri(uri).header("host", self.host()).header("accept", accept);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        // A reload alone is waited for: its result is an exit status.
        let limit = if path == "/reload" { RELOAD_TIMEOUT } else { ANSWER_TIMEOUT };
        if limit == RELOAD_TIMEOUT {
            request = request.header("prefer", format!("wait={}", (limit - ANSWER_TIMEOUT).as_secs()));
        }
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_owned())));
        let request = request.map_err(CliError::refused)?;
        let exchange = async {
            match &self.at.address {
                Address::Tcp(tcp) => {
                    let stream = tokio::net::TcpStream::connect(tcp).await.map_err(|error| self.no_answer(&error))?;
                    self.exchange(stream, request).await
                }
                #[cfg(unix)]
                Address::Unix(path) => {
                    let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| self.no_answer(&error))?;
                    self.exchange(stream, request).await
                }
                #[cfg(not(unix))]
                Address::Unix(_) => Err(self.no_answer(&"Unix sockets are supported on Unix only")),
            }
        };
        match tokio::time::timeout(limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(self.no_answer(&format_args!("no answer within {limit:?}"))),
        }
    }

    fn host(&self) -> String {
        match &self.at.address {
            Address::Tcp(tcp) => tcp.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    async fn exchange<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, CliError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.no_answer(&error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.no_answer(&error))
    }

    /// The text of an answer.
    ///
    /// # Errors
    ///
    /// If no daemon answers, or with a status of 400 or above.
    pub(crate) async fn text(&self, method: Method, path: &str, accept: &str, body: &str) -> Result<String, CliError> {
        Ok(self.answer(method, path, accept, body).await?.1)
    }

    /// As [`text`](Client::text), with the status.
    pub(crate) async fn answer(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: &str,
    ) -> Result<(u16, String), CliError> {
        let (status, text) = self.read(self.send(method, path, accept, body).await?).await?;
        if status < 400 { Ok((status, text)) } else { Err(self.refusal(status, &text)) }
    }

    /// The error for an answer that is not what was asked for.
    pub(crate) async fn error_of(&self, answer: Response<Incoming>) -> CliError {
        match self.read(answer).await {
            Ok((status, text)) => self.refusal(status, &text),
            Err(error) => error,
        }
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: &str) -> Result<Value, CliError> {
        Ok(self.json_with_status(method, path, body).await?.1)
    }

    pub(crate) async fn json_with_status(
        &self,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<(u16, Value), CliError> {
        let (status, text) = self.answer(method, path, "application/json", body).await?;
        let value = serde_json::from_str(&text).map_err(|_| self.no_daemon("its answer is not JSON"))?;
        Ok((status, value))
    }

    /// The answer of `/services`.
    pub(crate) async fn daemon(&self) -> Result<Value, CliError> {
        let answer = self.send(Method::GET, "/services", "application/json", "").await?;
        let (status, text) = self.read(answer).await?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            200 if value["name"].is_string() && value["services"].is_array() => Ok(value),
            200 => Err(self.no_daemon("its answer names no services")),
            _ => Err(self.refusal(status, &text)),
        }
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<(u16, String), CliError> {
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect();
        let body = match tokio::time::timeout(ANSWER_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => return Err(self.no_answer(&error)),
            Err(_) => return Err(self.no_answer(&format_args!("the answer is not complete within {ANSWER_TIMEOUT:?}"))),
        };
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// The error where another server answers.
    pub(crate) fn no_daemon(&self, why: &str) -> CliError {
        let at = &self.at;
        CliError::NoAnswer(format!(
            "what answers at {at} is no daemon of rxd: {why}\nhelp: check that --at (or $RXD_ADMIN) is the address of the admin route"
        ))
    }

    /// A problem of the daemon as an error.
    fn refusal(&self, status: u16, text: &str) -> CliError {
        let problem: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(detail) = problem["detail"].as_str() else {
            return self.no_daemon(&format!("it answers with status {status}"));
        };
        let mut message = clean(detail);
        let allowed: Vec<String> =
            problem["allowed"].as_array().into_iter().flatten().filter_map(Value::as_str).map(clean).collect();
        match problem["suggestion"].as_str() {
            Some(near) => message.push_str(&format!("\nhelp: did you mean `{}`?", clean(near))),
            None if !allowed.is_empty() => message.push_str(&format!("\nhelp: use one of {}", allowed.join(", "))),
            None => {}
        }
        CliError::Refused(message, Some(Box::new(problem)))
    }
}

/// A name, escaped for use as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    // `.` and `..` would lead to another path.
    let dots = name.bytes().all(|b| b == b'.');
    name.bytes().map(|b| if plain(b) && !dots { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn segment_of_any_name_stays_one_segment() {
        assert_eq!(segment("api-2"), "api-2");
        assert_eq!(segment("../log level?x#y"), "..%2Flog%20level%3Fx%23y");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("größe"), "gr%C3%B6%C3%9Fe");
    }
}
