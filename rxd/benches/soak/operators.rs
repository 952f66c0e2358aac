//! Those who ask the daemon, over HTTP.

use super::client::{ask, events};
use super::subject;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many ask at once, and how many follow the events for a while.
const ASKING: u64 = 4;
const FOLLOWING: u64 = 4;

#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) requests: u64,
    /// How many times each service was acted on.
    pub(crate) operated: BTreeMap<String, u32>,
    pub(crate) wrong: Vec<String>,
}

pub(crate) struct Operators(Vec<JoinHandle<Asked>>);

pub(crate) fn start(address: &str, seed: u64, over: &Arc<AtomicBool>) -> Operators {
    let spawn = |nth: u64, run: fn(&str, &mut fastrand::Rng, &AtomicBool) -> Asked| {
        let (address, over) = (address.to_owned(), over.clone());
        std::thread::spawn(move || run(&address, &mut fastrand::Rng::with_seed(seed + nth), &over))
    };
    let asking = (0..ASKING).map(|nth| spawn(nth, asks));
    Operators(asking.chain((0..FOLLOWING).map(|nth| spawn(100 + nth, follows))).collect())
}

impl Operators {
    pub(crate) fn join(self) -> Asked {
        let mut all = Asked::default();
        for one in self.0 {
            let one = one.join().expect("nobody panics");
            all.requests += one.requests;
            all.wrong.extend(one.wrong);
            one.operated.into_iter().for_each(|(service, times)| *all.operated.entry(service).or_default() += times);
        }
        all
    }
}

fn asks(address: &str, random: &mut fastrand::Rng, over: &AtomicBool) -> Asked {
    let mut asked = Asked::default();
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(random.u64(10..500)));
        let service = subject::name(random.usize(0..subject::SERVICES));
        let (method, path, body) = match random.u32(0..20) {
            0 | 1 => {
                let what = random.choice(["stop", "start", "restart"]).unwrap_or_default();
                *asked.operated.entry(service.clone()).or_default() += 1;
                if what == "stop" {
                    // Somebody puts it back: it is not to be over after an hour.
                    let _ = ask(address, "POST", &format!("/services/{service}/stop"), "");
                    ("POST", format!("/services/{service}/start"), "")
                } else {
                    ("POST", format!("/services/{service}/{what}"), "")
                }
            }
            2 => ("POST", format!("/services/{service}/reload"), ""),
            3 => ("PUT", format!("/services/{service}/log-level"), "{\"level\":\"debug\"}"),
            4 => ("DELETE", format!("/services/{service}/log-level"), ""),
            5 => ("GET", "/services/nobody".into(), ""),
            6 => ("PUT", "/log-level".into(), "{nonsense"),
            7 => ("GET", "/metrics".into(), ""),
            8 => ("GET", "/graph".into(), ""),
            9 => ("GET", "/services".into(), ""),
            10 => ("GET", "/readyz?verbose".into(), ""),
            11 => ("GET", "/".into(), ""),
            _ => ("GET", format!("/services/{service}/why"), ""),
        };
        asked.requests += 1;
        match ask(address, method, &path, body) {
            Ok((200 | 202 | 400 | 404 | 409, _)) => {}
            Ok((503, _)) if path.starts_with("/readyz") => {}
            other => asked.wrong.push(format!("{method} {path}: {other:?}")),
        }
    }
    asked
}

/// Comes, reads for a while, and goes without a word.
fn follows(address: &str, random: &mut fastrand::Rng, over: &AtomicBool) -> Asked {
    let mut asked = Asked::default();
    while !over.load(Ordering::Relaxed) {
        let read =
            events(address, None).take(random.usize(10..2_000)).take_while(|_| !over.load(Ordering::Relaxed)).count();
        if read == 0 {
            asked.wrong.push("a follower was told nothing".into());
        }
        asked.requests += 1;
    }
    asked
}
