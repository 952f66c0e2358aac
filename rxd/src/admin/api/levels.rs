//! `/log-level` and `/services/{name}/log-level`.

use crate::admin::app::{App, Name, duration};
use crate::admin::dto::LevelReply;
use crate::admin::problem::{Problem, quoted};
use crate::graph::nearest;
use crate::log::{Level, LevelTarget};
use crate::panic::emit;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// All levels.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Levels {
    /// Where no other is set.
    default: LevelReply,
    /// What rxd itself says.
    own: LevelReply,
    /// Those of the services that have one of their own.
    services: BTreeMap<String, LevelReply>,
}

/// A service's level, as it is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedServiceLevel {
    /// syslog's names are accepted.
    #[schemars(extend("enum" = NAMES))]
    level: String,
    /// After this time it goes back by itself: `250ms`, `30s`, `10m`, `1h30m`, `2d`; at most `366d`.
    #[serde(default, rename = "for", deserialize_with = "written")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,2}(ms|s|m|h)$"))]
    time: Option<String>,
}

/// The default level or that of rxd itself, as it is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedLevel {
    /// syslog's names are accepted.
    #[schemars(extend("enum" = NAMES))]
    level: String,
    /// After this time it goes back by itself: `250ms`, `30s`, `10m`, `1h30m`, `2d`; at most `366d`.
    #[serde(default, rename = "for", deserialize_with = "written")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,2}(ms|s|m|h)$"))]
    time: Option<String>,
    /// Which of the two; the default if left out.
    #[serde(default, deserialize_with = "written")]
    #[schemars(with = "String", extend("enum" = OF))]
    of: Option<String>,
}

impl From<WantedServiceLevel> for WantedLevel {
    fn from(WantedServiceLevel { level, time }: WantedServiceLevel) -> Self {
        WantedLevel { level, time, of: None }
    }
}

/// What a level may be called.
const NAMES: [&str; Level::NAMES.len()] = {
    let mut names = [""; Level::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Level::NAMES[at].0;
        at += 1;
    }
    names
};

/// The levels there are besides those of services.
const OF: [&str; 2] = ["default", "rxd"];

/// What may be left out, but is a text where it is not.
fn written<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    String::deserialize(value).map(Some)
}

/// A level, for how long, and whose.
#[derive(Debug, PartialEq)]
struct Change {
    level: Level,
    time: Option<Duration>,
    own: bool,
}

fn all(app: &App) -> Levels {
    Levels {
        default: app.levels.get(LevelTarget::Default).into(),
        own: app.levels.get(LevelTarget::Internal).into(),
        services: app.levels.services().into_iter().map(|(name, setting)| (name, setting.into())).collect(),
    }
}

pub(crate) async fn get_all(State(app): State<App>) -> Json<Levels> {
    Json(all(&app))
}

pub(crate) async fn put_default(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Levels>, Problem> {
    let change = read(&app, &headers, body, true).await?;
    let target = if change.own { LevelTarget::Internal } else { LevelTarget::Default };
    apply(&app, target, &change)?;
    Ok(Json(all(&app)))
}

pub(crate) async fn delete_default(State(app): State<App>) -> Json<Levels> {
    app.levels.reset(LevelTarget::Default);
    app.levels.reset(LevelTarget::Internal);
    Json(all(&app))
}

pub(crate) async fn get_one(State(app): State<App>, Name(name): Name) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    Ok(Json(app.levels.get(name).into()))
}

pub(crate) async fn put_one(
    State(app): State<App>,
    Name(name): Name,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    let change = read(&app, &headers, body, false).await?;
    apply(&app, LevelTarget::Service(name.clone()), &change)?;
    Ok(Json(app.levels.get(name).into()))
}

pub(crate) async fn delete_one(State(app): State<App>, Name(name): Name) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    app.levels.reset(name.clone());
    Ok(Json(app.levels.get(name).into()))
}

fn apply(app: &App, target: LevelTarget, change: &Change) -> Result<(), Problem> {
    emit!(INFO, target: "rxd::admin", "the level of {target} is set to {} {}", change.level, match change.time {
        Some(time) => format!("for {time:?}"),
        None => "to stay".to_owned(),
    });
    match change.time {
        None => app.levels.set(target, change.level),
        Some(time) => {
            app.levels
                .set_temporarily(target, change.level, time)
                .map_err(|error| Problem::bad("for", error.to_string()))?;
        }
    }
    Ok(())
}

