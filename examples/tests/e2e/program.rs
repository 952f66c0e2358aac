//! A real program, its real output, real signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No step of a test takes this long, however busy the machine is.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// A running example.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// All lines of both outputs so far, in order of arrival.
    pub(crate) seen: Vec<String>,
}

impl Program {
    /// Starts the program, with the log at DEBUG for `rxd`.
    pub(crate) fn start(path: &str, args: &[&str]) -> Self {
        Program::start_with(path, args, &[])
    }

    /// The same, with more variables in its environment.
    pub(crate) fn start_with(path: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(path)
            .args(args)
            .envs(env.iter().copied())
            .env("RUST_LOG", "info,rxd=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Program { child, lines, seen: Vec::new() }
    }

    /// Reads until a line contains `text`, and returns that line.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + STEP_LIMIT;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no line with `{text}`, only:\n{}", self.seen.join("\n")),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without a line with `{text}`:\n{}", self.seen.join("\n"))
                }
            }
        }
    }

    /// Reads until this service has made this transition.
    #[track_caller]
    pub(crate) fn until_state(&mut self, service: &str, state: &str, transition: &str) {
        self.until(&transition_of(service, state, transition));
    }

    /// The number of the first transition of this kind. The lines of several threads may be out of
    /// order.
    #[track_caller]
    pub(crate) fn seq(&self, service: &str, state: &str, transition: &str) -> u64 {
        let line = &self.seen[self.place(0, &transition_of(service, state, transition))];
        line.rsplit_once("seq=").and_then(|(_, seq)| seq.trim().parse().ok()).expect("it has a number")
    }

    /// Sends a signal: `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until the program has ended, and reads the rest.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STEP_LIMIT;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.seen.push(line);
        }
        self.child.wait().expect("it can be waited for")
    }

    /// The index of the first line with `text`, searched from index `from` on.
    #[track_caller]
    pub(crate) fn place(&self, from: usize, text: &str) -> usize {
        let found = self.seen.iter().skip(from).position(|line| line.contains(text));
        from + found.unwrap_or_else(|| panic!("no line with `{text}` in:\n{}", self.seen.join("\n")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program has ended, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a logged transition.
pub(crate) fn transition_of(service: &str, state: &str, transition: &str) -> String {
    format!(r#"rxd::state: service="{service}" state="{state}" transition="{transition}" seq="#)
}

/// Sends a request, and returns the answer with its head.
#[track_caller]
pub(crate) fn request(addr: &str, method: &str, path: &str, body: &str) -> String {
    let mut server = TcpStream::connect(addr).expect("it listens");
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nconnection: close");
    server.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a GET request, and returns the body.
#[track_caller]
pub(crate) fn get(addr: &str, path: &str) -> String {
    let answer = request(addr, "GET", path, "");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    body.to_owned()
}

/// A port without a listener.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
