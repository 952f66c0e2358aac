//! The recipes for servers: HTTP and plain TCP from the guide, and tonic in `user/grpc`. Each is
//! stopped with clients of every kind.

use crate::program;
use crate::programs::with_ports;
use outside::process::{LIMIT, Place, Program};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What a stop takes that waits for no limit.
const PROMPT: Duration = Duration::from_secs(3);

struct Client(TcpStream);

impl Client {
    fn sends(addr: &str, text: &str) -> Client {
        let mut stream = TcpStream::connect(addr).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a stream has a timeout");
        stream.write_all(text.as_bytes()).expect("it is connected");
        Client(stream)
    }

    /// Reads until the server has sent `end`.
    fn until(&mut self, end: &str) {
        let (mut output, mut byte) = (String::new(), [0]);
        while !output.ends_with(end) {
            match self.0.read(&mut byte) {
                Ok(1..) => output.push(char::from(byte[0])),
                other => panic!("{other:?} in place of `{end}`, after `{output}`"),
            }
        }
    }

    /// Reads what is left until the server closes the connection.
    fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[track_caller]
fn stop(mut program: Program) {
    let begun = Instant::now();
    program.signal("TERM");
    assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    assert!(begun.elapsed() < PROMPT, "{:?}: {}", begun.elapsed(), program.output());
}

/// Starts a program of the guide, and stops it with one request in progress, one idle connection
/// and two with half a request. The request is answered, the others end.
fn stops_with_clients(name: &str, addr: &str, [first, hello]: [&str; 2], [half, slow, answer]: [&str; 3]) {
    with_ports(|| {
        let program = Program::start(&program(name), Place::Manager, &[]);
        program.until_notified("READY=1");
        let mut idle = Client::sends(addr, first);
        idle.until(hello);
        let mut reused = Client::sends(addr, first);
        reused.until(hello);
        reused.0.write_all(half.as_bytes()).expect("it is connected");
        let half = Client::sends(addr, half);
        let busy = Client::sends(addr, slow);
        std::thread::sleep(Duration::from_millis(300));
        stop(program);
        let rest = busy.rest();
        assert!(rest.ends_with(answer), "{rest}");
        assert_eq!([idle.rest(), reused.rest(), half.rest()], ["", "", ""]);
    });
}

#[test]
fn http_server_of_the_guide_stops_and_cuts_no_answer() {
    stops_with_clients(
        "servers-an-http-server-that-drains",
        "127.0.0.1:8001",
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello"],
        ["GET / HTTP/1.1\r\nHost: loc", "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\na slow hello"],
    );
}

#[test]
fn tcp_loop_of_the_guide_stops_and_cuts_no_answer() {
    stops_with_clients(
        "servers-a-tcp-loop-that-drains",
        "127.0.0.1:7001",
        ["hello\n", "HELLO\n"],
        ["hel", "a slow hello\n", "A SLOW HELLO\n"],
    );
}

#[test]
fn tonic_server_stops_with_an_open_stream_and_silent_connections() {
    let mut server = Program::start(&program("grpc"), Place::IdleInput, &[]);
    server.until_output("listens on ", 1);
    let output = server.output();
    let addr = output.split("listens on ").nth(1).and_then(|rest| rest.lines().next()).expect("the line is whole");
    let mut client = Program::start(&program("grpc_client"), Place::IdleInput, &[("GRPC", addr)]);
    client.until_output("watch: Serving", 1);
    let (_silent, _half) = (Client::sends(addr, ""), Client::sends(addr, "PRI * HTTP/2.0"));
    std::thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    // The silent ones have up to the limit.
    assert_eq!(server.ended_within(LIMIT), 0, "{}", server.output());
    assert_eq!(client.ended_within(LIMIT), 0, "{}", client.output());
    assert!(client.output().contains("watch ended"), "{}", client.output());
}