async fn read(app: &App, headers: &HeaderMap, body: Body, own: bool) -> Result<Change, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or("?"));
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = match &kind[..] {
        "application/json" => true,
        // What `curl -d debug` says.
        "" | "text/plain" | "application/x-www-form-urlencoded" => false,
        _ => {
            let detail = "a level is written as JSON or as plain text";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "The body cannot be read",
                detail,
            )
            .field("Content-Type")
            .allowed(["application/json", "text/plain"]));
        }
    };
    let bytes = app.body(body).await?;
    parse(&bytes, json, own)
}

/// What a body asks for; `own` if it is not of a service.
fn parse(bytes: &[u8], json: bool, own: bool) -> Result<Change, Problem> {
    let wanted = if json {
        let read = match own {
            true => serde_json::from_slice::<WantedLevel>(bytes),
            false => serde_json::from_slice::<WantedServiceLevel>(bytes).map(Into::into),
        };
        read.map_err(|error| {
            let error: String = error.to_string().chars().take(200).flat_map(char::escape_debug).collect();
            Problem::bad("body", format!("write {{\"level\": \"debug\", \"for\": \"10m\"}}: {error}"))
        })?
    } else {
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::bad("body", "the body is not valid UTF-8"))?;
        let (level, time) = match text.trim().split_once(" for ") {
            Some((level, time)) => (level, Some(time.to_owned())),
            None => (text, None),
        };
        WantedLevel { level: level.trim().to_owned(), time, of: None }
    };
    let level = wanted.level.parse().map_err(|_| {
        let near = nearest(&wanted.level, NAMES.into_iter());
        Problem::bad("level", format!("no level is called {}", quoted(&wanted.level))).allowed(NAMES).suggestion(near)
    })?;
    let time = match wanted.time.as_deref() {
        None => None,
        Some(text) => Some(duration(text).ok_or_else(|| {
            let allowed = ["250ms", "30s", "10m", "1h30m", "2d", "366d at most"];
            Problem::bad("for", format!("{} is no time", quoted(text))).allowed(allowed)
        })?),
    };
    let own = match wanted.of.as_deref() {
        None | Some("default") => false,
        Some("rxd") => true,
        Some(other) => {
            let detail = format!("{} is neither of the two levels that are no service's", quoted(other));
            return Err(Problem::bad("of", detail).allowed(OF).suggestion(nearest(other, OF.into_iter())));
        }
    };
    Ok(Change { level, time, own })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_asked_for() {
        let ten = Some(Duration::from_secs(600));
        let change = |level, time, own| Change { level, time, own };
        assert_eq!(parse(b"debug\n", false, false).unwrap(), change(Level::Debug, None, false));
        assert_eq!(parse(b"notice for 10m", false, false).unwrap(), change(Level::Info, ten, false));
        let json = br#"{"level": "DEBUG", "for": "10m", "of": "rxd"}"#;
        assert_eq!(parse(json, true, true).unwrap(), change(Level::Debug, ten, true));
        assert!(parse(json, true, false).is_err());
        for bad in ["", "loud", "debug for ever", "debug\ninfo"] {
            assert!(parse(bad.as_bytes(), false, true).is_err(), "{bad}");
        }
        for bad in [
            "",
            "debug",
            "{}",
            "[]",
            "{\"level\": 1}",
            "{\"level\":\"debug\",\"for\":null}",
            "{\"level\": \"debug\", \"fro\": \"10m\"}",
            "{\"level\":\"debug\"}x",
        ] {
            assert!(parse(bad.as_bytes(), true, true).is_err(), "{bad}");
        }
        let deep = "[".repeat(10_000);
        assert!(parse(deep.as_bytes(), true, true).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>(), json: bool, own: bool) {
            let _ = parse(&bytes, json, own);
        }

        #[test]
        fn any_object_is_read_or_refused(level in ".{0,8}", time in ".{0,8}", of in ".{0,8}") {
            let object = serde_json::json!({ "level": level, "for": time, "of": of });
            let _ = parse(object.to_string().as_bytes(), true, true);
        }
    }
}
