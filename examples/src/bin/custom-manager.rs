//! Managers of one's own: a table, and logic that no table can hold.
//!
//! What to watch for: `importer` is under `FailFast`, a table declared with `rxd::manager!` and
//! checked by the compiler: its first failure is its end, and yet `stop` is called before it. `sender`
//! is under `Patience`, which implements the trait: it comes round after a failure, until three have
//! followed each other. Try
//!
//! ```text
//! RUST_LOG=info,rxd=debug cargo run -p examples --bin custom-manager -- --fails-at 2
//! ```
//!
//! When both have given up, nothing is left to do: the daemon ends by itself, says who gave up and why,
//! and the status is 1.
#![allow(clippy::print_stdout, reason = "what the services do is the program's output")]

use clap::Parser;
use rxd::manager::{Ended, Table};
use rxd::{Context, Manager, Runner, State};

rxd::manager! {
    /// One failure is the end.
    FailFast {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Stop, failed: Exit },
        Stop => { ok: Init, failed: Exit },
    }
}

/// Imports batch after batch, and fails at one.
#[rxd::service(manager(FailFast))]
struct Importer {
    batch: u32,
    fails_at: u32,
}

impl Runner for Importer {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        self.batch += 1;
        if self.batch == self.fails_at {
            return Err(format!("batch {} is broken", self.batch).into());
        }
        println!("imported batch {}", self.batch);
        Ok(())
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        println!("closed batch {}", self.batch);
        Ok(())
    }
}

/// Comes round after a failure, but not after too many in a row.
#[derive(Default)]
struct Patience;

/// How many failures in a row are the end.
const MOST: u32 = 3;

impl Manager for Patience {
    /// Where it may go: this is what the graph is checked against.
    const TABLE: Table = Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Stop, State::Stop],
        [State::Init, State::Exit],
    );

    fn next(&mut self, ended: Ended) -> State {
        let patience_is_over = ended.state == State::Stop && ended.failures + 1 >= MOST;
        if patience_is_over { State::Exit } else { Self::TABLE.next(ended.state, !ended.cause.is_failure()) }
    }
}

/// Sends to a receiver that is never there.
#[rxd::service(manager(Patience), backoff(base = "200ms"))]
struct Sender {
    attempt: u32,
}

impl Runner for Sender {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        self.attempt += 1;
        println!("attempt {} to send", self.attempt);
        Err("nobody receives".into())
    }
}

#[rxd::daemon]
struct CustomManager {
    importer: Importer,
    sender: Sender,
}

/// Two services under managers of their own.
#[derive(Parser)]
struct Args {
    /// The batch at which the importer fails.
    #[arg(long, default_value_t = 3)]
    fails_at: u32,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { fails_at } = Args::parse();
    examples::log_to_stderr();
    CustomManager { importer: Importer { batch: 0, fails_at }, sender: Sender { attempt: 0 } }.run().await
}
