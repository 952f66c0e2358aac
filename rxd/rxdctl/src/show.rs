//! What is printed for people.

use serde_json::Value;

/// Whether a character can control a terminal, or turn the order of a line's characters around.
fn is_hostile(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Unicode's own line breaks, too.
    turns || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Replaces what could control the terminal, but for line breaks: the text comes from a daemon.
pub(crate) fn lines(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// As [`lines`], with spaces for line breaks, so that no text can forge a line.
pub(crate) fn clean(text: &str) -> String {
    lines(text).replace('\n', " ")
}

/// A JSON text in which what could control the terminal is escaped. It has the same value.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_hostile(c) && c != '\n' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Cuts a text to the width of a table; `why` shows all of it.
fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text.to_owned(),
    }
}

/// A duration: `12 s`, `3 m`, `5 h`, `2 d`.
pub(crate) fn since(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} m", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s if s < 1e9 => format!("{:.0} d", s / 86400.0),
        _ => "ages".to_owned(),
    }
}

/// A table whose columns are as wide as their widest cell.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// The daemon in one line, and its services in a table.
pub(crate) fn status(daemon: &Value, chosen: &[&Value]) -> String {
    let ready = match (daemon["ready"] == true, daemon["degraded"] == true) {
        (true, true) => ", degraded",
        (true, false) => ", ready",
        (false, _) => "",
    };
    let uptime = since(daemon["uptime_s"].as_f64().unwrap_or_default());
    let left: Vec<String> = daemon["stop_waits_for"].as_array().into_iter().flatten().map(text).collect();
    let left = if left.is_empty() { String::new() } else { format!(", waits for {}", short(&left.join(", "))) };
    let reason = match text(&daemon["stop_reason"]) {
        reason if reason.is_empty() => reason,
        reason => format!(" ({})", short(&reason)),
    };
    let head = format!("{}: {}{reason}{left}{ready}, up {uptime}\n\n", text(&daemon["name"]), text(&daemon["phase"]));
    let has_groups = chosen.iter().any(|service| service["group"].is_string());
    let names = ["SERVICE", "STATE", "SINCE", "RESTARTS", "LEVEL", "CAUSE"].map(String::from);
    let mut rows = vec![names.to_vec()];
    if has_groups {
        rows[0].insert(1, "GROUP".to_owned());
    }
    for service in chosen {
        let prefix = if service["transition"] == "exited" { "after " } else { "" };
        let state = format!("{prefix}{}", text(&service["state"]));
        let level = match service["level"]["set"] == true {
            true => text(&service["level"]["level"]),
            false => format!("({})", text(&service["level"]["level"])),
        };
        rows.push(vec![
            text(&service["name"]),
            state,
            since(service["since_s"].as_f64().unwrap_or_default()),
            text(&service["restarts"]),
            level,
            short(&text(&service["why"])),
        ]);
        if let Some(row) = rows.last_mut().filter(|_| has_groups) {
            row.insert(1, text(&service["group"]));
        }
    }
    head + &table(&rows)
}

/// A service after an action on it, in one line.
pub(crate) fn acted(name: &str, verb: &str, service: &Value, is_in_progress: bool) -> String {
    let prefix = if service["transition"] == "exited" { "after " } else { "in " };
    let state = match &service["state"] {
        Value::Null => "removed".to_owned(),
        state => format!("{prefix}{}", text(state)),
    };
    let why = service["why"].as_str().filter(|why| !why.is_empty());
    let why = why.map(|why| format!(" ({})", clean(why))).unwrap_or_default();
    let goes_on = if is_in_progress { format!("; the {verb} is in progress") } else { String::new() };
    format!("{name}: {state}{why}{goes_on}\n")
}

/// A transition in one line.
pub(crate) fn transition(transition: &Value) -> String {
    let cause =
        if transition["cause"] == "normal" { String::new() } else { format!(" ({})", text(&transition["cause"])) };
    let at = transition["at_s"].as_f64().unwrap_or_default();
    format!(
        "{at:>10.3}  {} {} {}{cause}\n",
        text(&transition["service"]),
        text(&transition["transition"]),
        text(&transition["state"])
    )
}

/// The addition or the removal of a service in one line.
pub(crate) fn comes_or_goes(kind: &str, transition: &Value) -> String {
    let at = transition["at_s"].as_f64().unwrap_or_default();
    format!("{at:>10.3}  {} {kind}\n", text(&transition["service"]))
}

