//! Code that blocks: found by the [`Monitor`](crate::monitor::Monitor), which only reports.
//!
//! A service that does not return from a poll holds a thread of the runtime. Nothing can be done
//! about it from outside, but it can be named. Each poll of a method, of a task that a service
//! has spawned, and of a prestart stage is marked with the number of the last look, so that a poll costs no clock reading:
//! two relaxed stores and a load. A mark that is still there after [`LOOKS`] looks has been for the
//! whole limit.

use crate::board::Id;
use crate::core::Core;
use crate::core::names::Name;
use crate::lifecycle::state::State;
use crate::panic::emit;
use crate::sync::Mutex;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often within the limit the watcher looks: a report comes at most this share of it too late.
pub(crate) const LOOKS: u32 = 2;

/// Who is being polled, and since which look.
#[derive(Debug)]
pub(crate) struct Stall {
    look: AtomicU32,
    /// For each service that of its methods.
    methods: Box<[Mark]>,
    tasks: Mutex<Vec<Weak<Task>>>,
}

/// The poll that goes on.
#[derive(Debug, Default)]
struct Mark {
    /// The look during which it began, plus one; 0 between polls.
    since: AtomicU32,
    /// The poll that was reported; 0 if none was. The watcher's own.
    reported: AtomicU32,
}

/// A task that a service has spawned, or a stage before all services.
#[derive(Debug)]
struct Task {
    service: Option<Id>,
    name: Box<str>,
    mark: Mark,
}

/// What there is to say of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Blocks,
    GoesOn,
}

impl Mark {
    /// Marks what is being polled while `poll` runs.
    fn during<T>(&self, look: &AtomicU32, poll: impl FnOnce() -> T) -> T {
        // Relaxed: the marks order nothing, and who sees one late reports late.
        self.since.store(look.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let polled = poll();
        self.since.store(0, Ordering::Relaxed);
        polled
    }

    fn look(&self, now: u32) -> Found {
        let (since, reported) = (self.since.load(Ordering::Relaxed), self.reported.load(Ordering::Relaxed));
        if since != 0 && reported != since && now.wrapping_sub(since) > LOOKS {
            self.reported.store(since, Ordering::Relaxed);
            Found::Blocks
        } else if reported != 0 && reported != since {
            self.reported.store(0, Ordering::Relaxed);
            Found::GoesOn
        } else {
            Found::Nothing
        }
    }
}

impl Stall {
    pub(crate) fn new(services: usize) -> Self {
        let methods = (0..services).map(|_| Mark::default()).collect();
        Stall { look: AtomicU32::new(0), methods, tasks: Mutex::default() }
    }

    /// Marks a service's method as being polled while `poll` runs.
    pub(crate) fn during<T>(&self, id: Id, poll: impl FnOnce() -> T) -> T {
        self.methods[id as usize].during(&self.look, poll)
    }

    /// Marks each poll of a task that the service has spawned, or of a stage.
    pub(crate) async fn watched<F: Future>(&self, service: Option<Id>, name: &str, task: F) -> F::Output {
        let marked = Arc::new(Task { service, name: name.into(), mark: Mark::default() });
        self.remember(Arc::downgrade(&marked));
        let mut task = pin!(task);
        poll_fn(|context| marked.mark.during(&self.look, || task.as_mut().poll(context))).await
    }

