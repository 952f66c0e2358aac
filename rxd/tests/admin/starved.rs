//! A process that has no files left: F78. The test runs this very program again with few of them.

use crate::client::{Answer, Socket};
use crate::daemon::start;
use rxd::State;
use rxd::admin::Address;
use std::process::Command;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PART: &str = "RXD_ADMIN_TEST_STARVED";

#[test]
fn f78_services_go_on_and_it_answers_again() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" --exact starved::part --test-threads=1"]);
    let output = command.arg(std::env::current_exe().unwrap()).env(PART, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What that process does. On its own it does nothing.
#[test]
fn part() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let d = start(|admin| admin).await;
        let Address::Tcp(at) = d.at else { panic!() };
        let mut held = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            held.push(file);
        }
        // The last one is for the client; for the other end of its connection there is none.
        held.pop();
        let mut socket: Box<dyn Socket> = Box::new(tokio::net::TcpStream::connect(at).await.unwrap());
        socket.write_all(b"GET /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(std::fs::File::open("/dev/null").is_err());
        for _ in 0..10 {
            d.handle.restart("api").await.unwrap();
            d.handle.wait_for("api", State::Run).await.unwrap();
        }
        drop(held);
        let mut answer = Vec::new();
        let all = socket.read_to_end(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(10), all).await.unwrap().unwrap();
        assert_eq!(Answer::parse(&answer).status, 200);
    });
}