/// Why the events end. A server of a service's own, which serves the routes too, ends them earlier.
pub(crate) fn end(daemon: &Value) -> &'static str {
    match daemon["phase"].as_str() {
        Some("running") => "(the stream has ended: the service that serves it stops or restarts)\n",
        Some("stopping") => "(the stream has ended: the daemon stops, and the service that serves it)\n",
        _ => "(the daemon has stopped)\n",
    }
}

/// A level: `debug, reverts to info in 9 m`.
pub(crate) fn level(setting: &Value) -> String {
    let mut out = text(&setting["level"]);
    if let (Some(left), Some(to)) = (setting["reverts_in_s"].as_f64(), setting["reverts_to"].as_str()) {
        out.push_str(&format!(", reverts to {} in {}", clean(to), since(left)));
    } else if setting["set"] == false {
        out.push_str(" (the default)");
    }
    if let Some(limit) = setting["limited_to"].as_str() {
        out.push_str(&format!("; this build contains no records above {}", clean(limit)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::level;
    use super::{clean, json, lines, short, since, status, table};
    use serde_json::json;

    #[test]
    fn u8_end_of_the_events_says_stopped_only_of_a_daemon_that_has() {
        for (phase, is_stopped) in [("running", false), ("stopping", false), ("stopped", true)] {
            assert_eq!(super::end(&json!({"phase": phase})).contains("has stopped"), is_stopped, "{phase}");
        }
    }

    #[test]
    fn p_level_that_the_build_does_not_contain_says_so() {
        let setting = json!({"level": "debug", "set": true, "limited_to": "info"});
        assert_eq!(level(&setting), "debug; this build contains no records above info");
    }

    #[test]
    fn u6_status_of_a_service_shows_why_it_is_where_it_is() {
        let service = json!({
            "name": "api\u{1b}[2J", "state": "stop", "transition": "exited", "cause": "error", "since_s": 3.21,
            "restarts": 4, "level": { "level": "debug", "set": true }, "ready": false,
            "why": "error: connection\nrefused, next attempt in 1.5 s",
        });
        let daemon = json!({
            "name": "agent", "phase": "stopping", "stop_reason": "deploy\n7", "stop_waits_for": ["api", "db"],
            "ready": false, "uptime_s": 7300.0,
        });
        let shown = status(&daemon, &[&service]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "agent: stopping (deploy 7), waits for api, db, up 2 h");
        assert_eq!(lines[2], "SERVICE  STATE       SINCE  RESTARTS  LEVEL  CAUSE");
        assert_eq!(
            lines[3],
            "api\u{fffd}[2J  after stop  3.2 s  4         debug  error: connection refused, next attempt in 1.5 s"
        );
    }

    #[test]
    fn status_of_a_daemon_says_whether_it_is_ready() {
        for (ready, degraded, words) in
            [(true, false, "running, ready"), (true, true, "running, degraded"), (false, false, "running")]
        {
            let daemon =
                json!({ "name": "a", "phase": "running", "ready": ready, "degraded": degraded, "uptime_s": 1.0 });
            assert_eq!(status(&daemon, &[]).lines().next(), Some(&*format!("a: {words}, up 1.0 s")));
        }
    }

    #[test]
    fn texts_are_cleaned_shortened_and_rounded() {
        assert_eq!(clean("a\u{1b}b\u{7}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(clean("a\u{9b}b\nrxdctl: c\u{202e}"), "a\u{fffd}b rxdctl: c\u{fffd}");
        assert_eq!(lines("a\r\nb\u{2028}"), "a\u{fffd}\nb\u{fffd}");
        assert_eq!([0.0, 59.4, 600.0, 10_000.0, 1e6].map(since), ["0.0 s", "59 s", "10 m", "3 h", "12 d"]);
        assert_eq!(table(&[]), "");
        assert_eq!(short(&"ä".repeat(90)), format!("{}..", "ä".repeat(80)));
    }

    #[test]
    fn x9_json_has_the_same_value_and_no_control_character() {
        let value = json!({ "a\u{202e}": "\u{9b}31m \u{1b} \u{7f} ä \n" });
        let text = json(&value.to_string());
        assert!(text.chars().all(|c| !super::is_hostile(c)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
