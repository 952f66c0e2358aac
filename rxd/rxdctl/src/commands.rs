//! What each command asks, and what it makes of the answer.

use crate::args::{Args, Command, Form, LogLevel};
use crate::client::{Client, segment};
use crate::show;
use crate::{Failure, Status};
use http_body_util::BodyExt;
use hyper::Method;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// How long to wait before a daemon that has gone is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args) -> Result<Status, Failure> {
    let client = Client { at: args.at, token: args.token };
    let json = args.json;
    match args.command {
        Command::Status { services, watch: false } => status(&client, &services, json).await,
        Command::Status { services, watch: true } => watch(&client, &services, json).await,
        Command::Why { service } => {
            let why = client.json(Method::GET, &format!("/services/{}/why", segment(&service)), "").await?;
            let text = why["text"].as_str().map(show::clean).unwrap_or_default();
            print(json, &why, || text.replace("; ", "\n  ") + "\n")
        }
        Command::LogLevel(wanted) => levels(&client, &wanted, json).await,
        Command::Start { services } => act(&client, "start", &services, json).await,
        Command::Stop { services } => act(&client, "stop", &services, json).await,
        Command::Restart { services } => act(&client, "restart", &services, json).await,
        Command::Reload { services } => act(&client, "reload", &services, json).await,
        Command::Graph { format } => {
            let form = match format {
                _ if json => "json",
                Form::Json => "json",
                Form::Mermaid => "mermaid",
                Form::Dot => "dot",
                Form::Svg => "svg",
            };
            let text = client.text(Method::GET, &format!("/graph?format={form}"), "*/*", "").await?;
            put(&format!("{}\n", text.trim_end()))?;
            Ok(Status::Done)
        }
        Command::Events => events(&client, json).await,
        Command::Completions { .. } => Ok(Status::Done),
    }
}

fn put(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn print(json: bool, value: &Value, text: impl FnOnce() -> String) -> Result<Status, Failure> {
    put(&if json { format!("{value}\n") } else { text() })?;
    Ok(Status::Done)
}

// ---- status -------------------------------------------------------------------------------------

/// Those that are asked about; all of them, if none is. The daemon itself says what it has not.
async fn chosen<'a>(client: &Client, daemon: &'a Value, names: &[String]) -> Result<Vec<&'a Value>, Failure> {
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

async fn status(client: &Client, names: &[String], json: bool) -> Result<Status, Failure> {
    let daemon = client.daemon().await?;
    let chosen = chosen(client, &daemon, names).await?;
    let ready = daemon["phase"] == "running" && chosen.iter().all(|service| service["ready"] == true);
    let shown = if json { only(&daemon, &chosen) } else { Value::Null };
    print(json, &shown, || show::status(&daemon, &chosen))?;
    Ok(if ready { Status::Done } else { Status::NotReady })
}

fn only(daemon: &Value, chosen: &[&Value]) -> Value {
    let mut daemon = daemon.clone();
    daemon["services"] = json!(chosen);
    daemon
}

/// Shows the status anew with each transition, also of a daemon that went away and came back.
async fn watch(client: &Client, names: &[String], json: bool) -> Result<Status, Failure> {
    let clear = !json && std::io::stdout().is_terminal();
    let mut known = false;
    loop {
        match follow(client, async |_, _| show_now(client, names, json, clear).await).await {
            // A daemon that was never there is a mistake in the address.
            Err(Failure::NoAnswer(said)) if !known => return Err(Failure::NoAnswer(said)),
            Err(Failure::NoAnswer(_)) | Ok(()) => {
                known = true;
                if !json {
                    put("\nthe daemon has gone; waiting for it to come back\n")?;
                }
                while let Err(Failure::NoAnswer(_)) = client.daemon().await {
                    tokio::time::sleep(AGAIN).await;
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

async fn show_now(client: &Client, names: &[String], json: bool, clear: bool) -> Result<(), Failure> {
    let daemon = match client.daemon().await {
        Ok(daemon) => daemon,
        // It has just gone: the events end by themselves.
        Err(Failure::NoAnswer(_)) => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let chosen = chosen(client, &daemon, names).await?;
    match (json, clear) {
        (true, _) => put(&format!("{}\n", only(&daemon, &chosen))),
        (false, true) => put(&format!("\x1b[H\x1b[2J{}", show::status(&daemon, &chosen))),
        (false, false) => put(&format!("{}\n", show::status(&daemon, &chosen))),
    }
}

// ---- events -------------------------------------------------------------------------------------

/// Calls `each` with the kind and the data of every event, until they end.
async fn follow(client: &Client, mut each: impl AsyncFnMut(&str, Value) -> Result<(), Failure>) -> Result<(), Failure> {
    let answer = client.send(Method::GET, "/events", "text/event-stream", "").await?;
    if answer.status() != 200 {
        return Err(Failure::refused(format_args!("the daemon answered with status {}", answer.status())));
    }
    let mut body = answer.into_body();
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
            let event = String::from_utf8_lossy(&bytes[..end]).into_owned();
            bytes.drain(..end + 2);
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let (Some(kind), Some(data)) = (field("event"), field("data")) {
                each(kind, serde_json::from_str(data).unwrap_or_default()).await?;
            }
        }
    }
    Ok(())
}

async fn events(client: &Client, json: bool) -> Result<Status, Failure> {
    follow(client, async |kind, data| {
        if json {
            return put(&format!("{}\n", json!({ "event": kind, "data": data })));
        }
        match kind {
            "transition" => put(&show::change(&data)),
            "lagged" => put(&format!("({} transitions were missed)\n", data["missed"])),
            "end" => put("(the daemon has ended)\n"),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(Status::Done)
}

// ---- actions and levels -------------------------------------------------------------------------

/// All of them, and the first refusal at the end.
async fn act(client: &Client, verb: &str, services: &[String], json: bool) -> Result<Status, Failure> {
    let mut failed = None;
    for name in services {
        match client.json(Method::POST, &format!("/services/{}/{verb}", segment(name)), "").await {
            Ok(service) => {
                let left = if service["transition"] == "exited" { "after " } else { "in " };
                let state = service["state"].as_str().map(show::clean).unwrap_or_default();
                print(json, &service, || format!("{}: {left}{state}\n", show::clean(name)))?;
            }
            Err(failure @ Failure::Refused(..)) => failed = failed.or(Some(failure)),
            Err(failure) => return Err(failure),
        }
    }
    failed.map_or(Ok(Status::Done), Err)
}

async fn levels(client: &Client, wanted: &LogLevel, json: bool) -> Result<Status, Failure> {
    // `log-level debug`: one word that is a level and no service is the default's.
    let (service, level) = match (wanted.service.as_deref(), wanted.level.as_deref()) {
        (word, None) if wanted.own => (None, word),
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
            if wanted.own {
                body["of"] = json!("rxd");
            }
            client.json(Method::PUT, &path, &body.to_string()).await?
        }
    };
    print(json, &answer, || match service {
        Some(name) => format!("{}: {}\n", show::clean(name), show::level(&answer)),
        None => {
            let mut rows = vec![
                vec!["(default)".to_owned(), show::level(&answer["default"])],
                vec!["(rxd itself)".to_owned(), show::level(&answer["own"])],
            ];
            for (name, setting) in answer["services"].as_object().into_iter().flatten() {
                rows.push(vec![show::clean(name), show::level(setting)]);
            }
            show::table(&rows)
        }
    })
}

async fn has(client: &Client, name: &str) -> Result<bool, Failure> {
    let daemon = client.daemon().await?;
    Ok(daemon["services"].as_array().into_iter().flatten().any(|service| service["name"] == name))
}
