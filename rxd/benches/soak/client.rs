//! A minimal HTTP client for the admin route.

use rxd::testing::{Trace, TraceStep};
use rxd::{Cause, State, Transition};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

/// Sends one request, and returns the status and the body.
pub(crate) fn send_request(address: &str, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())))
}

/// The lines of `/events` from now on, or after the event with this id.
pub(crate) fn events(address: &str, last: Option<&str>) -> impl Iterator<Item = String> + use<> {
    let mut socket = TcpStream::connect(address).expect("the subject listens");
    let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let head = format!("GET /events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
    socket.write_all(head.as_bytes()).expect("the subject listens");
    BufReader::new(socket).lines().map_while(Result::ok)
}

/// Reads every transition, from the first on.
pub(crate) struct Follower(JoinHandle<Trace>);

impl Follower {
    pub(crate) fn start(address: &str) -> Self {
        let id = events(address, None).find_map(|line| Some(line.strip_prefix("id: ")?.to_owned()));
        let id = id.expect("an event");
        let (epoch, _) = id.split_once('-').expect("the daemon's start and a number");
        let lines = events(address, Some(&format!("{epoch}-0")));
        Follower(std::thread::spawn(move || read(lines)))
    }

    pub(crate) fn join(self) -> Trace {
        self.0.join().expect("the events can be read")
    }
}

fn read(lines: impl Iterator<Item = String>) -> Trace {
    let (mut steps, mut services, mut ended, mut kind) = (Vec::new(), Vec::new(), false, String::new());
    for line in lines {
        if let Some(name) = line.strip_prefix("event: ") {
            kind = name.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).expect("JSON");
            match &*kind {
                "transition" => steps.push(step(&data)),
                "end" => {
                    let named = data["services"].as_array().expect("services").iter();
                    services = named.map(|service| service["name"].as_str().unwrap_or_default().to_owned()).collect();
                    ended = true;
                    break;
                }
                // The trace checker reports the gap.
                other => println!("{other}: {}", data["missed"]),
            }
        }
    }
    Trace { services, steps, ended }
}

fn step(data: &Value) -> TraceStep {
    let word = |field: &str| data[field].as_str().expect("a word").to_owned();
    let known = |state: &State| state.as_str() == word("state");
    TraceStep {
        seq: data["seq"].as_u64().expect("a number"),
        at: Duration::from_secs_f64(data["at_s"].as_f64().expect("seconds")),
        service: word("service"),
        incarnation: data["incarnation"].as_u64().expect("a number") as u32,
        state: State::ALL.into_iter().find(known).expect("a state"),
        transition: if word("transition") == "entering" { Transition::Entering } else { Transition::Exited },
        cause: cause(&word("cause")),
    }
}

fn cause(word: &str) -> Cause {
    use Cause::{Abandoned, Dependency, Error, Normal, Operator, Panic, Reaction, Shutdown, Timeout};
    let all = [Normal, Error, Panic, Timeout, Reaction, Dependency, Operator, Shutdown, Abandoned];
    all.into_iter().find(|cause| cause.as_str() == word).expect("a cause")
}
