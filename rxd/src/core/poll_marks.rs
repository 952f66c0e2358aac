//! Detects code that blocks: marks each poll; the monitor looks at the marks.
//!
//! A service that does not return from a poll holds a thread of the runtime. Nothing can end that
//! from outside, but the service can be named. Each poll of a method, of a task that a service has
//! spawned, and of a prestart stage is marked with the number of the monitor's last look. So a poll
//! reads no clock: it costs two relaxed stores and a load. There are [`LOOKS`] looks in the time of
//! the threshold, and the first may follow right after the poll has begun. So a mark that is found
//! by look number `LOOKS + 1` has been there for the whole threshold.

use crate::board::Id;
use crate::board::slots::{Slots, slot_of};
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

/// How many looks there are within the threshold: a report is late by at most one look.
pub(crate) const LOOKS: u32 = 2;

/// Which code is being polled, and since which look.
#[derive(Debug)]
pub(crate) struct PollMarks {
    look: AtomicU32,
    /// The marks of the services' methods.
    methods: Slots<PollMark>,
    /// The added services whose methods were reported: their slots may be others' by the end.
    blocking: Mutex<Vec<Id>>,
    tasks: Mutex<Vec<Weak<WatchedTask>>>,
}

/// The mark of one poll.
#[derive(Debug, Default)]
struct PollMark {
    /// The look during which the poll began, plus one; 0 between polls.
    since: AtomicU32,
    /// The value of `since` that was reported; 0 if none was. Written by the monitor only.
    reported: AtomicU32,
}

/// A task that a service has spawned, or a prestart stage.
#[derive(Debug)]
struct WatchedTask {
    service: Option<Id>,
    name: Box<str>,
    mark: PollMark,
    /// The code has a thread of its own, which it may block: that is not reported, and says nothing
    /// about the runtime.
    has_own_thread: bool,
}

/// The mark of code that runs on a thread of its own.
#[derive(Debug)]
pub(crate) struct ThreadMark(Arc<WatchedTask>);

impl ThreadMark {
    /// Marks the code as running while `code` does.
    pub(crate) fn during<T>(&self, marks: &PollMarks, code: impl FnOnce() -> T) -> T {
        self.0.mark.during(&marks.look, code)
    }
}

/// What a look at a mark finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MarkChange {
    Unchanged,
    Blocks,
    /// The poll that was reported has returned.
    Returned,
}

impl PollMark {
    /// Marks code as being polled while `poll` runs.
    fn during<T>(&self, look: &AtomicU32, poll: impl FnOnce() -> T) -> T {
        // Relaxed: the marks order nothing, and a thread that sees one late reports late.
        self.since.store(look.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let polled = poll();
        self.since.store(0, Ordering::Relaxed);
        polled
    }

    fn is_polled(&self) -> bool {
        self.since.load(Ordering::Relaxed) != 0
    }

    fn look(&self, now: u32) -> MarkChange {
        let (since, reported) = (self.since.load(Ordering::Relaxed), self.reported.load(Ordering::Relaxed));
        if since != 0 && reported != since && now.wrapping_sub(since) > LOOKS {
            self.reported.store(since, Ordering::Relaxed);
            MarkChange::Blocks
        } else if reported != 0 && reported != since {
            self.reported.store(0, Ordering::Relaxed);
            MarkChange::Returned
        } else {
            MarkChange::Unchanged
        }
    }
}

impl PollMarks {
    pub(crate) fn new(services: usize) -> Self {
        PollMarks {
            look: AtomicU32::new(0),
            methods: Slots::new(services),
            blocking: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Makes room for a service that is added.
    pub(crate) fn make_room(&self, id: Id) {
        self.methods.make_room(slot_of(id));
    }

    /// Marks a service's method as being polled while `poll` runs.
    #[inline]
    pub(crate) fn during<T>(&self, id: Id, poll: impl FnOnce() -> T) -> T {
        self.methods[id].during(&self.look, poll)
    }

    /// Marks each poll of a task of a service, or of a prestart stage.
    pub(crate) async fn watched<F: Future>(&self, service: Option<Id>, name: &str, task: F) -> F::Output {
        let marked = self.task(service, name, false);
        let mut task = pin!(task);
        poll_fn(|context| marked.mark.during(&self.look, || task.as_mut().poll(context))).await
    }

    /// The mark of a service that has a thread of its own.
    pub(crate) fn of_thread(&self, service: Id) -> ThreadMark {
        ThreadMark(self.task(Some(service), "", true))
    }

    fn task(&self, service: Option<Id>, name: &str, has_own_thread: bool) -> Arc<WatchedTask> {
        let marked = Arc::new(WatchedTask { service, name: name.into(), mark: PollMark::default(), has_own_thread });
        self.remember(Arc::downgrade(&marked));
        marked
    }

    /// The added service that a change of this one's mark is about: the end of a poll that was
    /// reported may be found when the slot is another service's.
    fn reported(&self, id: Id, change: MarkChange) -> Id {
        if change == MarkChange::Unchanged {
            return id;
        }
        let mut blocking = self.blocking.lock();
        let before = blocking.iter().position(|&other| slot_of(other) == slot_of(id));
        let before = before.map(|at| blocking.swap_remove(at));
        match change {
            MarkChange::Blocks => {
                blocking.push(id);
                id
            }
            MarkChange::Returned | MarkChange::Unchanged => before.unwrap_or(id),
        }
    }

    fn remember(&self, task: Weak<WatchedTask>) {
        let mut tasks = self.tasks.lock();
        // Before growing, remove the tasks that have ended: the list stays within twice the live
        // ones.
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| task.strong_count() > 0);
        }
        tasks.push(task);
    }

