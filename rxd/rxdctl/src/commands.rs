//! What each command requests, and what it prints.

use crate::args::{Args, CliCommand, GraphFormat, LogLevelArgs, Targets};
use crate::client::{Client, MAX_ANSWER_BYTES, segment};
use crate::show;
use crate::{CliError, ExitStatus};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::{Body, Bytes};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// The pause between two attempts to reach a daemon that does not answer.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// How long a stream of events may be silent. A daemon sends a comment every 15 seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// Clears the terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(crate) async fn run(args: Args) -> Result<ExitStatus, CliError> {
    let client = Client { at: args.at, token: args.token };
    let json = args.json;
    match args.command {
        CliCommand::Status { services, watch: false } => status(&client, &services, json).await,
        CliCommand::Status { services, watch: true } => watch(&client, &services, json).await,
        CliCommand::Why { service } => {
            let why = client.json(Method::GET, &format!("/services/{}/why", segment(&service)), "").await?;
            let Some(text) = why["text"].as_str().map(show::clean) else {
                return Err(client.no_daemon("its answer says nothing about the service"));
            };
            print(json, &why, || text.replace("; ", "\n  ") + "\n")
        }
        CliCommand::LogLevel(wanted) => levels(&client, &wanted, json).await,
        CliCommand::Start(targets) => act_on(&client, "start", &targets, json).await,
        CliCommand::Stop(targets) => act_on(&client, "stop", &targets, json).await,
        CliCommand::Restart(targets) => act_on(&client, "restart", &targets, json).await,
        CliCommand::Reload { group: Some(group), .. } => act_on_group(&client, "reload", Some(&group), json).await,
        CliCommand::Reload { services, .. } if services.is_empty() => {
            let (status, daemon) = client.json_with_status(Method::POST, "/reload", "").await?;
            if !daemon["services"].is_array() {
                return Err(client.no_daemon("its answer names no services"));
            }
            match status {
                _ if json => put_json(&daemon.to_string())?,
                200 => put("reloaded\n")?,
                _ => put("the reload is in progress\n")?,
            }
            Ok(ExitStatus::Done)
        }
        CliCommand::Reload { services, .. } => act(&client, "reload", &services, json).await,
        CliCommand::Scale { family, members } => scale(&client, &family, members, json).await,
        CliCommand::Add { kind, name, args } => add(&client, &kind, &name, args, json).await,
        CliCommand::Remove { service, with_dependents } => remove(&client, &service, with_dependents, json).await,
        CliCommand::Shutdown { reason } => {
            let body = json!({ "reason": reason.unwrap_or_default() }).to_string();
            let daemon = client.json(Method::POST, "/shutdown", &body).await?;
            let name = daemon["name"].as_str().map(show::clean).unwrap_or_default();
            let phase = daemon["phase"].as_str().filter(|phase| *phase == "draining").unwrap_or("stopping");
            print(json, &daemon, || format!("{name}: {phase}\n"))
        }
        CliCommand::Graph { format } => {
            let format = match format {
                _ if json => "json",
                GraphFormat::Json => "json",
                GraphFormat::Mermaid => "mermaid",
                GraphFormat::Dot => "dot",
                GraphFormat::Svg => "svg",
            };
            // Any server may answer to `/graph`.
            client.daemon().await?;
            let text = client.text(Method::GET, &format!("/graph?format={format}"), "*/*", "").await?;
            if format == "json" {
                put_json(text.trim_end())?
            } else {
                put(&format!("{}\n", text.trim_end()))?
            }
            Ok(ExitStatus::Done)
        }
        CliCommand::Events => events(&client, json).await,
        CliCommand::Completions { .. } => Ok(ExitStatus::Done),
    }
}

/// Prints a text. All output but for [`CLEAR`] goes through here or [`put_json`].
fn put(text: &str) -> Result<(), CliError> {
    write(&show::lines(text))
}

fn put_json(text: &str) -> Result<(), CliError> {
    write(&format!("{}\n", show::json(text)))
}

