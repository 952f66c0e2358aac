//! The service manager of the soak test: a socket in systemd's place.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// The notifications so far.
#[derive(Debug, Default)]
struct Notifications {
    pings: u64,
    last: Option<Instant>,
    /// The longest gap between pings since the last report, and of the whole run.
    longest: Duration,
    longest_of_all: Duration,
    /// How many gaps were longer than half of the timeout. rxd aims at none.
    long: u64,
    ready: u64,
    reloading: u64,
    stopping: u64,
}

impl Notifications {
    /// From READY on, systemd expects pings. A gap ends with the next ping, or with STOPPING.
    fn ping(&mut self, now: Instant) {
        let Some(last) = self.last.replace(now) else { return };
        let gap = now - last;
        self.longest = self.longest.max(gap);
        self.longest_of_all = self.longest_of_all.max(gap);
        self.long += u64::from(gap > TIMEOUT / 2);
    }
}

pub(crate) struct Manager {
    path: PathBuf,
    received: Arc<Mutex<Notifications>>,
}

impl Manager {
    pub(crate) fn start() -> Self {
        let path = std::env::temp_dir().join(format!("rxd-soak-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket for notifications");
        let received = Arc::new(Mutex::new(Notifications::default()));
        let shared = received.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let now = Instant::now();
                let mut received = shared.lock().expect("no thread panics");
                match buffer[..length].split(|byte| *byte == b'\n').next() {
                    Some(b"WATCHDOG=1") => {
                        received.pings += 1;
                        if received.last.is_some() {
                            received.ping(now);
                        }
                    }
                    Some(b"READY=1") => {
                        received.ready += 1;
                        received.last.get_or_insert(now);
                    }
                    Some(b"RELOADING=1") => received.reloading += 1,
                    Some(b"STOPPING=1") => {
                        received.ping(now);
                        received.last = None;
                        received.stopping += 1;
                    }
                    _ => {}
                }
            }
        });
        Manager { path, received }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many pings there were, and the longest gap since the last call.
    pub(crate) fn pings(&self) -> (u64, Duration) {
        let mut received = self.received.lock().expect("no thread panics");
        (received.pings, std::mem::take(&mut received.longest))
    }

    pub(crate) fn wrong(&self, hangups: u64) -> Vec<String> {
        let received = self.received.lock().expect("no thread panics");
        println!(
            "longest gap between pings {:.1?}, {} longer than {:?}",
            received.longest_of_all,
            received.long,
            TIMEOUT / 2
        );
        let mut wrong = Vec::new();
        if received.longest_of_all >= TIMEOUT {
            wrong.push(format!("a ping was missing: {:?} between two pings", received.longest_of_all));
        }
        // SIGHUPs during a reload merge into one further reload, but these are a minute apart.
        if (received.reloading, received.ready, received.stopping) != (hangups, hangups + 1, 1) {
            wrong.push(format!("{hangups} reloads were requested: {received:?}"));
        }
        wrong
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
