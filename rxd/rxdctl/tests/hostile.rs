//! `rxdctl` in a terminal, against a server and a daemon that are hostile, each in a process of its
//! own: X9, X10. `script` of util-linux records what reaches the terminal.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use rxd::admin::{Address, AdminStatus};
use rxd::{Context, Daemon, Options, Runner, Service, State};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set for the other process: what it is.
const PART: &str = "RXDCTL_TEST_PART";

/// Sets the title of a terminal, clears it, turns a line around, and forges a line.
const HOSTILE: &str =
    "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2J\u{90}q\u{9c}\u{202e}\u{2066}\r\u{8}\u{7f}\u{85}\u{2028}\nrxdctl: forged\n";

// ---- the other process --------------------------------------------------------------------------

/// This program in another process, as a server or a daemon.
struct Part {
    child: Child,
    at: String,
}

impl Part {
    fn start(part: &str) -> Part {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "part", "--nocapture", "--test-threads=1"]).env(PART, part);
        // Its output is hostile, too.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().split_once("listens: ").map(|(_, at)| at.to_owned()));
        // The rest must be read, or the process would wait.
        std::thread::spawn(move || lines.for_each(drop));
        Part { child, at: line.unwrap() }
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process. Without `PART` it does nothing.
#[test]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    if part != "daemon" {
        return server(&part);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.block_on(async {
        let slow = Options::DEFAULT.backoff(rxd::Backoff::fixed(Duration::from_secs(3600)));
        let daemon = Daemon::new("agent").signals([]).admin("127.0.0.1:0");
        let daemon = daemon.add(Service::new("fails", Hostile::Fails).options(slow));
        let daemon = daemon.add(Service::new("panics", Hostile::Panics).options(slow));
        let daemon = daemon.add(Service::new("reloads", Hostile::Reloads));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("reloads", State::Run).await.unwrap();
        let AdminStatus::On(Address::Tcp(at)) = handle.admin() else { panic!() };
        listens(&at.to_string());
        handle
    });
    // Ends with the parent.
    runtime.spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = runtime.block_on(handle.wait());
}

fn listens(at: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "listens: {at}").unwrap();
    out.flush().unwrap();
}

/// A service whose errors are hostile.
enum Hostile {
    Fails,
    Panics,
    Reloads,
}

impl Runner for Hostile {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self {
            Hostile::Fails => return Err(HOSTILE.into()),
            Hostile::Panics => panic!("{HOSTILE}"),
            Hostile::Reloads => {
                cx.status(HOSTILE);
                cx.cancelled().await;
            }
        }
        Ok(())
    }

    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        Err(HOSTILE.into())
    }
}

/// A server whose every text is hostile.
fn server(kind: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listens(&listener.local_addr().unwrap().to_string());
    let text = json_text(HOSTILE);
    let level = format!("{{\"level\":{text},\"set\":true,\"reverts_to\":{text},\"reverts_in_s\":1}}");
    let service = format!(
        "{{\"name\":{text},\"state\":{text},\"transition\":{text},\"cause\":{text},\"why\":{text},\"restarts\":{text},\"level\":{level}}}"
    );
    let daemon = format!(
        "{{\"name\":{text},\"phase\":{text},\"stop_reason\":{text},\"stop_waits_for\":[{text}],\"services\":[{service}],\"text\":{text},{text}:{text},\
         \"default\":{level},\"internal\":{level}}}"
    );
    let problem = format!("{{\"detail\":{text},\"allowed\":[{text}],\"suggestion\":{text}}}");
    let event = format!("event: transition\ndata: {service}\n\nevent: {HOSTILE}\ndata: {HOSTILE}\n\n");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).unwrap_or_default();
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        let (head, body) = match kind {
            _ if request.contains(" /events ") => ("200 OK\r\nContent-Type: text/event-stream", event.as_str()),
            _ if request.contains(" /graph") => ("200 OK", HOSTILE),
            "problems" => ("409 Conflict", problem.as_str()),
            _ => ("200 OK", daemon.as_str()),
        };
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

fn json_text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        // Some raw, as far as JSON allows it.
        c if c.is_ascii_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

