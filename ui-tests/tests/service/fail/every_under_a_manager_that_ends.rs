//! A manager that ends its service after a successful run.

use rxd::{Context, Runner};

mod managers {
    rxd::manager! {
        pub Once {
            Init => { ok: Idle, failed: Stop },
            Idle => { ok: Run, failed: Stop },
            Run => { ok: Exit, failed: Stop },
            Stop => { ok: Init, failed: Init },
        }
    }
}

#[rxd::service(manager(managers::Once), every = "5m")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
}

fn main() {
    let _ = Edge { poller: Poller }.into_daemon();
}
