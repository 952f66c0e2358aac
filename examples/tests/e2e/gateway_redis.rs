//! A real redis that hangs, is killed and comes back, behind the gateway.

use crate::program::{Program, free_port, get, request};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const BIN: &str = env!("CARGO_BIN_EXE_gateway");

/// A running redis.
struct Redis(Child);

impl Redis {
    /// `None` where there is no redis, which is said.
    fn start(port: u16) -> Option<Redis> {
        let port = port.to_string();
        let args = ["--port", &port, "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
        let child = Command::new("redis-server").args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match child {
            Ok(child) => Some(Redis(child)),
            Err(error) => {
                assert!(std::env::var_os("RXD_REQUIRE_REDIS").is_none(), "redis-server: {error}");
                #[allow(clippy::print_stderr, reason = "a test that is left out says so")]
                {
                    eprintln!("not tried: there is no redis-server here");
                }
                None
            }
        }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Gateway {
    program: Program,
    addr: String,
    admin: String,
}

impl Gateway {
    fn start(redis: u16) -> Gateway {
        let [addr, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let url = format!("redis://127.0.0.1:{redis}/");
        let program = Program::start(BIN, &["--addr", &addr, "--redis", &url, "--admin", &admin]);
        Gateway { program, addr, admin }
    }

    /// Waits until the API is there, or is not.
    fn until_listening(&self, listens: bool) {
        let begun = Instant::now();
        while TcpStream::connect(&self.addr).is_ok() != listens {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the API does not {}",
                if listens { "come" } else { "go" }
            );
            sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn gateway_follows_a_redis_that_hangs_is_killed_and_comes_back() {
    let port = free_port();
    // The gateway starts first, and waits.
    let mut gateway = Gateway::start(port);
    gateway.program.until_state("redis", "stop", "exited");
    let Some(redis) = Redis::start(port) else { return };
    gateway.until_listening(true);
    assert!(request(&gateway.addr, "PUT", "/greeting", "hello").starts_with("HTTP/1.1 204"));
    assert_eq!(get(&gateway.addr, "/greeting"), "hello");
    assert!(request(&gateway.addr, "GET", "/missing", "").starts_with("HTTP/1.1 404"));
    assert!(get(&gateway.admin, "/").contains("<html"), "the page");

    redis.signal("STOP");
    gateway.until_listening(false);
    assert!(get(&gateway.admin, "/services/api/why").contains("waits for redis"));
    redis.signal("CONT");
    gateway.until_listening(true);
    assert_eq!(get(&gateway.addr, "/greeting"), "hello");

    redis.signal("KILL");
    gateway.until_listening(false);
    drop(redis);
    let _redis = Redis::start(port);
    gateway.until_listening(true);
    assert!(request(&gateway.addr, "PUT", "/greeting", "again").starts_with("HTTP/1.1 204"));

    // A slow request is answered, while nobody new is accepted.
    let mut slow = TcpStream::connect(&gateway.addr).unwrap();
    slow.write_all(b"GET /greeting/later HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    sleep(Duration::from_millis(200));
    gateway.program.signal("TERM");
    gateway.until_listening(false);
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("again"), "{answer}");
    assert_eq!(gateway.program.end().code(), Some(0), "{}", gateway.program.seen.join("\n"));
    // The API stops before what it needs.
    let last = |service: &str| {
        let exit = crate::program::transition_of(service, "exit", "entering");
        gateway.program.place(0, &exit)
    };
    assert!(last("api") < last("redis"));
}