    /// The indices of the services and tasks that are being polled at this moment. Two different
    /// answers mean that the runtime makes progress, however long its queue is.
    pub(crate) fn polled(&self) -> Vec<usize> {
        let mut polled = Vec::new();
        for (at, mark) in self.methods.declared().iter().enumerate().chain(self.methods.added()) {
            if mark.is_polled() {
                polled.push(at);
            }
        }
        for (at, task) in self.tasks.lock().iter().enumerate() {
            if task.upgrade().is_some_and(|task| !task.has_own_thread && task.mark.is_polled()) {
                // Behind all services.
                polled.push(usize::MAX - at);
            }
        }
        polled
    }

    /// Whether a method or a task of this service is being polled at this moment.
    pub(crate) fn is_polled(&self, id: Id) -> bool {
        let tasks = self.tasks.lock();
        let mut tasks = tasks.iter().filter_map(Weak::upgrade);
        self.methods[id].is_polled() || tasks.any(|task| task.service == Some(id) && task.mark.is_polled())
    }

    /// Looks at all services and their tasks once. Returns what has changed since the last look.
    ///
    /// A look that is late by more than the time between two looks does not count: the process was
    /// paused, or the monitor's thread was descheduled, so a poll that is still running has not
    /// held its thread for that long.
    pub(crate) fn look(&self, core: &Core, late: bool) -> Vec<BlockedPoll> {
        if late {
            return Vec::new();
        }
        let now = self.look.fetch_add(1, Ordering::Relaxed).wrapping_add(2);
        let mut blocked = Vec::new();
        let mut add = |id: Option<Id>, task: Option<&WatchedTask>, change| {
            if change != MarkChange::Unchanged {
                let service = id.map(|id| (core.name(id).clone(), core.board.status(id).state));
                blocked.push(BlockedPoll { service, task: task.map(|task| task.name.clone()), change });
            }
        };
        for (id, mark) in self.methods.declared().iter().enumerate() {
            add(Some(id as Id), None, mark.look(now));
        }
        for id in core.added.ids() {
            let change = self.methods[id].look(now);
            let owner = self.reported(id, change);
            add(Some(owner), None, change);
        }
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| task.strong_count() > 0);
        let watched = tasks.clone();
        drop(tasks);
        for task in watched.iter().filter_map(Weak::upgrade).filter(|task| !task.has_own_thread) {
            add(task.service, Some(&task), task.mark.look(now));
        }
        blocked
    }
}

/// Code that blocks its thread, or no longer does.
pub(crate) struct BlockedPoll {
    /// The service and its state; none for a prestart stage, which `task` names.
    service: Option<(Name, State)>,
    task: Option<Box<str>>,
    change: MarkChange,
}

impl BlockedPoll {
    /// Logs it. The log may make this thread wait.
    pub(crate) fn log(&self, limit: Duration) {
        let service = self.service.as_ref().map(|(name, _)| &**name);
        let state = self.service.as_ref().map(|(_, state)| state.as_str());
        let (stage, task) = if service.is_none() { (self.task.as_deref(), None) } else { (None, self.task.as_deref()) };
        match self.change {
            MarkChange::Unchanged => {}
            MarkChange::Returned => {
                emit!(WARN, target: "rxd", service, task, stage, "no longer blocking its thread")
            }
            MarkChange::Blocks => emit!(ERROR,
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
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;

    #[test]
    fn g33_poll_longer_than_the_threshold_is_reported_once() {
        let look = AtomicU32::new(7);
        let mark = PollMark::default();
        let looks = |times| -> Vec<MarkChange> {
            (0..times).map(|_| mark.look(look.fetch_add(1, Ordering::Relaxed).wrapping_add(2))).collect()
        };
        use MarkChange::{Blocks, Returned, Unchanged};
        // Between the first look and the third the whole threshold has passed.
        mark.during(&look, || assert_eq!(looks(5), [Unchanged, Unchanged, Blocks, Unchanged, Unchanged]));
        assert_eq!(looks(2), [Returned, Unchanged]);
        // Many short polls are not a long one.
        for _ in 0..10 {
            mark.during(&look, || assert_eq!(looks(2), [Unchanged, Unchanged]));
        }
        mark.during(&look, || assert_eq!(looks(3), [Unchanged, Unchanged, Blocks]));
        mark.during(&look, || assert_eq!(looks(4), [Returned, Unchanged, Blocks, Unchanged]));
    }

    #[tokio::test]
    async fn g57_poll_is_not_reported_for_pauses_of_the_process() {
        let (board, stop_order) = (Board::new(vec![Vec::new()], 16), StopOrder::new(&[Vec::new()]));
        let core = Core::new("d".into(), ServiceNames::of_names(["a"]), board, stop_order);
        let found = |late: bool| core.poll_marks.look(&core, late).len();
        core.poll_marks.during(0, || {
            assert_eq!(found(false), 0);
            let late = [true; 10].map(found);
            assert_eq!(late, [0; 10], "ten pauses while it is polled, with hardly any time in between");
            assert_eq!(
                [found(false), found(true), found(false)],
                [0, 0, 1],
                "it has held its thread for the threshold"
            );
        });
        assert_eq!([found(true), found(false)], [0, 1], "the poll has returned");
    }
}
