//! Who listens in systemd's place.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// What it was told.
#[derive(Debug, Default)]
struct Told {
    pings: u64,
    last: Option<Instant>,
    /// The longest gap within this minute, and of all.
    longest: Duration,
    longest_of_all: Duration,
    /// Gaps longer than half of the timeout, which is what rxd aims at.
    long: u64,
    ready: u64,
    reloading: u64,
    stopping: u64,
}

impl Told {
    /// From READY on, systemd waits for pings; a gap ends with the next, or with STOPPING.
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
    told: Arc<Mutex<Told>>,
}

impl Manager {
    pub(crate) fn start() -> Self {
        let path = std::env::temp_dir().join(format!("rxd-soak-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket to be told by");
        let told = Arc::new(Mutex::new(Told::default()));
        let noted = told.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let now = Instant::now();
                let mut told = noted.lock().expect("nobody panics");
                match buffer[..length].split(|byte| *byte == b'\n').next() {
                    Some(b"WATCHDOG=1") => {
                        told.pings += 1;
                        if told.last.is_some() {
                            told.ping(now);
                        }
                    }
                    Some(b"READY=1") => {
                        told.ready += 1;
                        told.last.get_or_insert(now);
                    }
                    Some(b"RELOADING=1") => told.reloading += 1,
                    Some(b"STOPPING=1") => {
                        told.ping(now);
                        told.last = None;
                        told.stopping += 1;
                    }
                    _ => {}
                }
            }
        });
        Manager { path, told }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many pings there were, and the longest gap since this was asked last.
    pub(crate) fn pings(&self) -> (u64, Duration) {
        let mut told = self.told.lock().expect("nobody panics");
        (told.pings, std::mem::take(&mut told.longest))
    }

    pub(crate) fn wrong(&self, hangups: u64) -> Vec<String> {
        let told = self.told.lock().expect("nobody panics");
        println!("longest gap between pings {:.1?}, {} longer than {:?}", told.longest_of_all, told.long, TIMEOUT / 2);
        let mut wrong = Vec::new();
        if told.longest_of_all >= TIMEOUT {
            wrong.push(format!("a ping was missed: {:?} between two", told.longest_of_all));
        }
        // Of hangups during a reload, all but one are the next: there is a minute between ours.
        if (told.reloading, told.ready, told.stopping) != (hangups, hangups + 1, 1) {
            wrong.push(format!("{hangups} reloads were asked for: {told:?}"));
        }
        wrong
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
