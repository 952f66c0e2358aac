//! Two custom managers: a table, and one with logic that no table can hold.
//!
//! What to watch for: where each service goes after a failure.
//!
//! * The manager of `import` is `OneAttempt`, a table. Any failure ends the service, and a
//!   successful `run` ends it well.
//! * The manager of `link` is `ProvedItself`, which has state. A link that was never up is
//!   misconfigured, and ends. A link that has been up is restarted for ever.
//!
//! Whatever a manager decides, `stop` is called after each incarnation. The compiler checks the
//! graph against the states that a manager may choose. Try
//!
//! ```text
//! RUST_LOG=info,rxd=debug cargo run -p examples --bin custom-manager
//! cargo run -p examples --bin custom-manager -- --fail-import
//! cargo run -p examples --bin custom-manager -- --refused 1
//! ```
//!
//! The last two end by themselves with status 1, because no service is left. Ctrl-C ends the first.

use clap::Parser;
use rxd::manager::{Ended, Table};
use rxd::{Context, Manager, Runner, State};
use std::time::Duration;

rxd::manager! {
    /// One attempt, whether it succeeds or fails.
    pub OneAttempt {
        Init => { ok: Idle, failed: Exit },
        Idle => { ok: Run, failed: Exit },
        Run => { ok: Exit, failed: Exit },
        Stop => { ok: Exit, failed: Exit },
    }
}

/// Ends a service that was never in Run, and restarts one that was.
#[derive(Default)]
struct ProvedItself {
    ran: bool,
}

impl Manager for ProvedItself {
    /// The states it may choose: the graph is checked against them, and `next` begins with them.
    const TABLE: Table = Table::new(
        [State::Idle, State::Exit],
        [State::Run, State::Exit],
        [State::Stop, State::Stop],
        [State::Init, State::Init],
    );

    fn next(&mut self, ended: Ended) -> State {
        self.ran |= ended.state == State::Run;
        match Self::TABLE.next(ended.state, !ended.cause.is_failure()) {
            State::Exit if self.ran => State::Stop,
            next => next,
        }
    }
}

/// Imports something, once.
#[rxd::service(manager(OneAttempt))]
struct Import {
    fails: bool,
}

impl Runner for Import {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        if self.fails {
            return Err("failed because of --fail-import".into());
        }
        tracing::info!("imported");
        Ok(())
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        tracing::info!("import: stop is called, after success and after failure");
        Ok(())
    }
}

/// A connection that is reset from time to time.
#[rxd::service(manager(ProvedItself), backoff(base = "300ms", max = "300ms"))]
#[after("import")]
struct Link {
    refused: u32,
    holds: Duration,
    attempt: u32,
}

impl Runner for Link {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.attempt += 1;
        if self.attempt == self.refused {
            return Err(format!("attempt {}: connection refused", self.attempt).into());
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tracing::info!(attempt = self.attempt, "link up");
        tokio::select! {
            () = tokio::time::sleep(self.holds) => Err("connection reset".into()),
            () = cx.cancelled() => Ok(()),
        }
    }
}

#[rxd::daemon]
struct CustomManager {
    import: Import,
    link: Link,
}

impl CustomManager {
    fn new(Args { fail_import, refused, holds }: Args) -> Self {
        CustomManager { import: Import { fails: fail_import }, link: Link { refused, holds, attempt: 0 } }
    }
}

/// A service that has one attempt, and one that restarts only after it was up.
#[derive(Parser)]
struct Args {
    /// Make the import fail.
    #[arg(long)]
    fail_import: bool,
    /// The attempt to connect that is refused.
    #[arg(long, default_value_t = 2)]
    refused: u32,
    /// How long a link holds.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1s")]
    holds: Duration,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let args = Args::parse();
    examples::log_to_stderr();
    CustomManager::new(args).run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::Cause;
    use rxd::testing::Harness;

    fn daemon(fail_import: bool, refused: u32) -> Harness {
        Harness::new(CustomManager::new(Args { fail_import, refused, holds: Duration::from_secs(1) }).into_daemon())
    }

    #[tokio::test(start_paused = true)]
    async fn link_that_was_up_restarts() {
        let test = daemon(false, 2).start().await;
        for _ in 0..3 {
            test.until("link", State::Run).await;
            test.until("link", State::Stop).await;
        }
        let ended = test.shutdown().await;
        assert!(ended.report.is_ok());
        ended.trace.expect("import").enters(State::Run).times(1);
        ended.trace.expect("link").leaves(State::Init).after_it_enters("import", State::Exit);
    }

    #[tokio::test(start_paused = true)]
    async fn link_that_was_never_up_ends() {
        let ended = daemon(false, 1).start().await.wait().await;
        ended.trace.expect("link").never_enters(State::Run);
        ended.trace.expect("link").enters(State::Stop).times(1);
        ended.trace.expect("link").enters(State::Exit).because(Cause::Error);
        assert_eq!(ended.report.exit_code(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn import_that_fails_has_one_attempt() {
        let ended = daemon(true, 2).start().await.wait().await;
        ended.trace.expect("import").enters(State::Stop).times(1);
        ended.trace.expect("import").enters(State::Exit).because(Cause::Error).before("link");
    }
}