    fn remember(&self, task: Weak<Task>) {
        let mut tasks = self.tasks.lock();
        // Before growing, let go of those that have ended: the list stays within twice the live ones.
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| task.strong_count() > 0);
        }
        tasks.push(task);
    }

    /// Which services and tasks are being polled at this moment. Two answers that differ mean that
    /// the runtime goes on, however long its queue is.
    pub(crate) fn polled(&self) -> Vec<usize> {
        let is_polled = |mark: &Mark| mark.since.load(Ordering::Relaxed) != 0;
        let tasks = self.tasks.lock();
        let tasks = tasks.iter().map(|task| task.upgrade().is_some_and(|task| is_polled(&task.mark)));
        let all = self.methods.iter().map(is_polled).chain(tasks);
        all.enumerate().filter_map(|(at, polled)| polled.then_some(at)).collect()
    }

    /// Whether code of this service, of a method or of a task, holds a thread at this moment.
    pub(crate) fn is_polled(&self, id: Id) -> bool {
        let is_polled = |mark: &Mark| mark.since.load(Ordering::Relaxed) != 0;
        let tasks = self.tasks.lock();
        let mut tasks = tasks.iter().filter_map(Weak::upgrade);
        is_polled(&self.methods[id as usize]) || tasks.any(|task| task.service == Some(id) && is_polled(&task.mark))
    }

    /// Looks at all services and their tasks once; what is new.
    ///
    /// A look that is late by more than the time between two looks does not count: the whole process was paused,
    /// or this thread had no turn, and a poll that began before has not held its thread for that long.
    pub(crate) fn look(&self, core: &Core, late: bool) -> Vec<Finding> {
        if late {
            return Vec::new();
        }
        let now = self.look.fetch_add(1, Ordering::Relaxed).wrapping_add(2);
        let mut findings = Vec::new();
        let mut add = |id: Option<Id>, task: Option<&Task>, found| {
            if found != Found::Nothing {
                let service = id.map(|id| (core.name(id).clone(), core.board.word(id).state));
                findings.push(Finding { service, task: task.map(|task| task.name.clone()), found });
            }
        };
        for (id, mark) in self.methods.iter().enumerate() {
            add(Some(id as Id), None, mark.look(now));
        }
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| task.strong_count() > 0);
        let live: Vec<Arc<Task>> = tasks.iter().filter_map(Weak::upgrade).collect();
        drop(tasks);
        for task in live {
            add(task.service, Some(&task), task.mark.look(now));
        }
        findings
    }
}

/// Somebody who blocks its thread, or goes on after that.
pub(crate) struct Finding {
    /// Without one it is a stage that `task` names.
    service: Option<(Name, State)>,
    task: Option<Box<str>>,
    found: Found,
}

impl Finding {
    /// Tells the log, which may take its time.
    pub(crate) fn say(&self, limit: Duration) {
        let service = self.service.as_ref().map(|(name, _)| &**name);
        let state = self.service.as_ref().map(|(_, state)| state.as_str());
        let (stage, task) = if service.is_none() { (self.task.as_deref(), None) } else { (None, self.task.as_deref()) };
        match self.found {
            Found::Nothing => {}
            Found::GoesOn => emit!(WARN, target: "rxd", service, task, stage, "goes on after it blocked its thread"),
            Found::Blocks => emit!(ERROR,
                target: "rxd", service, task, stage, state,
                "blocks its thread: it has not come to an .await for {limit:?}; \
                 use tokio::task::spawn_blocking, or await"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use crate::core::names::Directory;
    use crate::core::stop_order::Ladder;

    #[test]
    fn g33_a_poll_is_reported_once_when_it_has_lasted_for_the_limit_and_not_before() {
        let look = AtomicU32::new(7);
        let mark = Mark::default();
        let looks = |times| -> Vec<Found> {
            (0..times).map(|_| mark.look(look.fetch_add(1, Ordering::Relaxed).wrapping_add(2))).collect()
        };
        use Found::{Blocks, GoesOn, Nothing};
        // Between the first look and the third the whole limit has passed.
        mark.during(&look, || assert_eq!(looks(5), [Nothing, Nothing, Blocks, Nothing, Nothing]));
        assert_eq!(looks(2), [GoesOn, Nothing]);
        // Many short polls are not a long one.
        for _ in 0..10 {
            mark.during(&look, || assert_eq!(looks(2), [Nothing, Nothing]));
        }
        mark.during(&look, || assert_eq!(looks(3), [Nothing, Nothing, Blocks]));
        mark.during(&look, || assert_eq!(looks(4), [GoesOn, Nothing, Blocks, Nothing]));
    }

    #[tokio::test]
    async fn g57_poll_is_not_reported_for_pauses_of_the_process() {
        let (board, ladder) = (Board::new(vec![Vec::new()], 16), Ladder::new(&[Vec::new()]));
        let core = Core::new("d".into(), Directory::of_names(["a"]), board, ladder);
        let found = |late: bool| core.stall.look(&core, late).len();
        core.stall.during(0, || {
            assert_eq!(found(false), 0);
            let late = [true; 10].map(found);
            assert_eq!(late, [0; 10], "ten pauses while it is polled, with hardly any time in between");
            assert_eq!([found(false), found(true), found(false)], [0, 0, 1], "it has held its thread for the limit");
        });
        assert_eq!([found(true), found(false)], [0, 1], "it goes on");
    }
}
