//! A family has the name of its field, not that of its type.

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
#[needs("worker")]
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
    api: Api,
}

fn main() {
    let _ = D { workers: vec![Worker], api: Api }.into_daemon();
}
