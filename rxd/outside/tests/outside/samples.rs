//! The samples of the guide under faults of production: a port that is taken, no file descriptors
//! left, a client that sends half a request.

use crate::program;
use crate::programs::with_ports;
use outside::process::{LIMIT, Place, Program};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const GREETER: (&str, &str) = ("first_daemon-one-service", "127.0.0.1:7000");
const SERVER: (&str, &str) = ("first_daemon-a-server", "127.0.0.1:8000");

fn start_ready(name: &str) -> Program {
    let program = Program::start(&program(name), Place::Manager, &[]);
    program.until_notified("READY=1");
    program
}

fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a stream has a timeout");
    stream
}

/// Reads until the peer has sent `end`.
fn read_up_to(stream: &mut TcpStream, end: &str) {
    let (mut output, mut buffer) = (String::new(), [0; 1024]);
    while !output.contains(end) {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => output += &String::from_utf8_lossy(&buffer[..length]),
            other => panic!("{other:?} in place of `{end}`, after `{output}`"),
        }
    }
}

#[test]
fn g61_server_whose_port_is_taken_is_ready_once_it_listens() {
    with_ports(|| {
        for (name, addr) in [GREETER, SERVER] {
            let taken = TcpListener::bind(addr).expect("the port is free");
            let mut program = Program::start(&program(name), Place::Manager, &[]);
            program.until_output("Address already in use", 2);
            assert!(!program.has_notified("READY=1"), "{name} is ready and does not listen: {}", program.output());
            drop(taken);
            program.until_notified("READY=1");
            drop(connect(addr));
            program.signal("TERM");
            assert_eq!(program.ended_within(LIMIT), 0, "{name}: {}", program.output());
        }
    });
}

#[test]
fn g61_server_without_file_descriptors_accepts_again_once_there_are_some() {
    with_ports(|| {
        for (name, addr, request) in [(GREETER.0, GREETER.1, ""), (SERVER.0, SERVER.1, "GET / HTTP/1.0\r\n\r\n")] {
            let mut program = start_ready(name);
            // No more descriptors: every allowed one is in use.
            program.limit_files(3);
            let mut client = connect(addr);
            client.write_all(request.as_bytes()).expect("the kernel has connected it");
            // `axum` pauses for a second without a record.
            std::thread::sleep(Duration::from_millis(1500));
            program.limit_files(1024);
            read_up_to(&mut client, "hello");
            program.signal("TERM");
            assert_eq!(program.ended_within(LIMIT), 0, "{name}: {}", program.output());
        }
    });
}

#[test]
fn g61_greeter_without_file_descriptors_warns_and_is_never_busy() {
    with_ports(|| {
        let mut program = start_ready(GREETER.0);
        program.limit_files(3);
        let _client = connect(GREETER.1);
        program.until_output("failed to accept", 2);
        std::thread::sleep(Duration::from_secs(1));
        let warnings = program.output().matches("failed to accept").count();
        assert!(warnings < 100, "{warnings} attempts within a second");
        program.signal("TERM");
        assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    });
}

#[test]
fn g61_server_with_half_a_request_stops_within_its_grace_with_status_0() {
    with_ports(|| {
        let mut program = start_ready(SERVER.0);
        let mut client = connect(SERVER.1);
        client.write_all(b"GET / HTTP/1.1\r\nHost: loc").expect("it is connected");
        // Connections are accepted in order.
        let mut second = connect(SERVER.1);
        second.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is connected");
        read_up_to(&mut second, "hello");
        program.signal("TERM");
        assert_eq!(program.ended_within(LIMIT), 0, "{}", program.output());
    });
}
