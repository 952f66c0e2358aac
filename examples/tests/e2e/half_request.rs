//! A client that sends half a request delays the stop of no example.

use crate::program::{Program, free_port, get};
use std::io::Write;
use std::net::TcpStream;

/// An accepted connection with half a request on it.
fn half_a_request(addr: &str, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(addr).expect("it listens");
    client.write_all(b"GET / HTTP/1.1\r\nhost: loc").unwrap();
    // Connections are accepted in order, so an answer means that the first one is accepted.
    get(addr, path);
    client
}

#[test]
fn g61_server_of_each_example_with_half_a_request_stops_with_status_0() {
    let servers = [
        (env!("CARGO_BIN_EXE_multi-service"), "/api", &[][..]),
        (env!("CARGO_BIN_EXE_multi-service-admin"), "/api", &["--admin", "127.0.0.1:0"]),
        (env!("CARGO_BIN_EXE_sensors"), "/", &[]),
        (env!("CARGO_BIN_EXE_systemd"), "/", &[]),
    ];
    let mut running = Vec::new();
    for (bin, path, args) in servers {
        let addr = format!("127.0.0.1:{}", free_port());
        let mut program = Program::start(bin, &[args, &["--addr", &addr]].concat());
        program.until("listening on");
        let client = half_a_request(&addr, path);
        program.signal("TERM");
        running.push((program, client));
    }
    for (mut program, _client) in running {
        let status = program.end();
        assert_eq!(status.code(), Some(0), "{}", program.seen.join("\n"));
    }
}
