//! The guide's health check over a real redis that hangs: the check notices it, and the daemon can
//! still be stopped.
//!
//! Without `redis-server` these tests print that they are skipped. With `RXD_REQUIRE_REDIS=1` they
//! fail.

use crate::{document, program};
use outside::documents::blocks;
use outside::process::{LIMIT, Place, Program, wait_for};
use outside::workspace::Source;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a daemon may take to stop while its database hangs: far less than the 10 s after which
/// a method is dropped.
const PROMPT: Duration = Duration::from_secs(5);

/// The block that a reader of the guide copies.
const BLOCK: &str = "watching/health-as-a-lifecycle";

pub(crate) fn sources() -> Vec<Source> {
    let block = blocks(&document("rxd/src/docs/watching.md")).into_iter().find(|block| block.place == BLOCK);
    let text = block.unwrap_or_else(|| panic!("the guide has no block {BLOCK}")).visible;
    vec![Source { package: "health".to_owned(), path: "src/block.rs".to_owned(), text }]
}

/// A redis that listens at a free address.
struct Redis {
    child: Child,
    addr: String,
}

impl Redis {
    /// Starts a redis. `None` if there is none, and none is required.
    fn start() -> Option<Redis> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &free.port().to_string()]);
        let child = match command.current_dir(std::env::temp_dir()).stdout(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => {
                let required = std::env::var("RXD_REQUIRE_REDIS").is_ok_and(|value| value == "1");
                assert!(!required, "RXD_REQUIRE_REDIS is set, and redis-server cannot be started: {error}");
                // Not `eprintln`: the test harness would capture it.
                let _ = writeln!(std::io::stderr(), "SKIPPED: redis-server cannot be started: {error}");
                return None;
            }
        };
        let redis = Redis { child, addr: free.to_string() };
        wait_for(|| TcpStream::connect(&redis.addr).ok()).expect("redis listens");
        Some(redis)
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(kill.is_ok_and(|status| status.success()), "redis has ended");
    }

    /// Starts the guide's daemon over this redis, and waits until `api` is in Run.
    fn daemon(&self) -> Program {
        let mut daemon = Program::start(&program("health"), Place::IdleInput, &[("REDIS", &self.addr)]);
        daemon.until_output("api enters Run", 1);
        daemon
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn g61_health_check_over_a_database_that_hangs_leaves_run_and_comes_back() {
    let Some(redis) = Redis::start() else { return };
    let mut daemon = redis.daemon();
    for times in 1..=2 {
        redis.signal("STOP");
        daemon.until_output("api leaves Run", times);
        redis.signal("CONT");
        daemon.until_output("api enters Run", times + 1);
    }
    daemon.signal("TERM");
    assert_eq!(daemon.ended_within(LIMIT), 0, "{}", daemon.output());
}

#[test]
fn g61_health_check_over_a_database_that_hangs_stops_at_once() {
    let Some(redis) = Redis::start() else { return };
    for noticed in [false, true] {
        let mut daemon = redis.daemon();
        redis.signal("STOP");
        if noticed {
            daemon.until_output("api leaves Run", 1);
        } else {
            // A ping is under way: there is one each second.
            std::thread::sleep(Duration::from_millis(1200));
        }
        daemon.signal("TERM");
        assert_eq!(daemon.ended_within(PROMPT), 0, "noticed: {noticed}: {}", daemon.output());
        redis.signal("CONT");
    }
}
