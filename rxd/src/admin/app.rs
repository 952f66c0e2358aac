//! The state that all routes share, and what they read of every request.

use super::activity::AdminCounts;
use super::config::{Limits, MAX_BODY_BYTES};
use super::dto;
use super::problem::{Problem, quoted};
use crate::board::Id;
use crate::handle::DaemonHandle;
use crate::log::{LevelHandle, LevelTarget};
use crate::watch::why::Why;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Shared by all routes.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) handle: DaemonHandle,
    pub(crate) levels: LevelHandle,
    /// The prefix of event ids: the time at which the daemon was started. The sequence numbers of
    /// another daemon mean nothing here.
    pub(crate) id_prefix: Arc<str>,
    pub(crate) counts: Arc<AdminCounts>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) limits: Limits,
    /// Whether the routes are part of another server, which may wait for its connections when the
    /// daemon stops.
    pub(crate) is_nested: bool,
}

impl App {
    pub(crate) fn new(handle: &DaemonHandle, levels: LevelHandle, limits: Limits, counts: Arc<AdminCounts>) -> Self {
        let started = SystemTime::now().checked_sub(handle.core().uptime()).unwrap_or(UNIX_EPOCH);
        let started = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        App {
            handle: handle.observer(),
            levels,
            id_prefix: format!("{started:x}").into(),
            counts,
            streams: Arc::new(Semaphore::new(limits.streams)),
            limits,
            is_nested: false,
        }
    }

    /// The service of this name.
    ///
    /// # Errors
    ///
    /// 404 with the nearest name, if there is none.
    pub(crate) fn service(&self, name: &str) -> Result<Id, Problem> {
        let core = self.handle.core();
        if let Some(id) = core.id(name) {
            return Ok(id);
        }
        if let Some(family) = core.families.find(name) {
            let first = core.families.all()[family].member_name(0);
            let detail =
                format!("{} is a family, not a service: name one of its members, such as `{first}`", quoted(name));
            return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-service", "Unknown service", detail).field("name"));
        }
        let all = core.all_names();
        let names = || all.iter().map(|name| &**name);
        let detail = format!("daemon {} has no service {}", quoted(self.handle.name()), quoted(name));
        Err(Problem::new(StatusCode::NOT_FOUND, "unknown-service", "Unknown service", detail)
            .field("name")
            .allowed(names().take(64))
            .suggestion(crate::graph::nearest(name, names())))
    }

    /// One service, including its log level.
    ///
    /// # Errors
    ///
    /// 404 with the nearest name, if there is none.
    pub(crate) fn service_reply(&self, name: &str) -> Result<dto::ServiceReply, Problem> {
        let why = Why::of(self.handle.core(), self.service(name)?);
        Ok(self.with_level(dto::ServiceReply::explained(&self.handle, why.first(), self.handle.core().uptime())))
    }

    /// The daemon and its services, including their log levels.
    pub(crate) fn daemon_reply(&self) -> dto::DaemonReply {
        let mut daemon = dto::DaemonReply::of(&self.handle);
        daemon.services = daemon.services.into_iter().map(|service| self.with_level(service)).collect();
        daemon
    }

    fn with_level(&self, service: dto::ServiceReply) -> dto::ServiceReply {
        let level = self.levels.get(LevelTarget::Service(service.name.clone())).into();
        dto::ServiceReply { level: Some(level), ..service }
    }

    /// The whole body of a request, and whether it is JSON rather than plain text.
    ///
    /// # Errors
    ///
    /// 415 for another media type; and those of [`body`](App::body). `what` the body holds is named
    /// in the error.
    pub(crate) async fn json_or_text(
        &self,
        headers: &HeaderMap,
        body: Body,
        what: &str,
    ) -> Result<(Bytes, bool), Problem> {
        let kind = headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or("?"));
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = match &kind[..] {
            "application/json" => true,
            // `curl -d debug` sends the last of these.
            "" | "text/plain" | "application/x-www-form-urlencoded" => false,
            _ => {
                let (status, title) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Media type not supported");
                let detail = format!("send the {what} as JSON or as plain text");
                return Err(Problem::new(status, "media-type", title, detail)
                    .field("Content-Type")
                    .allowed(["application/json", "text/plain"]));
            }
        };
        Ok((self.body(body).await?, is_json))
    }

    /// The whole body of a request.
    ///
    /// # Errors
    ///
    /// If it is longer than [`MAX_BODY_BYTES`], slower than [`Limits::body`], or broken.
    pub(crate) async fn body(&self, body: Body) -> Result<Bytes, Problem> {
        match tokio::time::timeout(self.limits.body, axum::body::to_bytes(body, MAX_BODY_BYTES)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Err(_) => {
                let detail = format!("the body did not arrive within {:?}", self.limits.body);
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", "The request is too slow", detail))
            }
            Ok(Err(error))
                if std::error::Error::source(&error).is_some_and(|e| e.is::<http_body_util::LengthLimitError>()) =>
            {
                let detail = format!("the body is longer than {MAX_BODY_BYTES} bytes");
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "The request is too long", detail))
            }
            Ok(Err(_)) => Err(Problem::invalid("body", "the body ends early, or its encoding is not valid")),
        }
    }
}

/// The `{name}` in the path of a request.
pub(crate) struct ServiceName(pub(crate) String);

/// The `{group}` in the path of a request.
pub(crate) struct GroupName(pub(crate) String);

impl FromRequestParts<App> for ServiceName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        path_parameter(parts, app, "name").await.map(ServiceName)
    }
}

impl FromRequestParts<App> for GroupName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        path_parameter(parts, app, "group").await.map(GroupName)
    }
}

async fn path_parameter(parts: &mut Parts, app: &App, which: &'static str) -> Result<String, Problem> {
    let Ok(path) = RawPathParams::from_request_parts(parts, app).await else {
        return Err(Problem::invalid(which, "the name is not valid UTF-8"));
    };
    // Where the router is nested in another one, the path may have other parameters before it.
    let value = path.iter().filter(|(param, _)| *param == which).last();
    value.map(|(_, value)| value.to_owned()).ok_or_else(|| Problem::invalid(which, "the path has no such name"))
}

/// Reads a duration: `250ms`, `10s`, `1h30m`, `2d`. `None` for another text, for zero, and for more
/// than 366 days.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let time = crate::lifecycle::duration::parse(text)?;
    (!time.is_zero() && time <= Duration::from_secs(366 * 86400)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;
    use std::time::Duration;

    #[test]
    fn duration_of_zero_or_of_more_than_a_year_is_refused() {
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("366d"), Some(Duration::from_secs(366 * 86400)));
        for text in ["", "10", "0s", "0ms", "367d", "366d1ms"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
