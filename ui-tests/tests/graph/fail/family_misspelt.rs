//! The name of a family with a typing slip.

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
#[watch(any, entering, Run, "wokers")]
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