fn write(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn print(json: bool, value: &Value, text: impl FnOnce() -> String) -> Result<ExitStatus, CliError> {
    if json {
        put_json(&value.to_string())?
    } else {
        put(&text())?
    }
    Ok(ExitStatus::Done)
}

// ---- status -------------------------------------------------------------------------------------

/// The named services; all of them if none is named. For an unknown name, the daemon's own error.
async fn chosen<'a>(client: &Client, daemon: &'a Value, names: &[String]) -> Result<Vec<&'a Value>, CliError> {
    let all: Vec<&Value> = daemon["services"].as_array().into_iter().flatten().collect();
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for name in names {
        match all.iter().copied().find(|service| service["name"] == name.as_str()) {
            Some(service) => found.push(service),
            None => drop(client.json(Method::GET, &format!("/services/{}", segment(name)), "").await?),
        }
    }
    Ok(found)
}

async fn status(client: &Client, names: &[String], json: bool) -> Result<ExitStatus, CliError> {
    let daemon = client.daemon().await?;
    let chosen = chosen(client, &daemon, names).await?;
    let ready = daemon["phase"] == "running"
        && chosen.iter().all(|service| service["ready"] == true || service["optional"] == true);
    let shown = if json { only(&daemon, &chosen) } else { Value::Null };
    print(json, &shown, || show::status(&daemon, &chosen))?;
    Ok(if ready { ExitStatus::Done } else { ExitStatus::NotReady })
}

fn only(daemon: &Value, chosen: &[&Value]) -> Value {
    let mut daemon = daemon.clone();
    daemon["services"] = json!(chosen);
    daemon
}

