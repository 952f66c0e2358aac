//! A type that a family and a single field have.

use rxd::{Context, Runner};

#[rxd::service]
struct Worker;

impl Runner for Worker {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[needs(Worker)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    workers: Vec<Worker>,
    #[service(name = "first")]
    first: Worker,
    api: Api,
}

fn main() {
    let _ = D { workers: vec![Worker], first: Worker, api: Api }.into_daemon();
}
