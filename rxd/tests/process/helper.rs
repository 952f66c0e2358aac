//! This program as the process that a test runs: what a shell cannot do.

use crate::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

const HELP: &str = "RXD_TEST_HELP";

/// This program, to do this.
pub(crate) fn command(work: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "helper::works", "--nocapture"]).env(HELP, work);
    command
}

/// A process that does this.
pub(crate) fn process(mark: &str, work: &str) -> Process {
    let program = std::env::current_exe().unwrap();
    Process::new(program).args(["--exact", "helper::works", "--nocapture"]).env(HELP, work).env(MARK, mark)
}

/// A port that was free just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Does nothing in a run of the tests.
#[test]
fn works() {
    let Ok(work) = std::env::var(HELP) else { return };
    let (work, argument) = work.split_once(' ').unwrap_or((&work, ""));
    match work {
        "port" => {
            std::thread::sleep(200 * MS);
            let _listener = TcpListener::bind(("127.0.0.1", argument.parse().unwrap())).unwrap();
            std::thread::sleep(Duration::from_secs(1000));
        }
        "http" => {
            let listener = TcpListener::bind(("127.0.0.1", argument.parse().unwrap())).unwrap();
            // The first answers say that it is not ready.
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1000]);
                let status = if number < 2 { "503 Service Unavailable" } else { "204 No Content" };
                let _ = write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            }
        }
        "notify" => {
            let path = std::env::var_os("NOTIFY_SOCKET").expect("it is set");
            let socket = UnixDatagram::unbound().unwrap();
            socket.send_to(b"STATUS=warms up", &path).unwrap();
            std::thread::sleep(200 * MS);
            socket.send_to(b"READY=1\nSTATUS=12 clients", &path).unwrap();
            std::thread::sleep(Duration::from_secs(1000));
        }
        "managed" => crate::start::managed_daemon(),
        "first" => crate::orphans::first_process(),
        _ => panic!("{work}"),
    }
}
