//! A daemon that is interrupted on each system that rxd supports: `.ci/portable` starts it, sends
//! Ctrl-C, and looks at its log and its exit status.
//!
//! The argument says what the daemon does then:
//!
//! * `ends`: its service returns. With `lingers`, `main` does not end after that.
//! * `ignores`: its service ignores that it is cancelled.
//! * `blocks`: its service blocks the only thread of the runtime.

use rxd::{Context, Runner};

#[rxd::service]
struct Work {
    what: String,
}

impl Runner for Work {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tracing::info!("running");
        match &*self.what {
            "ignores" => std::future::pending().await,
            "blocks" => loop {
                std::thread::park();
            },
            _ => cx.cancelled().await,
        }
        Ok(())
    }
}

#[rxd::daemon]
struct Portable {
    work: Work,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let what = std::env::args().nth(1).unwrap_or_default();
    let _log = rxd::log::init()?;
    let ended = Portable { work: Work { what: what.clone() } }.run().await;
    tracing::info!("run returned");
    if what == "lingers" {
        loop {
            std::thread::park();
        }
    }
    Ok(ended?)
}
