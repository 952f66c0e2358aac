//! The answer to a request that is refused or fails: RFC 9457, `application/problem+json`.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

/// A request that is refused or fails: what is wrong, and what to send instead.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<ProblemDetails>);

/// Why a request was refused or failed.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Problem", deny_unknown_fields)]
pub(crate) struct ProblemDetails {
    /// The kind of problem: `urn:rxd:` and a word.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// The part of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    field: Option<&'static str>,
    /// The values that are allowed there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
    /// The allowed value that is nearest to the one sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    suggestion: Option<String>,
    /// The state of all services, if the daemon is stopping.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "super::dto::DaemonReply")]
    daemon: Option<super::dto::DaemonReply>,
    /// What became of a request to several services, in each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<super::dto::MemberReply>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Problem(Box::new(ProblemDetails {
            kind: format!("urn:rxd:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            allowed: Vec::new(),
            suggestion: None,
            daemon: None,
            members: Vec::new(),
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

    pub(crate) fn daemon(mut self, daemon: super::dto::DaemonReply) -> Self {
        self.0.daemon = Some(daemon);
        self
    }

    pub(crate) fn members(mut self, members: Vec<super::dto::MemberReply>) -> Self {
        self.0.members = members;
        self
    }

    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", "The request is not valid", detail).field(field)
    }

    /// A body that is not the JSON it should be, like this one.
    pub(crate) fn invalid_json(error: &serde_json::Error, example: &str) -> Self {
        let error: String = error.to_string().chars().take(200).flat_map(char::escape_debug).collect();
        Problem::invalid("body", format!("the body is not valid: {error}; write {example}"))
    }

    /// Reads a JSON object. An array would pass as one, by the order of its fields.
    pub(crate) fn read_object<T: serde::de::DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Self> {
        let is_array = body.trim_ascii_start().first() == Some(&b'[');
        let read = match is_array {
            true => Err(serde::de::Error::custom("it is an array, not an object")),
            false => serde_json::from_slice(body),
        };
        read.map_err(|error| Problem::invalid_json(&error, example))
    }

    pub(crate) fn forbidden(field: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "The request is not allowed", detail).field(field)
    }

    pub(crate) fn stopping(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The daemon is stopping", detail)
    }
}

/// A client's text, to be quoted back to it: in one line, and at most 80 characters long.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        quoted.push_str("..");
    }
    format!("`{quoted}`")
}

/// On every answer: no page of another origin can load it, as an image for example.
pub(crate) const SAME_ORIGIN: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        // Serializing cannot fail: every key is a string.
        let body = serde_json::to_vec(&*self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(SAME_ORIGIN.0, SAME_ORIGIN.1);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
