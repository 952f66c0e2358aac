//! How costs grow with edges, topics and transitions.

use crate::count::Heap;
use crate::gate::Gate;
use crate::sample::{names, say};
use crate::subject::rxd::{Body, daemon, flat};
use rxd::intracom::{Group, Intracom};
use std::time::Instant;

/// The number of services while the number of edges grows.
const SERVICES: usize = 1_000;

/// Takes one sample of a case of rxd alone.
pub async fn sample(case: &str, _subject: &str, n: usize) {
    match case {
        // 1,000 services, each of which needs the n services before it.
        "edges" => {
            let (names, gate) = (names(SERVICES), Gate::new(SERVICES));
            let services = (0..SERVICES).map(|at| {
                let service = rxd::Service::new(names[at], Body(gate.clone()));
                let needs = &names[at.saturating_sub(n)..at];
                if needs.is_empty() { service } else { service.needs(needs.to_vec()) }
            });
            let services: Vec<_> = services.collect();
            let before = Heap::now();
            let begun = Instant::now();
            let handle = daemon().add_all(services).start().await.unwrap();
            gate.all().await;
            say("start_ns", begun.elapsed().as_nanos() as f64);
            say("bytes", (Heap::now().bytes - before.bytes) as f64 / SERVICES as f64);
            let begun = Instant::now();
            handle.shutdown();
            assert!(handle.wait().await.is_ok());
            say("stop_ns", begun.elapsed().as_nanos() as f64);
        }
        // n topics with one subscriber each, and one message to each.
        "topics" => {
            let (intracom, names) = (Intracom::new(), names(n));
            let before = Heap::now();
            let begun = Instant::now();
            let topics: Vec<_> = names.iter().map(|name| intracom.topic::<u64>(name).unwrap()).collect();
            let subscribed = topics.iter().map(|topic| topic.subscribe(Group::named("g")).unwrap());
            let mut subscriptions: Vec<_> = subscribed.collect();
            say("make_ns", begun.elapsed().as_nanos() as f64 / n as f64);
            say("bytes", (Heap::now().bytes - before.bytes) as f64 / n as f64);
            let begun = Instant::now();
            for (nth, topic) in topics.iter().enumerate() {
                topic.publish(nth as u64).await.unwrap();
            }
            for subscription in &mut subscriptions {
                subscription.recv().await.unwrap();
            }
            say("message_ns", begun.elapsed().as_nanos() as f64 / n as f64);
        }
        // n restarts of one service under its engine, eight transitions each.
        "flat" => {
            let (before, after) = flat(n).await;
            say("grown_bytes", after as f64 - before as f64);
        }
        other => panic!("there is no case {other}"),
    }
}
