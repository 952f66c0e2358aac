//! What is said of a request that cannot be carried out: RFC 9457, `application/problem+json`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

/// A refusal, with what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Said>);

/// What is said of a request that was not carried out.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Problem", deny_unknown_fields)]
pub(crate) struct Said {
    /// `urn:rxd:` and a word.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Which part of the request is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    field: Option<&'static str>,
    /// What may stand there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    suggestion: Option<String>,
    /// Where the services are, for a daemon that is stopping.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "super::dto::Daemon")]
    daemon: Option<super::dto::Daemon>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Problem(Box::new(Said {
            kind: format!("urn:rxd:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            allowed: Vec::new(),
            suggestion: None,
            daemon: None,
        }))
    }

    pub(crate) fn field(mut self, field: &'static str) -> Self {
        self.0.field = Some(field);
        self
    }

    pub(crate) fn allowed(mut self, allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.allowed = allowed.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn suggestion(mut self, suggestion: Option<&str>) -> Self {
        self.0.suggestion = suggestion.map(ToOwned::to_owned);
        self
    }

    pub(crate) fn daemon(mut self, daemon: super::dto::Daemon) -> Self {
        self.0.daemon = Some(daemon);
        self
    }

    pub(crate) fn bad(field: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request cannot be read", detail).field(field)
    }

    pub(crate) fn forbidden(field: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "The request comes from elsewhere", detail).field(field)
    }

    pub(crate) fn stopping(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The daemon is stopping", detail)
    }
}

/// Of a client's text, as much as can be told back to it: in one line, and short.
pub(crate) fn quoted(text: &str) -> String {
    let mut said: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        said.push_str("..");
    }
    format!("`{said}`")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        // Nothing in it can fail to be written.
        let body = serde_json::to_vec(&*self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
