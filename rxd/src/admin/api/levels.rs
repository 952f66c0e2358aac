//! `GET`, `PUT` and `DELETE` of `/log-level` and `/services/{name}/log-level`.

use crate::admin::app::{App, ServiceName, parse_duration};
use crate::admin::dto::LevelReply;
use crate::admin::problem::{Problem, quoted};
use crate::graph::nearest;
use crate::log::{Level, LevelTarget};
use crate::panic::emit;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The default level, the internal one, and those that are set for services.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Levels {
    /// For all services that have no level set.
    default: LevelReply,
    /// For rxd's own records.
    internal: LevelReply,
    /// The services that have a level set.
    services: BTreeMap<String, LevelReply>,
}

/// The level to set for a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedServiceLevel {
    /// A level, by its name or by one of syslog's names.
    #[schemars(extend("enum" = NAMES))]
    level: String,
    /// The level reverts after this time: `250ms`, `30s`, `10m`, `1h30m`, `2d`; at most `366d`.
    #[serde(default, rename = "for", deserialize_with = "present")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,2}(ms|s|m|h)$"))]
    time: Option<String>,
}

/// The level to set as the default or the internal one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedLevel {
    /// A level, by its name or by one of syslog's names.
    #[schemars(extend("enum" = NAMES))]
    level: String,
    /// The level reverts after this time: `250ms`, `30s`, `10m`, `1h30m`, `2d`; at most `366d`.
    #[serde(default, rename = "for", deserialize_with = "present")]
    #[schemars(with = "String", regex(pattern = "^[1-9][0-9]{0,2}(ms|s|m|h)$"))]
    time: Option<String>,
    /// Which of the two; `default` if left out.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", extend("enum" = TARGETS))]
    target: Option<String>,
}

impl From<WantedServiceLevel> for WantedLevel {
    fn from(WantedServiceLevel { level, time }: WantedServiceLevel) -> Self {
        WantedLevel { level, time, target: None }
    }
}

/// All names of levels.
const NAMES: [&str; Level::NAMES.len()] = {
    let mut names = [""; Level::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Level::NAMES[at].0;
        at += 1;
    }
    names
};

/// The levels besides those of services.
const TARGETS: [&str; 2] = ["default", "internal"];

/// A field that may be left out, but must not be `null`.
pub(super) fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    String::deserialize(value).map(Some)
}

/// A level, for how long, and whether it is the internal one.
#[derive(Debug, PartialEq)]
struct LevelChange {
    level: Level,
    time: Option<Duration>,
    internal: bool,
}

fn all(app: &App) -> Levels {
    Levels {
        default: app.levels.get(LevelTarget::Default).into(),
        internal: app.levels.get(LevelTarget::Internal).into(),
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
    let target = if change.internal { LevelTarget::Internal } else { LevelTarget::Default };
    apply(&app, target, &change)?;
    Ok(Json(all(&app)))
}

pub(crate) async fn delete_default(State(app): State<App>) -> Json<Levels> {
    app.levels.reset(LevelTarget::Default);
    app.levels.reset(LevelTarget::Internal);
    Json(all(&app))
}

pub(crate) async fn get_one(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    Ok(Json(app.levels.get(name).into()))
}

pub(crate) async fn put_one(
    State(app): State<App>,
    ServiceName(name): ServiceName,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    let change = read(&app, &headers, body, false).await?;
    apply(&app, LevelTarget::Service(name.clone()), &change)?;
    Ok(Json(app.levels.get(name).into()))
}

pub(crate) async fn delete_one(
    State(app): State<App>,
    ServiceName(name): ServiceName,
) -> Result<Json<LevelReply>, Problem> {
    app.service(&name)?;
    app.levels.reset(name.clone());
    Ok(Json(app.levels.get(name).into()))
}

fn apply(app: &App, target: LevelTarget, change: &LevelChange) -> Result<(), Problem> {
    if !app.levels.has_filter() {
        let detail = "no subscriber of the process reads these levels, so the level would change nothing; call \
                      `rxd::log::init()`, or give your own layers the filter `rxd::log::level_handle().filter()`";
        return Err(Problem::new(StatusCode::CONFLICT, "no-filter", "No log has these levels", detail));
    }
    emit!(INFO, target: "rxd::admin", "the log level of {target} is set to {}{}", change.level, match change.time {
        Some(time) => format!(" for {time:?}"),
        None => String::new(),
    });
    match change.time {
        None => app.levels.set(target, change.level),
        Some(time) => {
            app.levels
                .set_temporarily(target, change.level, time)
                .map_err(|error| Problem::invalid("for", error.to_string()))?;
        }
    }
    Ok(())
}

async fn read(app: &App, headers: &HeaderMap, body: Body, daemon: bool) -> Result<LevelChange, Problem> {
    let (bytes, json) = app.json_or_text(headers, body, "level").await?;
    parse(&bytes, json, daemon)
}

/// The change that a body describes. `daemon`: it may name a target, since it is not for a service.
fn parse(bytes: &[u8], json: bool, daemon: bool) -> Result<LevelChange, Problem> {
    let wanted = if json {
        let example = r#"{"level": "debug", "for": "10m"}"#;
        match daemon {
            true => Problem::read_object::<WantedLevel>(bytes, example)?,
            false => Problem::read_object::<WantedServiceLevel>(bytes, example)?.into(),
        }
    } else {
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::invalid("body", "the body is not valid UTF-8"))?;
        let (level, time) = match text.trim().split_once(" for ") {
            Some((level, time)) => (level, Some(time.to_owned())),
            None => (text, None),
        };
        WantedLevel { level: level.trim().to_owned(), time, target: None }
    };
    let level = wanted.level.parse().map_err(|_| {
        let near = nearest(&wanted.level, NAMES.into_iter());
        Problem::invalid("level", format!("{} is not a log level", quoted(&wanted.level)))
            .allowed(NAMES)
            .suggestion(near)
    })?;
    let time = match wanted.time.as_deref() {
        None => None,
        Some(text) => Some(parse_duration(text).ok_or_else(|| {
            let allowed = ["250ms", "30s", "10m", "1h30m", "2d", "at most 366d"];
            Problem::invalid("for", format!("{} is not a duration", quoted(text))).allowed(allowed)
        })?),
    };
    let internal = match wanted.target.as_deref() {
        None | Some("default") => false,
        Some("internal") => true,
        Some(other) => {
            let (detail, near) = (format!("{} is not a target", quoted(other)), nearest(other, TARGETS.into_iter()));
            return Err(Problem::invalid("target", detail).allowed(TARGETS).suggestion(near));
        }
    };
    Ok(LevelChange { level, time, internal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn level_body_of_each_form_is_read_or_refused() {
        let ten = Some(Duration::from_secs(600));
        let change = |level, time, internal| LevelChange { level, time, internal };
        assert_eq!(parse(b"debug\n", false, false).unwrap(), change(Level::Debug, None, false));
        assert_eq!(parse(b"notice for 10m", false, false).unwrap(), change(Level::Info, ten, false));
        let json = br#"{"level": "DEBUG", "for": "10m", "target": "internal"}"#;
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
        fn level_body_of_any_bytes_is_read_or_refused(bytes in any::<Vec<u8>>(), json: bool, daemon: bool) {
            let _ = parse(&bytes, json, daemon);
        }

        #[test]
        fn level_body_of_any_object_is_read_or_refused(level in ".{0,8}", time in ".{0,8}", target in ".{0,8}") {
            let object = serde_json::json!({ "level": level, "for": time, "target": target });
            let _ = parse(object.to_string().as_bytes(), true, true);
        }
    }
}
