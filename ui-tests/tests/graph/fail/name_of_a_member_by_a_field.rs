//! A field that gives its service the name of a member of a family.

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
    #[service(name = "worker-7")]
    api: Api,
}

fn main() {
    let _ = D { workers: vec![Worker], api: Api }.into_daemon();
}
