//! The operators of the soak test: threads that send requests over HTTP, or follow the events.

use super::client::{events, send_request};
use super::subject;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many threads send requests, and how many follow the events for a while.
const REQUESTERS: u64 = 4;
const FOLLOWERS: u64 = 4;

#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    /// How many times an operator acted on each service.
    pub(crate) operated: BTreeMap<String, u32>,
    pub(crate) wrong: Vec<String>,
}

pub(crate) struct Operators(Vec<JoinHandle<Summary>>);

pub(crate) fn start(address: &str, seed: u64, over: &Arc<AtomicBool>) -> Operators {
    let spawn = |nth: u64, run: fn(&str, &mut fastrand::Rng, &AtomicBool) -> Summary| {
        let (address, over) = (address.to_owned(), over.clone());
        std::thread::spawn(move || run(&address, &mut fastrand::Rng::with_seed(seed + nth), &over))
    };
    let requesters = (0..REQUESTERS).map(|nth| spawn(nth, send_requests));
    Operators(requesters.chain((0..FOLLOWERS).map(|nth| spawn(100 + nth, follow_events))).collect())
}

impl Operators {
    pub(crate) fn join(self) -> Summary {
        let mut all = Summary::default();
        for one in self.0 {
            let one = one.join().expect("no thread panics");
            all.requests += one.requests;
            all.wrong.extend(one.wrong);
            one.operated.into_iter().for_each(|(service, times)| *all.operated.entry(service).or_default() += times);
        }
        all
    }
}

fn send_requests(address: &str, random: &mut fastrand::Rng, over: &AtomicBool) -> Summary {
    let mut summary = Summary::default();
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(random.u64(10..500)));
        let service = subject::name(random.usize(0..subject::SERVICES));
        let (method, path, body) = match random.u32(0..20) {
            0 | 1 => {
                let what = random.choice(["stop", "start", "restart"]).unwrap_or_default();
                *summary.operated.entry(service.clone()).or_default() += 1;
                if what == "stop" {
                    // Start it again, so that not all services are stopped after an hour.
                    let _ = send_request(address, "POST", &format!("/services/{service}/stop"), "");
                    ("POST", format!("/services/{service}/start"), "")
                } else {
                    ("POST", format!("/services/{service}/{what}"), "")
                }
            }
            2 => ("POST", format!("/services/{service}/reload"), ""),
            3 => ("PUT", format!("/services/{service}/log-level"), "{\"level\":\"debug\"}"),
            4 => ("DELETE", format!("/services/{service}/log-level"), ""),
            5 => ("GET", "/services/unknown".into(), ""),
            6 => ("PUT", "/log-level".into(), "{nonsense"),
            7 => ("GET", "/metrics".into(), ""),
            8 => ("GET", "/graph".into(), ""),
            9 => ("GET", "/services".into(), ""),
            10 => ("GET", "/readyz?verbose".into(), ""),
            11 => ("GET", "/".into(), ""),
            _ => ("GET", format!("/services/{service}/why"), ""),
        };
        summary.requests += 1;
        match send_request(address, method, &path, body) {
            Ok((200 | 202 | 400 | 404 | 409, _)) => {}
            Ok((503, _)) if path.starts_with("/readyz") => {}
            other => summary.wrong.push(format!("{method} {path}: {other:?}")),
        }
    }
    summary
}

/// Connects, reads for a while, and disconnects without a word.
fn follow_events(address: &str, random: &mut fastrand::Rng, over: &AtomicBool) -> Summary {
    let mut summary = Summary::default();
    while !over.load(Ordering::Relaxed) {
        let read =
            events(address, None).take(random.usize(10..2_000)).take_while(|_| !over.load(Ordering::Relaxed)).count();
        if read == 0 {
            summary.wrong.push("a follower received no event".into());
        }
        summary.requests += 1;
    }
    summary
}
