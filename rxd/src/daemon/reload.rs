//! The reload of a whole daemon. The supervisor begins one at SIGHUP, or when an operator asks for it,
//! and polls it.
//!
//! * Each service that overrides `reload` gets one request, once the services that it depends on
//!   have answered theirs. A service without `reload` passes this on: those that depend on it wait
//!   for those that it depends on.
//! * A service that does not answer within its limit has failed to reload. So a reload always ends.
//! * All requests during a reload are one further reload after it.
//!
//! A reload costs O(services and their dependencies), and each answer O(log services) besides.

use crate::board::Id;
use crate::core::{Core, Reply, ServiceCommand, answer, has_room_for_reload, refuse_too_many};
use crate::error::Error;
use crate::lifecycle::backoff::later;
use crate::lifecycle::state::State;
use crate::watch::why::Why;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until};

/// The answer of one service: the number of the reload, and the service.
type Answer = (u64, Id, Result<(), Error>);

/// The reloads of one daemon. See the [module](self).
pub(super) struct Reloads {
    core: Arc<Core>,
    answers: mpsc::UnboundedReceiver<Answer>,
    sender: mpsc::UnboundedSender<Answer>,
    /// The number of the current or last reload. An answer with another number came too late.
    number: u64,
    current: Option<Reload>,
    /// Those that wait for the current reload.
    replies: Vec<Reply>,
    /// Another reload was requested during the current one.
    again: bool,
    /// Those that wait for that one.
    next_replies: Vec<Reply>,
}

/// A reload that is under way.
struct Reload {
    is_reloadable: Box<[bool]>,
    /// For each service, the services that depend on it.
    dependents: Box<[Vec<Id>]>,
    /// For each service, how many services that it depends on have not answered.
    waits_for: Box<[u32]>,
    /// The services that have not answered their request.
    is_pending: Box<[bool]>,
    /// The deadlines of the requests, the earliest first; those of answered ones too.
    deadlines: BinaryHeap<Reverse<(Instant, Id)>>,
    timer: Option<Pin<Box<Sleep>>>,
    failed: Vec<String>,
}

