//! A reload of the whole daemon: when it is over, and what of it failed.

use crate::board::Id;
use crate::core::{Command, Core};
use crate::error::Result;
use crate::state::State;
use std::future::pending;
use std::time::Duration;
use tokio::sync::oneshot::Receiver;
use tokio::time::{Instant, sleep_until};

/// A reload that has begun.
pub(crate) struct Reload {
    /// The services that have not answered.
    waiting: Vec<(String, Receiver<Result>)>,
    failures: Vec<String>,
    limit: Duration,
    deadline: Instant,
}

impl Reload {
    /// Asks every service that is not in Exit.
    pub(crate) fn begin(core: &Core, limit: Duration) -> Self {
        let (_, words) = core.board.words();
        let alive = words.iter().enumerate().filter(|(_, word)| word.state != State::Exit);
        let waiting =
            alive.map(|(id, _)| (core.name(id as Id).to_string(), core.request(id as Id, Command::Reload))).collect();
        Reload { waiting, failures: Vec::new(), limit, deadline: Instant::now() + limit }
    }

    /// Waits until the reload is over, and says what of it failed; for ever while there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answers that have come are kept.
    pub(crate) async fn done(this: &mut Option<Reload>) -> Vec<String> {
        let Some(reload) = this else { return pending().await };
        while let Some((_, answer)) = reload.waiting.last_mut() {
            tokio::select! {
                biased;
                answer = answer => {
                    // One that did not answer has ended instead.
                    reload.failures.extend(answer.ok().and_then(Result::err).map(|error| error.to_string()));
                    reload.waiting.pop();
                }
                () = sleep_until(reload.deadline) => {
                    let late = reload.waiting.drain(..).map(|(name, _)| name);
                    let limit = reload.limit;
                    reload.failures.extend(late.map(|name| format!("service `{name}` did not reload within {limit:?}")));
                }
            }
        }
        reload.failures.reverse();
        let failures = std::mem::take(&mut reload.failures);
        *this = None;
        failures
    }
}
