//! Services behind `cfg` are counted by the compiler.

use rxd::{Context, Runner};

#[rxd::service]
struct Worker;

impl Runner for Worker {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    #[service(name = "a")]
    a: Worker,
    #[cfg(any())]
    #[service(name = "b")]
    b: DoesNotExist,
    #[cfg(all())]
    #[service(name = "c")]
    c: Worker,
    #[service(name = "d")]
    #[cfg(all())]
    #[cfg(any())]
    d: Worker,
    #[service(name = "e")]
    e: Option<Worker>,
    #[cfg(any())]
    #[service(name = "off")]
    f: Worker,
    #[cfg(not(any()))]
    #[service(name = "on")]
    f: Worker,
}

#[rxd::daemon]
struct Only {
    #[cfg(all())]
    worker: Worker,
}

fn main() {
    let names: Vec<_> = Edge::GRAPH.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["a", "c", "e", "on"]);
    let _ = Edge { a: Worker, c: Worker, e: None, f: Worker }.into_daemon();
    let _ = Only { worker: Worker }.into_daemon();
}