impl Reloads {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        Reloads {
            core: core.clone(),
            answers,
            sender,
            number: 0,
            current: None,
            replies: Vec::new(),
            again: false,
            next_replies: Vec::new(),
        }
    }

    /// Begins a reload, and returns the number of services that reload. During a reload it returns
    /// `None`: another one follows. Those that wait get the answer of the reload that begins after
    /// their request.
    pub(super) fn request(&mut self, replies: Vec<Reply>) -> Option<usize> {
        for reply in replies {
            match has_room_for_reload(&mut self.next_replies) {
                true => self.next_replies.push(reply),
                false => refuse_too_many(reply, format_args!("the daemon")),
            }
        }
        if self.current.is_some() {
            self.again = true;
            return None;
        }
        self.replies = std::mem::take(&mut self.next_replies);
        let core = self.core.clone();
        // Lists by places: added services are behind the others, in their slots.
        let (ids, services) = (core.board.ids(), core.board.slots());
        let mut is_reloadable = vec![false; services];
        for id in core.reloadable() {
            // One that was added since is not in the list.
            if let Some(reloads) = is_reloadable.get_mut(core.board.place(id)) {
                *reloads = core.board.status(id).state != State::Exit;
            }
        }
        let count = is_reloadable.iter().filter(|reloads| **reloads).count();
        if count == 0 {
            answer_all(&mut self.replies, &[]);
            return Some(0);
        }
        let (mut dependents, mut waits_for) = (vec![Vec::new(); services], vec![0; services]);
        for &id in &ids {
            for &dependency in &*core.stop_order.after(id) {
                dependents[core.board.place(dependency)].push(id);
                waits_for[core.board.place(id)] += 1;
            }
        }
        let mut first = ids;
        first.retain(|&id| waits_for[core.board.place(id)] == 0);
        self.number += 1;
        self.current = Some(Reload {
            is_reloadable: is_reloadable.into(),
            dependents: dependents.into(),
            waits_for: waits_for.into(),
            is_pending: vec![false; services].into(),
            deadlines: BinaryHeap::new(),
            timer: None,
            failed: Vec::new(),
        });
        self.reach(first);
        Some(count)
    }

    /// Sends their requests to services whose dependencies have answered. A service that does not
    /// reload counts as answered.
    fn reach(&mut self, mut services: Vec<Id>) {
        let Some(reload) = &mut self.current else { return };
        while let Some(id) = services.pop() {
            let place = self.core.board.place(id);
            if !reload.is_reloadable[place] {
                for &dependent in &reload.dependents[place] {
                    let waits_for = &mut reload.waits_for[self.core.board.place(dependent)];
                    *waits_for -= 1;
                    if *waits_for == 0 {
                        services.push(dependent);
                    }
                }
                continue;
            }
            let deadline = later(self.core.answer_limit(id));
            reload.is_pending[place] = true;
            reload.deadlines.push(Reverse((deadline, id)));
            let (sender, number) = (self.sender.clone(), self.number);
            // The receiver is dropped with the supervisor, when the daemon has ended.
            let reply = Reply::call(move |answer| drop(sender.send((number, id, answer))));
            self.core.send_request(id, ServiceCommand::Reload, reply);
        }
    }

    /// Handles the answer of a service, or that it exceeded its limit.
    fn answered(&mut self, id: Id, answer: Result<(), String>) {
        let Some(reload) = &mut self.current else { return };
        let place = self.core.board.place(id);
        if !std::mem::take(&mut reload.is_pending[place]) {
            return;
        }
        // A service that has completed meanwhile, or that was removed, has nothing to reload.
        let is_gone = self.core.board.status(id).completed || self.core.is_removed(id);
        reload.failed.extend(answer.err().filter(|_| !is_gone));
        reload.is_reloadable[place] = false;
        self.reach(vec![id]);
    }

    /// Handles the answers that have come. Ready once a reload has ended: returns the messages of
    /// the services that failed to reload, and whether another reload has to follow.
    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<(Vec<String>, bool)> {
        loop {
            match self.answers.poll_recv(task) {
                Poll::Ready(Some((number, id, answer))) if number == self.number => {
                    self.answered(id, answer.map_err(|error| error.to_string()));
                    continue;
                }
                Poll::Ready(Some(_)) => continue,
                Poll::Ready(None) | Poll::Pending => {}
            }
            let Some(reload) = &mut self.current else { return Poll::Pending };
            let Some(&Reverse((deadline, id))) = reload.deadlines.peek() else { break };
            if !reload.is_pending[self.core.board.place(id)] {
                reload.deadlines.pop();
                continue;
            }
            let timer = reload.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            let (limit, why) = (self.core.answer_limit(id), Why::of(&self.core, id));
            self.answered(id, Err(format!("service `{}` did not reload within {limit:?}: {why}", self.core.name(id))));
        }
        let failed = self.current.take().map(|reload| reload.failed).unwrap_or_default();
        answer_all(&mut self.replies, &failed);
        Poll::Ready((failed, std::mem::take(&mut self.again)))
    }

    /// Ends the current reload: the daemon is stopping.
    pub(super) fn stop(&mut self) {
        (self.current, self.again) = (None, false);
        self.replies.append(&mut self.next_replies);
        refuse(&mut self.replies);
    }
}

fn answer_all(replies: &mut Vec<Reply>, failed: &[String]) {
    for reply in replies.drain(..) {
        let failure = || Error::msg(format_args!("reload failed: {}", failed.join(", ")));
        answer(reply, if failed.is_empty() { Ok(()) } else { Err(failure()) });
    }
}

