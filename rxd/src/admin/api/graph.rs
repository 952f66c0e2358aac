//! `GET /graph`: the checked graph, in the format that `?format=` or `Accept` asks for.

use crate::admin::app::App;
use crate::admin::graph_svg::{self, Pictures};
use crate::admin::problem::{Problem, quoted};
use crate::graph::nearest;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Short names, and media types. The first is the default.
pub(crate) const FORMATS: [(&str, &str); 4] = [
    ("json", "application/json"),
    ("mermaid", "text/vnd.mermaid"),
    ("dot", "text/vnd.graphviz"),
    ("svg", "image/svg+xml"),
];

/// The directions in which the SVG can go.
pub(crate) const DIRECTIONS: [&str; 2] = ["right", "down"];

pub(crate) async fn get(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let given = |key: &str| {
        let parts = uri.query().unwrap_or_default().split('&');
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let asked = given("format");
    let down = match given("direction") {
        None | Some("right") => false,
        Some("down") => true,
        Some(other) => {
            let detail = format!("{} is not a direction", quoted(other));
            return Err(Problem::invalid("direction", detail).allowed(DIRECTIONS));
        }
    };
    let format = match asked {
        Some(name) => FORMATS.iter().position(|(format, _)| *format == name).ok_or_else(|| {
            let formats = || FORMATS.iter().map(|(name, _)| *name);
            let detail = format!("{} is not a format", quoted(name));
            Problem::invalid("format", detail).allowed(formats()).suggestion(nearest(name, formats()))
        })?,
        None => {
            let accepts: Vec<&str> =
                headers.get_all(header::ACCEPT).iter().map(|value| value.to_str().unwrap_or("?")).collect();
            choose(&accepts.join(",")).ok_or_else(|| {
                let detail = "the graph has no format that the client accepts";
                Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Format not available", detail)
                    .field("Accept")
                    .allowed(FORMATS.map(|(_, media)| media))
            })?
        }
    };
    let Some(pictures) = app.handle.core().extensions.get::<Pictures>() else {
        let detail = "this daemon keeps no graph";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-graph", "No graph", detail));
    };
    let body = match FORMATS[format].0 {
        "json" => pictures.json().clone(),
        "mermaid" => pictures.mermaid().clone(),
        "dot" => pictures.dot().clone(),
        _ => graph_svg::svg(pictures.layout(down), &app.handle.states()),
    };
    Ok(([(header::CONTENT_TYPE, FORMATS[format].1), (header::VARY, "Accept")], body).into_response())
}

/// The format with the highest weight in an `Accept` header; of equal ones the first of
/// [`FORMATS`].
fn choose(accept: &str) -> Option<usize> {
    if accept.trim().is_empty() {
        return Some(0);
    }
    let ranges: Vec<(&str, f32)> = accept
        .split(',')
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next()?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
            Some((media, weight))
        })
        .collect();
    let weight = |media: &str| {
        let family = media.split('/').next().unwrap_or_default();
        // The most specific range counts, even if its weight is lower.
        let exact = ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(media));
        let within = || ranges.iter().find(|(range, _)| range.strip_suffix("/*") == Some(family));
        let any = || ranges.iter().find(|(range, _)| *range == "*/*");
        exact.or_else(within).or_else(any).map_or(0.0, |(_, weight)| *weight)
    };
    let mut best = None;
    for (at, (_, media)) in FORMATS.iter().enumerate() {
        let weight = weight(media);
        if weight > 0.0 && best.is_none_or(|(_, other)| weight > other) {
            best = Some((at, weight));
        }
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{FORMATS, choose};
    use proptest::prelude::*;

    #[test]
    fn accept_header_with_weights_chooses_the_heaviest_format() {
        let format = |accept: &str| choose(accept).map(|at| FORMATS[at].0);
        assert_eq!(format(""), Some("json"));
        assert_eq!(format("*/*"), Some("json"));
        assert_eq!(format("image/svg+xml"), Some("svg"));
        assert_eq!(format("image/*"), Some("svg"));
        assert_eq!(format("text/vnd.graphviz;q=0.5, text/vnd.mermaid"), Some("mermaid"));
        assert_eq!(format("application/json;q=0, */*;q=0.1"), Some("mermaid"));
        assert_eq!(format("text/html,application/xml;q=0.9,image/webp,*/*;q=0.8"), Some("json"));
        assert_eq!(format("text/html"), None);
        assert_eq!(format("application/json;q=x"), None);
    }

    proptest! {
        #[test]
        fn accept_header_of_any_text_does_not_panic(accept in ".*") {
            let _ = choose(&accept);
        }
    }
}
