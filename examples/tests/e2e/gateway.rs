//! Drives one of the gateways of `examples/port`: they are the same program, so each passes all of
//! this. `rxd/benches/peers` includes this file for those that are written with other crates.

use crate::program::{Program, free_port};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No wait takes this long, however busy the machine is.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Makes the tests of one gateway, in a module of its own.
macro_rules! tests {
    ($gateway:ident, $path:expr, [$($scenario:ident),* $(,)?]) => {
        mod $gateway {
            $(#[test] fn $scenario() { $crate::gateway::$scenario($path); })*
        }
    };
    ($gateway:ident, $path:expr) => {
        $crate::gateway::tests!($gateway, $path, [
            answers_and_ends_at_sigint,
            waits_for_an_absent_backend,
            closes_the_api_while_the_backend_is_gone,
            fails_after_five_attempts_that_are_cut_off,
            fails_after_five_attempts_that_are_refused,
            answers_an_open_request_at_sigterm,
            drops_an_open_request_at_the_limit,
            ends_idle_and_half_sent_connections_at_once,
            stops_in_order_and_loses_no_line,
            restarts_a_sweeper_that_panicked,
        ]);
    };
}
pub(crate) use tests;

/// How many lines of a source are neither blank nor comments.
pub(crate) fn lines_of_code(source: &str) -> usize {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Fails if a line is too long to be read beside those of another program.
#[track_caller]
pub(crate) fn assert_narrow(name: &str, source: &str) {
    for (number, line) in source.lines().enumerate() {
        assert!(line.chars().count() <= 100, "{name}:{}: over 100 columns", number + 1);
    }
}

/// A backend: `get KEY` is answered with the key in upper case, `get held` once it is released.
struct Backend {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    facts: Mutex<Facts>,
    changed: Condvar,
}

#[derive(Default)]
struct Facts {
    connections: Vec<TcpStream>,
    /// Whether a `get held` waits.
    is_asked: bool,
    is_released: bool,
    is_stopped: bool,
}

impl Backend {
    fn start() -> Self {
        Backend::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn at(addr: SocketAddr) -> Self {
        Backend::with(addr, |stream, shared| {
            let _ = answer(stream, &shared);
        })
    }

    /// It closes each connection as soon as it has accepted it.
    fn cutting_off() -> Self {
        Backend::with(SocketAddr::from(([127, 0, 0, 1], 0)), |_, _| {})
    }

    fn with(addr: SocketAddr, serve: fn(TcpStream, Arc<Shared>)) -> Self {
        let listener = TcpListener::bind(addr).expect("the address is free");
        let (addr, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let of_acceptor = shared.clone();
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut facts = of_acceptor.facts.lock().unwrap();
                if facts.is_stopped {
                    return;
                }
                facts.connections.push(stream.try_clone().unwrap());
                let shared = of_acceptor.clone();
                thread::spawn(move || {
                    serve(stream.try_clone().unwrap(), shared);
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Backend { addr, shared, acceptor: Some(acceptor) }
    }

    /// How many connections there have been.
    fn accepted(&self) -> usize {
        self.shared.facts.lock().unwrap().connections.len()
    }

    /// Waits until a `get held` waits for its answer.
    fn until_asked(&self) {
        let facts = self.shared.facts.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(facts, WAIT_LIMIT, |facts| !facts.is_asked).unwrap();
        assert!(waited.0.is_asked, "the gateway asks for `held`");
    }

    fn release(&self) {
        self.shared.facts.lock().unwrap().is_released = true;
        self.shared.changed.notify_all();
    }
}

/// Closes the listener and every connection.
impl Drop for Backend {
    fn drop(&mut self) {
        let mut facts = self.shared.facts.lock().unwrap();
        facts.is_stopped = true;
        for stream in &facts.connections {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        drop(facts);
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.addr); // wakes the acceptor
        let _ = self.acceptor.take().map(JoinHandle::join);
    }
}

fn answer(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let answer = match line.strip_prefix("get ") {
            Some(key) => key.to_uppercase(),
            None => "pong".to_owned(),
        };
        if answer == "HELD" {
            let mut facts = shared.facts.lock().unwrap();
            facts.is_asked = true;
            shared.changed.notify_all();
            drop(shared.changed.wait_while(facts, |facts| !facts.is_released && !facts.is_stopped).unwrap());
        }
        answers.write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}

/// A client of the gateway.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the gateway listens");
        stream.set_read_timeout(Some(WAIT_LIMIT)).unwrap();
        Client(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line; `None` if the connection has ended.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            // It ended with something unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("neither a line nor an end: {error}"),
        }
    }

    #[track_caller]
    fn assert_answer(&mut self, key: &str, value: &str) {
        self.send(&format!("get {key}\n"));
        assert_eq!(self.line(), Some(format!("{key}={value}")));
    }
}

fn start(path: &str, backend: SocketAddr) -> Program {
    Program::start(path, &["127.0.0.1:0", &backend.to_string()])
}

/// Waits until the gateway listens.
fn listening(gateway: &mut Program) -> SocketAddr {
    let line = gateway.until("api listening on ");
    line.rsplit(' ').next().unwrap().parse().expect("the line ends with the address")
}

/// Sends a signal, once the gateway has run for a while: tokio-graceful-shutdown starts its
/// subsystems before it installs its handlers, and a signal in between kills the process.
fn send(gateway: &mut Program, signal: &str) {
    if !has_line(gateway, "journal: sweep 2") {
        gateway.until("journal: sweep 2");
    }
    gateway.signal(signal);
}

/// Stops the gateway by a signal, and fails unless its status is 0.
#[track_caller]
fn stop(gateway: &mut Program, signal: &str) {
    send(gateway, signal);
    assert_ends(gateway);
}

#[track_caller]
fn assert_ends(gateway: &mut Program) {
    let status = gateway.end();
    assert_eq!(status.code(), Some(0), "{}", gateway.seen.join("\n"));
}

/// Waits until nobody listens at this address any more.
#[track_caller]
fn until_refused(addr: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(addr).is_ok() {
        assert!(started.elapsed() < WAIT_LIMIT, "it still listens");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The index of the line that begins with this text.
#[track_caller]
fn index(gateway: &Program, text: &str) -> usize {
    let found = gateway.seen.iter().position(|line| line.starts_with(text));
    found.unwrap_or_else(|| panic!("no line `{text}` in:\n{}", gateway.seen.join("\n")))
}

fn has_line(gateway: &Program, text: &str) -> bool {
    gateway.seen.iter().any(|line| line == text)
}

pub(crate) fn answers_and_ends_at_sigint(path: &str) {
    let backend = Backend::start();
    let mut gateway = start(path, backend.addr);
    let addr = listening(&mut gateway);
    let (mut first, mut second) = (Client::connect(addr), Client::connect(addr));
    first.assert_answer("a", "A");
    second.assert_answer("b", "B");
    second.send("put b\n");
    assert_eq!(second.line().as_deref(), Some("error: write `get KEY`"));
    first.assert_answer("c", "C");
    stop(&mut gateway, "INT");
    assert!(index(&gateway, "db connected") < index(&gateway, "api listening"));
    for line in ["get a", "get b", "put b", "get c"] {
        assert!(has_line(&gateway, &format!("journal: {line}")), "{line}");
    }
    assert_eq!(backend.accepted(), 1, "the clients share a connection");
}

pub(crate) fn waits_for_an_absent_backend(path: &str) {
    let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut gateway = start(path, addr);
    gateway.until("Connection refused");
    let _backend = Backend::at(addr);
    Client::connect(listening(&mut gateway)).assert_answer("a", "A");
    stop(&mut gateway, "TERM");
}

pub(crate) fn closes_the_api_while_the_backend_is_gone(path: &str) {
    let backend = Backend::start();
    let at = backend.addr;
    let mut gateway = start(path, at);
    let addr = listening(&mut gateway);
    let (mut idle, mut waiting) = (Client::connect(addr), Client::connect(addr));
    idle.assert_answer("a", "A");
    waiting.send("get held\n");
    backend.until_asked();
    drop(backend);
    gateway.until("api stopped");
    assert!(TcpStream::connect(addr).is_err(), "the API is closed");
    assert_eq!((idle.line(), waiting.line()), (None, None));
    gateway.until("Connection refused");
    let _backend = Backend::at(at);
    Client::connect(listening(&mut gateway)).assert_answer("b", "B");
    stop(&mut gateway, "TERM");
}

pub(crate) fn fails_after_five_attempts_that_are_cut_off(path: &str) {
    let backend = Backend::cutting_off();
    let output = Command::new(path).args(["127.0.0.1:0", &backend.addr.to_string()]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert_eq!(backend.accepted(), 5, "{err}");
    assert!(out.contains("journal flushed") && !out.contains("listening"), "{out}");
}

pub(crate) fn fails_after_five_attempts_that_are_refused(path: &str) {
    let addr = format!("127.0.0.1:{}", free_port());
    let output = Command::new(path).args(["127.0.0.1:0", &addr]).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    // Each of the first four, and what the program ends with.
    let causes = err.matches("Connection refused").count();
    assert!(causes >= 5 && err.matches(&format!("cannot connect to {addr}")).count() == causes, "{err}");
}

pub(crate) fn answers_an_open_request_at_sigterm(path: &str) {
    let backend = Backend::start();
    // On one thread the API ends before the journal has received its last line.
    let args = ["127.0.0.1:0", &backend.addr.to_string()];
    let mut gateway = Program::start_with(path, &args, &[("TOKIO_WORKER_THREADS", "1")]);
    let addr = listening(&mut gateway);
    let mut client = Client::connect(addr);
    client.send("get held\n");
    backend.until_asked();
    send(&mut gateway, "TERM");
    until_refused(addr);
    backend.release();
    assert_eq!(client.line().as_deref(), Some("held=HELD"));
    assert_eq!(client.line(), None);
    assert_ends(&mut gateway);
    assert!(has_line(&gateway, "journal: get held"));
    assert!(has_line(&gateway, "db closed"));
}

pub(crate) fn drops_an_open_request_at_the_limit(path: &str) {
    let backend = Backend::start();
    let mut gateway = start(path, backend.addr);
    let mut client = Client::connect(listening(&mut gateway));
    client.send("get held\n");
    backend.until_asked();
    stop(&mut gateway, "TERM");
    assert_eq!(client.line(), None);
    // Not because the backend, too, has a limit for its answer, a longer one.
    let late = gateway.place(0, "deadline has elapsed");
    assert!(index(&gateway, "api stopped") < late, "{}", gateway.seen.join("\n"));
}

pub(crate) fn ends_idle_and_half_sent_connections_at_once(path: &str) {
    let backend = Backend::start();
    let mut gateway = start(path, backend.addr);
    let addr = listening(&mut gateway);
    let (mut idle, mut half) = (Client::connect(addr), Client::connect(addr));
    idle.assert_answer("a", "A");
    half.assert_answer("b", "B");
    half.send("get ");
    let signalled = Instant::now();
    stop(&mut gateway, "TERM");
    let took = signalled.elapsed();
    assert_eq!((idle.line(), half.line()), (None, None));
    assert!(took < Duration::from_secs(1), "they need not wait for the limit: {took:?}");
}

pub(crate) fn stops_in_order_and_loses_no_line(path: &str) {
    let backend = Backend::start();
    let mut gateway = start(path, backend.addr);
    Client::connect(listening(&mut gateway)).assert_answer("a", "A");
    gateway.until("journal: sweep 3");
    stop(&mut gateway, "TERM");
    let [api, sweeper, db, journal] =
        ["api stopped", "sweeper stopped", "db closed", "journal flushed"].map(|line| index(&gateway, line));
    assert!(api < db && db < journal && sweeper < journal, "{}", gateway.seen.join("\n"));
    let number = |line: usize| gateway.seen[line].split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap();
    let sweeps = number(sweeper);
    for sweep in 1..=sweeps {
        assert!(has_line(&gateway, &format!("journal: sweep {sweep}")), "{sweep} of {sweeps}");
    }
    let written = gateway.seen[..journal].iter().filter(|line| line.starts_with("journal: ")).count();
    assert_eq!(number(journal), written, "{}", gateway.seen.join("\n"));
}

pub(crate) fn restarts_a_sweeper_that_panicked(path: &str) {
    let backend = Backend::start();
    let args = ["127.0.0.1:0", &backend.addr.to_string()];
    let mut gateway = Program::start_with(path, &args, &[("SWEEPER_PANICS", "1")]);
    let addr = listening(&mut gateway);
    gateway.until("journal: sweep 5");
    Client::connect(addr).assert_answer("a", "A");
    stop(&mut gateway, "TERM");
    assert!(gateway.seen.iter().any(|line| line.contains("the third sweep")), "the panic is reported");
    assert!(has_line(&gateway, "journal: sweep 4") && !has_line(&gateway, "journal: sweep 3"));
    assert!(!gateway.seen[..index(&gateway, "journal: sweep 5")].contains(&"api stopped".to_owned()));
}