/// Answers requests that come while the daemon is stopping.
pub(super) fn refuse(replies: &mut Vec<Reply>) {
    replies.drain(..).for_each(|reply| answer(reply, Err(Error::msg("the daemon is stopping"))));
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use crate::testing::{Behavior, CallLog, FakeService, ReloadingFake};
    use crate::{Daemon, DaemonHandle, Options, Service};
    use std::future::poll_fn;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn service(name: &'static str, fake: FakeService, log: &CallLog) -> Service {
        Service::new(name, ReloadingFake(fake.call_log(log)))
    }

    async fn start(services: impl IntoIterator<Item = Service>) -> (DaemonHandle, Reloads) {
        let handle = Daemon::new("d").signals([]).add_all(services).start().await.unwrap();
        let reloads = Reloads::new(handle.core());
        (handle, reloads)
    }

    async fn stop(handle: DaemonHandle) {
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn g56_service_reloads_after_those_it_depends_on() {
        let log = CallLog::new();
        let db = service("db", FakeService::new().on_reload([Behavior::Ok.after(SECOND)]), &log);
        let cache = Service::new("cache", FakeService::new()).needs(["db"]);
        let api = service("api", FakeService::new(), &log).needs(["cache"]);
        let (handle, mut reloads) = start([api, cache, db]).await;
        handle.wait_for("api", State::Run).await.unwrap();
        assert_eq!(reloads.request(Vec::new()), Some(2));
        let mut ended = Box::pin(poll_fn(|task| reloads.poll(task)));
        let early = tokio::time::timeout(SECOND / 2, &mut ended).await;
        assert!(early.is_err() && log.count("db", "reload") == 1 && log.count("api", "reload") == 0);
        assert_eq!(ended.await, (vec![], false));
        assert_eq!(log.count("api", "reload"), 1, "through a service without a `reload`");
        stop(handle).await;
    }

    #[tokio::test(start_paused = true)]
    async fn g56_service_that_does_not_answer_fails_within_its_limit() {
        let log = CallLog::new();
        let options = Options::DEFAULT.timeout_of(State::Stop, SECOND);
        let hangs = FakeService::new().on(State::Init, [Behavior::UntilCancelled]);
        let (handle, mut reloads) = start([
            service("hangs", hangs, &log).options(options),
            service("fails", FakeService::new().on_reload([Behavior::Fail]), &log),
        ])
        .await;
        handle.wait_for("fails", State::Run).await.unwrap();
        let began = Instant::now();
        assert_eq!(reloads.request(Vec::new()), Some(2));
        assert_eq!(
            (reloads.request(Vec::new()), reloads.request(Vec::new())),
            (None, None),
            "both are one further reload"
        );
        let (failed, again) = poll_fn(|task| reloads.poll(task)).await;
        assert_eq!(failed[0], "failed to reload service `fails`: scripted failure");
        assert_eq!(failed[1], "service `hangs` did not reload within 9s: hangs in Init");
        assert!(again && failed.len() == 2);
        assert_eq!(began.elapsed().as_secs(), 9);
        stop(handle).await;
    }

    #[tokio::test(start_paused = true)]
    async fn g56_service_in_exit_gets_no_request() {
        let log = CallLog::new();
        let job = service("job", FakeService::new().on(State::Run, [Behavior::Ok]), &log);
        let job = job.manager(crate::manager::until_success);
        let ends = FakeService::new().on(State::Run, [Behavior::Ok.after(SECOND)]);
        let ends = service("ends", ends, &log).manager(crate::manager::until_success);
        let (handle, mut reloads) = start([job, ends, Service::new("stays", FakeService::new())]).await;
        handle.wait_for("job", State::Exit).await.unwrap();
        handle.wait_for("ends", State::Run).await.unwrap();
        assert_eq!(reloads.request(Vec::new()), Some(1));
        let ended = poll_fn(|task| reloads.poll(task)).await;
        assert_eq!(ended, (vec![], false), "a one-shot that completes meanwhile has not failed to reload");
        handle.wait_for("ends", State::Exit).await.unwrap();
        assert_eq!(reloads.request(Vec::new()), Some(0));
        stop(handle).await;
    }
}