// ---- the terminal -------------------------------------------------------------------------------

/// What `rxdctl` writes to a terminal; `None` if there is no `script` to record it. After `limit` it
/// is ended.
fn record(at: &str, line: &str, limit: Duration) -> Option<String> {
    let rxdctl = format!("exec {} {line}", env!("CARGO_BIN_EXE_rxdctl"));
    let mut command = Command::new("script");
    command.args(["-qec", &rxdctl, "/dev/null"]).env("RXD_ADMIN", at).env_remove("RXD_TOKEN");
    // A standard input that stays open, so that `script` does not end the terminal.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = out.read_to_end(&mut bytes);
        bytes
    });
    let end = Instant::now() + limit;
    while child.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    Some(String::from_utf8(reader.join().unwrap()).unwrap())
}

/// Asserts that nothing in the recording controls the terminal but what `rxdctl` writes itself.
fn assert_harmless(line: &str, recorded: &str) {
    // The terminal makes each line break a `\r\n`. `status --watch` clears the screen.
    let text = recorded.replace("\r\n", "\n").replace("\u{1b}[H\u{1b}[2J", "");
    let is_harmful = |c: char| {
        c != '\n' && (c.is_control() || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c))
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(is_harmful), "{line}: {text:?}");
    // A graph is a text of many lines, so a line of it can say anything.
    let forged = text.lines().skip(1).any(|line| line.starts_with("rxdctl: forged"));
    assert!(!forged || line.contains("graph"), "{line}: {text}");
}

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn x9_terminal_gets_no_escape_of_a_hostile_server() {
    for kind in ["answers", "problems"] {
        let server = Part::start(kind);
        let lines = [
            "status",
            "--json status",
            "why a",
            "--json why a",
            "log-level a",
            "log-level",
            "log-level --reset",
            "restart a",
            "reload",
            "shutdown",
            "--json shutdown",
            "graph",
            "--json graph",
            "graph -f svg",
            "events",
            "--json events",
        ];
        for line in lines {
            let Some(recorded) = record(&server.at, line, LIMIT) else {
                return eprintln!("skipped: there is no `script`");
            };
            assert!(!recorded.is_empty(), "{line}");
            assert_harmless(line, &recorded);
        }
        if kind == "answers" {
            let recorded = record(&server.at, "status --watch", Duration::from_secs(3)).unwrap();
            assert!(recorded.contains("\u{1b}[H\u{1b}[2J") && recorded.contains("title"), "{recorded:?}");
            assert_harmless("status --watch", &recorded);
        }
    }
}

#[test]
fn x9_terminal_gets_no_escape_of_a_daemon_with_hostile_errors() {
    let daemon = Part::start("daemon");
    for (line, shows) in [
        ("reload reloads", "title"),
        ("reload", "title"),
        ("status", "title"),
        ("--json status", "title"),
        ("why fails", "title"),
        ("why panics", "title"),
        ("why reloads", "reload failed"),
        ("graph", "flowchart"),
        ("log-level fails debug", "log"),
        ("stop fails", "fails: in exit"),
    ] {
        let Some(recorded) = record(&daemon.at, line, LIMIT) else { return eprintln!("skipped: there is no `script`") };
        assert!(recorded.contains(shows), "{line}: {recorded:?}");
        assert_harmless(line, &recorded);
    }
    for line in ["status --watch", "events"] {
        let recorded = record(&daemon.at, line, Duration::from_secs(2)).unwrap();
        assert_harmless(line, &recorded);
    }
}

#[cfg(unix)]
#[test]
fn x10_daemon_that_is_frozen_for_a_while_is_waited_for() {
    let daemon = Part::start("daemon");
    daemon.signal("-STOP");
    let at = daemon.at.clone();
    let status = std::thread::spawn(move || record(&at, "status", LIMIT));
    std::thread::sleep(Duration::from_secs(1));
    assert!(!status.is_finished(), "there is no answer to print");
    daemon.signal("-CONT");
    let Some(recorded) = status.join().unwrap() else { return eprintln!("skipped: there is no `script`") };
    assert!(recorded.starts_with("agent: running"), "{recorded:?}");
}
