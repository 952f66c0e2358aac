//! A job that fails three times and then succeeds, and a service that waits for it.
//!
//! What to watch for: `migrate` restarts with a growing delay until its `run` returns `Ok`. Then it
//! enters Exit and stays there. `report` comes `after` it: it runs once the job has *succeeded*,
//! not when it has merely ended. When both have ended, the daemon ends by itself with status 0.
//! With `--failures 9` the job reaches its restart limit after five restarts; `report` is not run,
//! and the status is 1.
#![allow(clippy::print_stdout, reason = "the report is the program's output")]

use clap::Parser;
use rxd::{Context, Runner};

/// Fails `failures` times before it succeeds.
#[rxd::service(manager = "until_success", backoff(base = "200ms"), restarts(max = 5, within = "1m"))]
struct Migrate {
    failures: u32,
    attempt: u32,
}

impl Runner for Migrate {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        self.attempt += 1;
        if self.attempt <= self.failures {
            return Err(format!("attempt {} failed: the database is still starting", self.attempt).into());
        }
        println!("migrated at attempt {}", self.attempt);
        Ok(())
    }
}

/// Runs once the migration has succeeded.
#[rxd::service(manager = "until_success")]
#[after("migrate")]
struct Report;

impl Runner for Report {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        println!("migrate is in {}", cx.states()["migrate"].state);
        Ok(())
    }
}

#[rxd::daemon]
struct RunUntilSuccess {
    migrate: Migrate,
    report: Report,
}

/// A job that restarts until it succeeds.
#[derive(Parser)]
struct Args {
    /// How often the job fails before it succeeds.
    #[arg(long, default_value_t = 3)]
    failures: u32,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { failures } = Args::parse();
    examples::log_to_stderr();
    RunUntilSuccess { migrate: Migrate { failures, attempt: 0 }, report: Report }.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Exit, Run};
    use rxd::testing::{Behavior, Harness};

    fn daemon(failures: u32) -> Harness {
        Harness::new(RunUntilSuccess { migrate: Migrate { failures, attempt: 0 }, report: Report }.into_daemon())
    }

    #[tokio::test(start_paused = true)]
    async fn report_after_three_failures_runs_after_the_fourth_attempt() {
        let ended = daemon(3).start().await.wait().await;
        ended.trace.expect("migrate").enters(Run).times(4);
        ended.trace.expect("report").enters(Run).after_it_enters("migrate", Exit);
        assert!(ended.report.is_ok());
    }

    /// The report alone, with a fake for the job that it comes after.
    #[tokio::test(start_paused = true)]
    async fn report_after_failed_attempts_waits_for_success() {
        let test = Harness::isolated(Report).start().await;
        for behavior in [Behavior::Fail, Behavior::Panic, Behavior::Ok] {
            test.until("migrate", Run).await;
            assert!(test.handle().states()["report"].is_in(rxd::State::Idle));
            test.set_behavior("migrate", behavior);
            test.until("migrate", rxd::State::Stop).await;
        }
        let ended = test.wait().await;
        ended.trace.expect("report").enters(Run).times(1).after_it_enters("migrate", Exit);
    }
}
