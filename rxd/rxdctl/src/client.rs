//! One request, one connection: over TCP or a Unix socket.

use crate::Failure;
use crate::show::clean;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rxd::admin::Address;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The longest answer that is taken in.
const LONGEST: usize = 64 << 20;
/// An action is answered within ten seconds; whatever takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) at: Address,
    pub(crate) token: Option<String>,
}

impl Client {
    fn no_answer(&self, error: &dyn std::fmt::Display) -> Failure {
        let at = &self.at;
        Failure::NoAnswer(format!(
            "no daemon answers at {at}: {error}\nhelp: is its admin route on? is --at (or $RXD_ADMIN) right?"
        ))
    }

    /// The answer to a request, whatever its status, its body still to come.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: &str,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.host()).header("accept", accept);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body.to_owned())));
        let request = request.map_err(Failure::refused)?;
        let talk = async {
            match &self.at {
                Address::Tcp(tcp) => {
                    let stream = tokio::net::TcpStream::connect(tcp).await.map_err(|error| self.no_answer(&error))?;
                    self.talk(stream, request).await
                }
                Address::Unix(path) => {
                    let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| self.no_answer(&error))?;
                    self.talk(stream, request).await
                }
            }
        };
        match tokio::time::timeout(PATIENCE, talk).await {
            Ok(answer) => answer,
            Err(_) => Err(self.no_answer(&format_args!("nothing within {PATIENCE:?}"))),
        }
    }

    fn host(&self) -> String {
        match &self.at {
            Address::Tcp(tcp) => tcp.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    async fn talk<S>(&self, stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.no_answer(&error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.no_answer(&error))
    }

    /// The answer's text, or what the daemon says against it.
    pub(crate) async fn text(&self, method: Method, path: &str, accept: &str, body: &str) -> Result<String, Failure> {
        let (status, text) = self.read(self.send(method, path, accept, body).await?).await?;
        if status < 400 { Ok(text) } else { Err(refusal(status, &text)) }
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: &str) -> Result<Value, Failure> {
        let text = self.text(method, path, "application/json", body).await?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::refused(format_args!("the daemon's answer is no JSON: {error}")))
    }

    /// As `json`, for `/services`, of which a daemon that is stopping tells within its refusal.
    pub(crate) async fn daemon(&self) -> Result<Value, Failure> {
        let answer = self.send(Method::GET, "/services", "application/json", "").await?;
        let (status, text) = self.read(answer).await?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        match (status, &value["daemon"]) {
            (503, daemon) if daemon.is_object() => Ok(daemon.clone()),
            (200, _) => Ok(value),
            _ => Err(refusal(status, &text)),
        }
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<(u16, String), Failure> {
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LONGEST).collect();
        let body = match tokio::time::timeout(PATIENCE, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) => return Err(self.no_answer(&error)),
            Err(_) => return Err(self.no_answer(&format_args!("nothing more within {PATIENCE:?}"))),
        };
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// A problem in words.
fn refusal(status: u16, text: &str) -> Failure {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(detail) = problem["detail"].as_str() else {
        return Failure::refused(format_args!("the daemon answered with status {status}"));
    };
    let mut said = clean(detail);
    let allowed: Vec<String> =
        problem["allowed"].as_array().into_iter().flatten().filter_map(Value::as_str).map(clean).collect();
    match problem["suggestion"].as_str() {
        Some(near) => said.push_str(&format!("\nhelp: did you mean `{}`?", clean(near))),
        None if !allowed.is_empty() => said.push_str(&format!("\nhelp: use one of {}", allowed.join(", "))),
        None => {}
    }
    Failure::Refused(said, Some(Box::new(problem)))
}

/// A name as a part of a path.
pub(crate) fn segment(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    // `.` and `..` would be taken for steps.
    let dots = name.bytes().all(|b| b == b'.');
    name.bytes().map(|b| if plain(b) && !dots { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(segment("api-2"), "api-2");
        assert_eq!(segment("../log level?x#y"), "..%2Flog%20level%3Fx%23y");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("größe"), "gr%C3%B6%C3%9Fe");
    }
}
