//! Two families whose members have the same names.

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
#[needs("workers")]
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
    #[service(name = "worker")]
    ingest: Vec<Worker>,
    api: Api,
}

fn main() {
    let _ = D { workers: vec![Worker], ingest: Vec::new(), api: Api }.into_daemon();
}