/// Shows the status again after each transition, also of a daemon that has been started again.
async fn watch(client: &Client, names: &[String], json: bool) -> Result<ExitStatus, CliError> {
    let clear = !json && std::io::stdout().is_terminal();
    let mut known = false;
    loop {
        match follow(client, async |_, _| show_now(client, names, json, clear).await).await {
            // If no daemon has answered yet, the address is most likely wrong.
            Err(CliError::NoAnswer(message)) if !known => return Err(CliError::NoAnswer(message)),
            Err(CliError::NoAnswer(_)) | Ok(()) => {
                known = true;
                if !json {
                    put("\nthe daemon does not answer; waiting for it\n")?;
                }
                loop {
                    // Even if it answers at once: a server that closes every stream must not be
                    // asked without a pause.
                    tokio::time::sleep(RECONNECT_DELAY).await;
                    if !matches!(client.daemon().await, Err(CliError::NoAnswer(_))) {
                        break;
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn show_now(client: &Client, names: &[String], json: bool, clear: bool) -> Result<(), CliError> {
    let daemon = match client.daemon().await {
        Ok(daemon) => daemon,
        // The daemon has just ended: the stream of events ends, too.
        Err(CliError::NoAnswer(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let chosen = chosen(client, &daemon, names).await?;
    match (json, clear) {
        (true, _) => put_json(&only(&daemon, &chosen).to_string()),
        (false, true) => {
            write(CLEAR)?;
            put(&show::status(&daemon, &chosen))
        }
        (false, false) => put(&format!("{}\n", show::status(&daemon, &chosen))),
    }
}

// ---- events -------------------------------------------------------------------------------------

/// Calls `each` with the kind and the data of every event, until the stream ends.
async fn follow(client: &Client, each: impl AsyncFnMut(&str, Value) -> Result<(), CliError>) -> Result<(), CliError> {
    let answer = client.send(Method::GET, "/events", "text/event-stream", "").await?;
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if answer.status() != 200 || !kind.starts_with("text/event-stream") {
        return Err(client.error_of(answer).await);
    }
    read_events(client, answer.into_body(), each).await
}

async fn read_events(
    client: &Client,
    mut body: impl Body<Data = Bytes> + Unpin,
    mut each: impl AsyncFnMut(&str, Value) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let frame = match tokio::time::timeout(SILENCE_LIMIT, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(_) => return Ok(()),
            Err(_) => return Err(client.no_answer(&format_args!("nothing has arrived for {SILENCE_LIMIT:?}"))),
        };
        // The bytes before this index contain no blank line, which ends an event.
        let mut searched = bytes.len().saturating_sub(1);
        bytes.extend(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = bytes[searched..].windows(2).position(|two| two == b"\n\n") {
            let rest = bytes.split_off(searched + end + 2);
            let event = String::from_utf8_lossy(&std::mem::replace(&mut bytes, rest)).into_owned();
            searched = 0;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let (Some(kind), Some(data)) = (field("event"), field("data")) {
                each(kind, serde_json::from_str(data).unwrap_or_default()).await?;
            }
        }
        if bytes.len() > MAX_ANSWER_BYTES {
            return Err(client.no_answer(&"an event is too long"));
        }
    }
}

async fn events(client: &Client, json: bool) -> Result<ExitStatus, CliError> {
    follow(client, async |kind, data| {
        if json {
            return put_json(&json!({ "event": kind, "data": data }).to_string());
        }
        match kind {
            "transition" => put(&show::transition(&data)),
            "added" | "removed" => put(&show::comes_or_goes(kind, &data)),
            "lagged" => put(&format!("({} transitions were missed)\n", data["missed"].as_u64().unwrap_or_default())),
            "end" => put(show::end(&data)),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(ExitStatus::Done)
}

// ---- actions and levels -------------------------------------------------------------------------

async fn act_on(client: &Client, verb: &str, targets: &Targets, json: bool) -> Result<ExitStatus, CliError> {
    match &targets.group {
        None if !targets.all => act(client, verb, &targets.services, json).await,
        group => act_on_group(client, verb, group.as_deref(), json).await,
    }
}

async fn add(
    client: &Client,
    kind: &str,
    name: &str,
    args: Vec<(String, String)>,
    json: bool,
) -> Result<ExitStatus, CliError> {
    let mut map = serde_json::Map::new();
    for (key, value) in args {
        if map.insert(key.clone(), value.into()).is_some() {
            return Err(CliError::refused(format_args!("`{key}` is written twice\nhelp: remove one of them")));
        }
    }
    let body = json!({ "kind": kind, "name": name, "args": map }).to_string();
    let service = client.json(Method::POST, "/services", &body).await?;
    print(json, &service, || format!("{}: added\n", show::clean(name)))
}

async fn remove(client: &Client, name: &str, with_dependents: bool, json: bool) -> Result<ExitStatus, CliError> {
    let query = if with_dependents { "?dependents=true" } else { "" };
    let path = format!("/services/{}{query}", segment(name));
    let (status, removed) = client.json_with_status(Method::DELETE, &path, "").await?;
    let what = if status == 202 { "the removal is in progress" } else { "removed" };
    print(json, &removed, || format!("{}: {what}\n", show::clean(name)))
}

/// Acts on a group, or on all services.
async fn act_on_group(client: &Client, verb: &str, group: Option<&str>, json: bool) -> Result<ExitStatus, CliError> {
    let path = group.map_or_else(|| format!("/{verb}"), |group| format!("/groups/{}/{verb}", segment(group)));
    let (answer, error) = match client.json(Method::POST, &path, "").await {
        Ok(answer) => (answer["services"].clone(), None),
        // Some of the services may have done it.
        Err(CliError::Refused(message, Some(problem))) => {
            (problem["members"].clone(), Some(CliError::Refused(message, Some(problem))))
        }
        Err(error) => return Err(error),
    };
    for member in answer.as_array().into_iter().flatten().filter(|member| member["outcome"] != "failed") {
        let name = member["name"].as_str().map(show::clean).unwrap_or_default();
        print(json, member, || show::acted(&name, verb, &member["service"], member["outcome"] == "in_progress"))?;
    }
    error.map_or(Ok(ExitStatus::Done), Err)
}

/// Acts on all services, and returns the first error after the last.
async fn act(client: &Client, verb: &str, services: &[String], json: bool) -> Result<ExitStatus, CliError> {
    let mut first_error = None;
    for name in services {
        match client.json_with_status(Method::POST, &format!("/services/{}/{verb}", segment(name)), "").await {
            Ok((status, service)) => {
                print(json, &service, || show::acted(&show::clean(name), verb, &service, status == 202))?;
            }
            Err(error @ CliError::Refused(..)) => first_error = first_error.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    first_error.map_or(Ok(ExitStatus::Done), Err)
}

async fn scale(client: &Client, family: &str, members: u32, json: bool) -> Result<ExitStatus, CliError> {
    let (path, body) = (format!("/families/{}/scale", segment(family)), json!({ "members": members }).to_string());
    let (status, reply) = client.json_with_status(Method::POST, &path, &body).await?;
    let Some(names) = reply["members"].as_array() else {
        return Err(client.no_daemon("its answer names no members"));
    };
    let count = match names.len() {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    let goes_on = if status == 202 { "; the scaling is in progress" } else { "" };
    print(json, &reply, || format!("{}: {count}{goes_on}\n", show::clean(family)))
}

async fn levels(client: &Client, wanted: &LogLevelArgs, json: bool) -> Result<ExitStatus, CliError> {
    // `log-level debug`: a single word that is a level, and not a service, sets the default.
    let (service, level) = match (wanted.service.as_deref(), wanted.level.as_deref()) {
        (word, None) if wanted.internal => (None, word),
        (Some(word), None)
            if !wanted.reset && word.parse::<rxd::log::Level>().is_ok() && !has(client, word).await? =>
        {
            (None, Some(word))
        }
        other => other,
    };
    let path = match service {
        Some(name) => format!("/services/{}/log-level", segment(name)),
        None => "/log-level".to_owned(),
    };
    let answer = match (wanted.reset, level) {
        (true, _) => client.json(Method::DELETE, &path, "").await?,
        (false, None) => client.json(Method::GET, &path, "").await?,
        (false, Some(level)) => {
            let mut body = json!({ "level": level });
            if let Some(time) = &wanted.time {
                body["for"] = json!(time);
            }
            if wanted.internal {
                body["target"] = json!("internal");
            }
            client.json(Method::PUT, &path, &body.to_string()).await?
        }
    };
    print(json, &answer, || match service {
        Some(name) => format!("{}: {}\n", show::clean(name), show::level(&answer)),
        None => {
            let mut rows = vec![
                vec!["(default)".to_owned(), show::level(&answer["default"])],
                vec!["(internal)".to_owned(), show::level(&answer["internal"])],
            ];
            for (name, setting) in answer["services"].as_object().into_iter().flatten() {
                rows.push(vec![show::clean(name), show::level(setting)]);
            }
            show::table(&rows)
        }
    })
}

async fn has(client: &Client, name: &str) -> Result<bool, CliError> {
    let daemon = client.daemon().await?;
    Ok(daemon["services"].as_array().into_iter().flatten().any(|service| service["name"] == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Frame;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::time::{Instant, Sleep, sleep};

    /// A stream that sends each chunk after a pause, and then nothing more.
    struct Chunks(VecDeque<&'static str>, Duration, Option<Pin<Box<Sleep>>>);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let pause = self.1;
            let timer = self.2.get_or_insert_with(|| Box::pin(sleep(pause)));
            std::task::ready!(timer.as_mut().poll(cx));
            self.2 = None;
            match self.0.pop_front() {
                Some(chunk) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))))),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn x10_stream_of_events_that_is_silent_for_45_seconds_is_an_error() {
        let client = Client { at: "127.0.0.1:1337".parse().unwrap(), token: None };
        let chunks = ["event: end\n", "data: {}\n\n", ": keep-alive\n\n", "event: transition\ndata: {\"seq\":1}\n\n"];
        let chunks = Chunks(chunks.into(), Duration::from_secs(15), None);
        let (began, mut seen) = (Instant::now(), Vec::new());
        let ended = read_events(&client, chunks, async |kind, data| {
            seen.push(format!("{kind} {data} at {:?}", began.elapsed()));
            Ok(())
        });
        let Err(CliError::NoAnswer(message)) = ended.await else { panic!("it is no error") };
        assert!(message.contains("127.0.0.1:1337: nothing has arrived for 45s"), "{message}");
        assert_eq!(seen, ["end {} at 30s", "transition {\"seq\":1} at 60s"]);
        assert_eq!(began.elapsed(), Duration::from_secs(60 + 45));
    }
}
