//! A terminal view of all services of a daemon, updated by `watch_states`.
//!
//! What to watch for: the board is a service like the others. It receives a snapshot and then every
//! transition in order, so it always shows the current states. If it were too slow, it would
//! receive the number of missed transitions and a new snapshot. `db` fails at intervals, and `api`,
//! which needs it, leaves Run and enters it again with it. If standard output is not a terminal,
//! each transition is printed as a line. The program ends by itself, or on Ctrl-C. Try
//!
//! ```text
//! cargo run -p examples --bin status-board -- --for 10s
//! cargo run -p examples --bin status-board -- --for 3s | cat
//! ```
#![allow(clippy::print_stdout, reason = "the board is the program's output")]

use clap::Parser;
use rxd::{Context, Filter, Runner, ServiceState, StateEvent, States, Transition};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Fails again and again.
#[rxd::service(backoff(base = "300ms", max = "2s"))]
struct Db {
    holds: Duration,
    attempts: u32,
}

impl Runner for Db {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.attempts += 1;
        sleep(Duration::from_millis(200)).await;
        if self.attempts % 3 == 2 {
            return Err("connection refused".into());
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::select! {
            () = sleep(self.holds) => Err("connection reset".into()),
            () = cx.cancelled() => Ok(()),
        }
    }
}

/// In Run while `db` is.
#[rxd::service]
#[needs("db")]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Ends the daemon after a time.
#[rxd::service]
struct Clock {
    end: Duration,
    over: std::sync::Arc<tokio::sync::Notify>,
}

impl Runner for Clock {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        tokio::select! {
            () = sleep(self.end) => self.over.notify_one(),
            () = cx.cancelled() => return Ok(()),
        }
        cx.cancelled().await;
        Ok(())
    }
}

/// Shows the state of every service.
#[rxd::service]
struct Board {
    terminal: bool,
}

impl Runner for Board {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let mut states = cx.watch_states(Filter::exclude(["board"]))?;
        let begun = Instant::now();
        let mut rows: Vec<ServiceState> = Vec::new();
        loop {
            let event = tokio::select! {
                event = states.next() => event,
                () = cx.cancelled() => return Ok(()),
            };
            match event {
                Some(StateEvent::Snapshot(states)) => rows = self.begin(states),
                Some(StateEvent::Lagged { missed, snapshot }) => {
                    println!("{missed} transitions were missed");
                    rows = self.begin(snapshot);
                }
                Some(StateEvent::Changed(state)) => {
                    if !self.terminal {
                        println!("{:6.2} s  {}", begun.elapsed().as_secs_f64(), line(&state));
                    }
                    if let Some(row) = rows.iter_mut().find(|row| row.name == state.name) {
                        *row = state;
                    }
                }
                None => return Ok(()),
            }
            if self.terminal {
                // Move up to the first line of the board, and overwrite each line.
                print!("\x1b[{}A", rows.len());
                rows.iter().for_each(|row| println!("\x1b[2K{}", line(row)));
            }
        }
    }
}

impl Board {
    fn begin(&self, states: States) -> Vec<ServiceState> {
        let rows: Vec<ServiceState> = states.into_iter().collect();
        if self.terminal {
            rows.iter().for_each(|_| println!());
        } else {
            rows.iter().for_each(|row| println!("  0.00 s  {}", line(row)));
        }
        rows
    }
}

/// The line of one service.
fn line(state: &ServiceState) -> String {
    let ServiceState { name, state, transition, cause, incarnation, restarts, .. } = state;
    let place = match transition {
        Transition::Entering => format!("in {state}"),
        Transition::Exited => format!("left {state}"),
    };
    format!("{name:8} {place:10} {cause:10} incarnation {incarnation}, {restarts} restarts")
}

#[rxd::daemon]
struct StatusBoard {
    db: Db,
    api: Api,
    clock: Clock,
    board: Board,
}

/// Three services, one of them unreliable, and a board that shows their states.
#[derive(Parser)]
struct Args {
    /// How long to run.
    #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "20s")]
    end: Duration,
    /// How long the database runs before it fails.
    #[arg(long, value_parser = humantime::parse_duration, default_value = "1500ms")]
    holds: Duration,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { end, holds } = Args::parse();
    let over = std::sync::Arc::new(tokio::sync::Notify::new());
    let daemon = StatusBoard {
        db: Db { holds, attempts: 0 },
        api: Api,
        clock: Clock { end, over: over.clone() },
        board: Board { terminal: std::io::stdout().is_terminal() },
    };
    let handle = daemon.start().await?;
    tokio::select! {
        () = over.notified() => handle.shutdown(),
        _ = handle.wait() => {}
    }
    handle.wait().await.into_result()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Init, Run};
    use rxd::testing::{FakeService, Harness};

    /// The real `db` and `api`, with a fake for the board.
    #[tokio::test(start_paused = true)]
    async fn api_whose_database_fails_leaves_run_and_enters_it_again() {
        let daemon = StatusBoard {
            db: Db { holds: Duration::from_secs(5), attempts: 0 },
            api: Api,
            clock: Clock { end: Duration::from_secs(3600), over: Default::default() },
            board: Board { terminal: false },
        };
        let test = Harness::new(daemon.into_daemon()).fake("board", FakeService::new()).start().await;
        for _ in 0..3 {
            test.until("api", Run).await;
            test.until("api", rxd::State::Stop).await;
        }
        let ended = test.shutdown().await;
        ended.trace.expect("api").enters(Run).while_in("db", Run).times(3);
        // The second attempt was refused.
        ended.trace.expect("db").enters(Init).times(4);
        ended.trace.expect("db").leaves(Run).at(Duration::from_millis(5200));
    }
}
