//! What all parts of one running daemon share: the board, and what is known about its services.
//!
//! The builder makes it, and everything that runs for the daemon holds it. It contains no logic of
//! a lifecycle: that is the engine's and the supervisor's.
//!
//! # Lock order
//!
//! No lock of the core is taken while another is held, except where [`added`] says so. The board's signals are set and cleared
//! while the lock of the requests is held, but by atomic steps, which take no lock.

use crate::board::slots::{Slots, slot_of};
use crate::board::{Board, Id, signal};
use crate::core::added::AddedServices;
use crate::core::by_service::ByService;
use crate::core::extensions::Extensions;
use crate::core::families::Families;
use crate::core::groups::DeclaredGroups;
use crate::core::limits::MethodLimits;
use crate::core::names::{Name, ServiceNames};
use crate::core::poll_marks::PollMarks;
use crate::core::provided::ProvidedValues;
use crate::core::shutdown::ShutdownRequest;
use crate::core::stop_order::{Presence, StopOrder};
use crate::core::tasks::ServiceTasks;
use crate::error::Error;
use crate::in_span::ScopedSubscriber;
#[cfg(feature = "intracom")]
use crate::intracom::Intracom;
use crate::lifecycle::backoff::ReactionRecords;
use crate::lifecycle::manager::Table;
use crate::lifecycle::options::Options;
use crate::lifecycle::state::{Cause, State};
use crate::panic;
use crate::report::Report;
use crate::sync::{Mutex, MutexGuard};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

pub(crate) mod added;
mod by_service;
pub(crate) mod current;
pub(crate) mod describe;
mod extensions;
pub(crate) mod families;
pub(crate) mod groups;
mod limits;
pub(crate) mod names;
pub(crate) mod poll_marks;
mod provided;
pub(crate) mod readiness;
mod shutdown;
mod states;
mod status_texts;
pub(crate) mod stop_order;
pub(crate) mod tasks;

pub use states::{ServiceState, States};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) daemon: Name,
    pub(crate) board: Board,
    pub(crate) names: ServiceNames,
    /// Those that were added later.
    pub(crate) added: AddedServices,
    pub(crate) families: Families,
    details: Mutex<ByService<Option<Box<FailureDetail>>>>,
    /// Whether there is any detail. Relaxed: a thread that sees a transition sees what was noted
    /// before it.
    is_detailed: AtomicBool,
    requests: Mutex<ByService<Requests>>,
    /// The requests to reload all services that the supervisor has not taken.
    reload_requests: Mutex<Vec<Reply>>,
    /// How long each service may take to answer a request, in seconds; empty, which means no limit,
    /// if there are no engines.
    answer_limits: Box<[u64]>,
    method_limits: MethodLimits,
    tasks: Slots<ServiceTasks>,
    /// The tables of the managers, by which an added service is checked that refers to one of these.
    tables: Box<[&'static Table]>,
    /// The services that operators have acted on, once for each time, for the invariant checker.
    #[cfg(any(test, feature = "test-util"))]
    operated: Mutex<Vec<(Id, ServiceCommand)>>,
    /// Notified when the supervisor has to look at the services or at the shutdown.
    pub(crate) supervisor: Notify,
    /// Notified when the daemon is asked to stop, for the monitor.
    pub(crate) stop_requested: Arc<Notify>,
    /// The report, once the daemon has stopped.
    pub(crate) report: watch::Sender<Option<Report>>,
    /// The topics of the services.
    #[cfg(feature = "intracom")]
    pub(crate) intracom: Intracom,
    /// The status texts of the services.
    status_texts: Mutex<ByService<Box<str>>>,
    pub(crate) provided: ProvidedValues,
    /// Notified when daemon-wide state has changed: a transition, once there is a subscriber, or a
    /// status text. The subscriber must re-read the state; no payload is sent.
    pub(crate) changed: Notify,
    /// Whether there is a subscriber to transitions.
    has_subscriber: AtomicBool,
    /// The order in which the services stop.
    pub(crate) stop_order: StopOrder,
    shutdown: ShutdownRequest,
    /// The reason that an operator gave for the stop of the daemon.
    #[cfg(feature = "admin")]
    pub(crate) stop_reason: OnceLock<String>,
    started: Instant,
    /// The services that failed for good, in the order in which they failed.
    failures: Mutex<Vec<Id>>,
    /// The services that the daemon's readiness does not count, in order.
    optional: Box<[Id]>,
    /// Those that do not start with the daemon, in order.
    manual: Box<[Id]>,
    groups: DeclaredGroups,
    /// Why the start has failed, if it has: some services were not ready in time.
    pub(crate) start_failure: OnceLock<String>,
    /// The services that override `reload`.
    reloadable: Mutex<Vec<Id>>,
    pub(crate) poll_marks: PollMarks,
    /// How many transitions slow readers of the states have missed.
    pub(crate) lagged: AtomicU64,
    pub(crate) extensions: Extensions,
    pub(crate) subscriber: ScopedSubscriber,
}

/// What is kept about the failures of a service, for `why` and the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureDetail {
    /// The message of the last failure.
    pub(crate) error: Option<String>,
    /// The cause of the last failure.
    pub(crate) cause: Option<Cause>,
    /// When and where that was.
    pub(crate) failed: Option<FailedAt>,
    /// How often it has failed, by the cause.
    pub(crate) failures: [u64; Cause::Abandoned as usize + 1],
    /// When the next attempt begins.
    pub(crate) next_attempt: Option<Instant>,
    /// It waits for that attempt because this `then(stop)` took it out of Run soon after it had
    /// entered.
    pub(crate) reaction: Option<String>,
    /// What the log tells of such reactions.
    pub(crate) reaction_records: ReactionRecords,
    /// When the service enters Run, while it waits in Idle for its delay.
    pub(crate) enters_run: Option<Instant>,
    /// The next run of a periodic service, while it waits for that.
    pub(crate) next_run: Option<NextRun>,
    /// The state in which it exceeded a limit during the shutdown.
    pub(crate) overrun: Option<State>,
    /// The tasks that exceeded the limit, if its method had returned.
    pub(crate) overrun_tasks: Vec<Arc<str>>,
    /// It blocked its thread when it was abandoned.
    pub(crate) blocks: bool,
    /// Other code blocked all threads when it was abandoned.
    pub(crate) starved: bool,
}

/// The next run of a periodic service.
#[derive(Clone, Debug)]
pub(crate) struct NextRun {
    /// When it is due.
    pub(crate) at: Instant,
    /// The same by the wall clock, for a service that follows that.
    pub(crate) by_clock: Option<String>,
}

/// When and where a service failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAt {
    pub(crate) at: Instant,
    pub(crate) incarnation: u32,
    /// The method, or what else failed.
    pub(crate) method: &'static str,
}

impl FailedAt {
    /// Whether only a reload failed: the service continues with its old configuration.
    pub(crate) fn is_of_reload(&self) -> bool {
        self.method == "reload"
    }
}

/// A request to one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceCommand {
    Stop,
    Start,
    Restart,
    /// The monitor asks for a restart, since the service has missed its heartbeat: it has failed.
    RestartStale,
    Reload,
}

impl ServiceCommand {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ServiceCommand::Stop => "stop",
            ServiceCommand::Start => "start",
            ServiceCommand::Restart | ServiceCommand::RestartStale => "restart",
            ServiceCommand::Reload => "reload",
        }
    }
}

/// Takes the answer to a request.
pub(crate) enum Reply {
    /// No task waits for the answer.
    Unawaited,
    /// A task waits for it, or has ended its wait.
    Waiter(oneshot::Sender<Result<(), Error>>),
    /// rxd itself waits for it.
    Call(Box<dyn FnOnce(Result<(), Error>) + Send>),
}

impl Reply {
    pub(crate) fn call(reply: impl FnOnce(Result<(), Error>) + Send + 'static) -> Self {
        Reply::Call(Box::new(reply))
    }

    fn is_awaited(&self) -> bool {
        match self {
            Reply::Unawaited => false,
            Reply::Waiter(sender) => !sender.is_closed(),
            Reply::Call(_) => true,
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// The requests to one service, oldest first, each with what takes its answer.
pub(crate) type Requests = Vec<(ServiceCommand, Reply)>;

/// How many requests may wait for one service, and how many for the reload of all.
pub(crate) const MAX_WAITING: usize = 1024;

/// A request was refused, because [`MAX_WAITING`] others wait already.
#[derive(Debug)]
pub(crate) struct TooManyRequests;

impl fmt::Display for TooManyRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAX_WAITING} requests wait already")
    }
}

impl std::error::Error for TooManyRequests {}

/// Makes room for one more request. Of requests whose answer is not awaited any more, one of
/// each kind is enough: it is still carried out.
pub(crate) fn has_room(requests: &mut Requests) -> bool {
    if requests.len() >= MAX_WAITING {
        let mut kept = Vec::new();
        requests.retain(|(command, reply)| {
            let is_first = !kept.contains(command);
            if is_first {
                kept.push(*command);
            }
            is_first || reply.is_awaited()
        });
    }
    requests.len() < MAX_WAITING
}

/// As [`has_room`], for requests to reload all services.
pub(crate) fn has_room_for_reload(replies: &mut Vec<Reply>) -> bool {
    if replies.len() >= MAX_WAITING {
        replies.retain(Reply::is_awaited);
    }
    replies.len() < MAX_WAITING
}

/// Answers a request. Waking the task that waits for the answer may run code of the user's.
pub(crate) fn answer(reply: Reply, answer: Result<(), Error>) {
    panic::ignore(|| match reply {
        Reply::Unawaited => {}
        Reply::Waiter(sender) => drop(sender.send(answer)),
        Reply::Call(call) => call(answer),
    });
}

/// Answers a request that finds no room.
pub(crate) fn refuse_too_many(reply: Reply, whose: fmt::Arguments<'_>) {
    let text = format!("{whose} is busy: {TooManyRequests}; try again later");
    answer(reply, Err(Error::with_cause(text, TooManyRequests)));
}

impl Core {
    pub(crate) fn new(daemon: Name, names: ServiceNames, board: Board, stop_order: StopOrder) -> Self {
        let services = names.names().len();
        Core {
            daemon,
            added: AddedServices::new(board.first_added()),
            families: Families::default(),
            details: Mutex::new(ByService::new(services)),
            is_detailed: AtomicBool::new(false),
            poll_marks: PollMarks::new(services),
            names,
            board,
            requests: Mutex::new(ByService::new(services)),
            reload_requests: Mutex::default(),
            answer_limits: Box::default(),
            tasks: Slots::new(services),
            tables: Box::default(),
            method_limits: MethodLimits::default(),
            #[cfg(any(test, feature = "test-util"))]
            operated: Mutex::default(),
            supervisor: Notify::new(),
            stop_requested: Arc::default(),
            report: watch::Sender::new(None),
            #[cfg(feature = "intracom")]
            intracom: Intracom::new(),
            status_texts: Mutex::new(ByService::new(services)),
            provided: ProvidedValues::new(services),
            changed: Notify::new(),
            has_subscriber: AtomicBool::new(false),
            stop_order,
            shutdown: ShutdownRequest::default(),
            #[cfg(feature = "admin")]
            stop_reason: OnceLock::new(),
            started: Instant::now(),
            failures: Mutex::new(Vec::new()),
            optional: Box::default(),
            manual: Box::default(),
            groups: DeclaredGroups::default(),
            start_failure: OnceLock::new(),
            reloadable: Mutex::new(Vec::new()),
            lagged: AtomicU64::new(0),
            extensions: Extensions::default(),
            subscriber: ScopedSubscriber::current(),
        }
    }

    /// The names of several services.
    pub(crate) fn names_of(&self, ids: &[Id]) -> Vec<Name> {
        let mut names = Vec::with_capacity(ids.len());
        ids.iter().for_each(|&id| names.push(self.name(id).clone()));
        names
    }

    /// Reads what is kept about the failures of a service.
    pub(crate) fn detail<T: Default>(&self, id: Id, read: impl Fn(&FailureDetail) -> T) -> T {
        let mut value = T::default();
        self.look_at_detail(id, &mut |detail| value = read(detail));
        value
    }

    fn look_at_detail(&self, id: Id, look: &mut dyn FnMut(&FailureDetail)) {
        if self.is_detailed.load(Ordering::Relaxed) {
            let details = self.details.lock();
            if let Some(Some(detail)) = details.get(id) {
                look(detail);
            }
        }
    }

    /// Changes what is kept about the failures of a service.
    pub(crate) fn note(&self, id: Id, write: impl FnOnce(&mut FailureDetail)) {
        if let Some(Some(detail)) = self.details_with(id).get_mut(id) {
            write(detail);
        }
    }

    /// The details, with one of this service.
    fn details_with(&self, id: Id) -> MutexGuard<'_, ByService<Option<Box<FailureDetail>>>> {
        let mut details = self.details.lock();
        if let Some(detail) = details.entry(id) {
            detail.get_or_insert_default();
        }
        self.is_detailed.store(true, Ordering::Relaxed);
        details
    }

    /// As [`note`](Core::note), but only if something is kept already.
    pub(crate) fn note_if_any(&self, id: Id, write: impl FnOnce(&mut FailureDetail)) {
        if self.is_detailed.load(Ordering::Relaxed) {
            if let Some(Some(detail)) = self.details.lock().get_mut(id) {
                write(detail);
            }
        }
    }

    /// Keeps the failure of a service for `why` and the report.
    pub(crate) fn note_error(&self, id: Id, method: &'static str, cause: Cause, error: String) {
        let failed = FailedAt { at: Instant::now(), incarnation: self.board.status(id).incarnation, method };
        self.note(id, |detail| {
            (detail.error, detail.cause, detail.failed) = (Some(error), Some(cause), Some(failed));
            detail.failures[cause as usize] += 1;
        });
    }

    /// Notes that a service has reloaded: a failed reload before that does not matter any more.
    pub(crate) fn forget_failed_reload(&self, id: Id) {
        self.note_if_any(id, |detail| {
            if detail.failed.is_some_and(|failed| failed.is_of_reload()) {
                (detail.error, detail.cause, detail.failed) = (None, None, None);
            }
        });
    }

    /// Notes that a service failed for good, which makes the daemon fail.
    pub(crate) fn note_failure(&self, id: Id) {
        self.failures.lock().push(id);
    }

    /// Notes that an operator has started the service again.
    pub(crate) fn forget_failure(&self, id: Id) {
        self.failures.lock().retain(|&other| other != id);
    }

    /// The services that failed for good, the first cause first.
    pub(crate) fn failures(&self) -> Vec<Id> {
        self.failures.lock().clone()
    }

    /// Notes that a service overrides `reload`.
    pub(crate) fn can_reload(&self, id: Id) {
        self.reloadable.lock().push(id);
    }

    /// Notes that a service has no `reload` of its own, which was known only when it was called.
    pub(crate) fn cannot_reload(&self, id: Id) {
        self.reloadable.lock().retain(|&other| other != id);
    }

    /// The services that override `reload`.
    pub(crate) fn reloadable(&self) -> Vec<Id> {
        self.reloadable.lock().clone()
    }

    /// Sets the limits of the services: of their methods, and how long they may take to answer a
    /// request.
    pub(crate) fn with_limits(mut self, options: impl Iterator<Item = Options>) -> Self {
        let (mut optional, mut manual) = (Vec::new(), Vec::new());
        let limits = options.enumerate().map(|(id, options)| {
            self.method_limits.add(id as Id, &options);
            if !options.counts_for_readiness() {
                optional.push(id as Id);
            }
            if !options.autostart {
                manual.push(id as Id);
            }
            options.answer_limit()
        });
        self.answer_limits = limits.collect();
        (self.optional, self.manual) = (optional.into(), manual.into());
        self
    }

    /// Keeps the tables of the managers of the services that the daemon starts with.
    pub(crate) fn with_tables(mut self, tables: Box<[&'static Table]>) -> Self {
        self.tables = tables;
        self
    }

    /// Makes room for a service that is added.
    pub(crate) fn make_room(&self, id: Id) {
        self.tasks.make_room(slot_of(id));
        self.poll_marks.make_room(id);
        self.requests.lock().claim(id);
        self.details.lock().claim(id);
        self.status_texts.lock().claim(id);
        self.provided.claim(id);
    }

    /// As [`make_room`](Core::make_room) was not called: the daemon stops.
    pub(crate) fn give_back_room(&self, id: Id) {
        self.requests.lock().release(id);
        self.details.lock().release(id);
        self.status_texts.lock().release(id);
        self.provided.release(id);
    }

    pub(crate) fn answer_limit(&self, id: Id) -> Duration {
        match self.names.has(id) {
            true => Duration::from_secs(self.answer_limits.get(id as usize).copied().unwrap_or(u64::MAX)),
            false => self.added.answer_limit(id),
        }
    }

    pub(crate) fn tasks(&self, id: Id) -> &ServiceTasks {
        &self.tasks[id]
    }

    /// Runs code of the user's for a service. A panic is caught, and blocking is detected.
    #[inline]
    pub(crate) fn run_user_code<T>(&self, id: Id, code: impl FnOnce() -> T) -> Result<T, panic::CaughtPanic> {
        self.poll_marks.during(id, || current::during(self, id, || panic::catch(code)))
    }

    /// Polls a task of a service, or a prestart stage if there is no service. Blocking is detected.
    pub(crate) async fn watched<F: Future>(&self, service: Option<Id>, name: &str, task: F) -> F::Output {
        let mut task = pin!(task);
        let polled = poll_fn(|context| match service {
            Some(id) => current::during(self, id, || task.as_mut().poll(context)),
            None => task.as_mut().poll(context),
        });
        self.poll_marks.watched(service, name, polled).await
    }

    /// Sends a request to a service. The receiver gets the answer when the request is done.
    ///
    /// If the service makes the request itself, through its `own` handle or in its own task, the
    /// answer comes at once: the service could not wait for itself.
    pub(crate) fn request_by(
        &self,
        own: bool,
        id: Id,
        command: ServiceCommand,
    ) -> oneshot::Receiver<Result<(), Error>> {
        let (sender, receiver) = oneshot::channel();
        // A service in Exit runs no code, so it can be waited for.
        if (own || current::is(self, id)) && !self.board.status(id).over {
            let _ = sender.send(Ok(()));
            self.send_request(id, command, Reply::Unawaited);
        } else {
            self.send_request(id, command, Reply::Waiter(sender));
        }
        receiver
    }

    /// Sends a request to a service. `reply` gets the answer, unless the engine is dropped before.
    pub(crate) fn send_request(&self, id: Id, command: ServiceCommand, reply: Reply) {
        #[cfg(any(test, feature = "test-util"))]
        self.note_operated(id, command);
        self.push_request(id, command, reply, false);
    }

    /// As [`send_request`](Core::send_request). What rxd itself `must` have finds room always.
    fn push_request(&self, id: Id, command: ServiceCommand, reply: Reply, must: bool) {
        let signals = match command {
            ServiceCommand::Start => signal::REQUEST,
            ServiceCommand::Stop | ServiceCommand::Restart => signal::REQUEST | signal::OPERATOR,
            ServiceCommand::RestartStale => signal::REQUEST | signal::STALE,
            ServiceCommand::Reload => signal::REQUEST | signal::RELOAD,
        };
        // Under the same lock as in `take_requests`: a signal is set if and only if there is a
        // request.
        let mut requests = self.requests.lock();
        let Some(of_service) = requests.entry(id) else {
            drop(requests);
            return answer(reply, Err(self.removed_error(id)));
        };
        if !must && !has_room(of_service) {
            drop(requests);
            return self.refuse_request(id, reply);
        }
        of_service.push((command, reply));
        self.board.set(id, signals);
        drop(requests);
        self.board.raise(id, 0);
        // The engine may have ended before it saw the request. The side that takes the request out
        // answers it.
        let is_gone = self.board.signals(id) & signal::GONE != 0;
        if is_gone || self.board.status(id).over && self.shutting_down().is_some() {
            self.answer_for_the_engine(id);
        }
    }

    /// Answers a request to a service for which too many wait already.
    pub(crate) fn refuse_request(&self, id: Id, reply: Reply) {
        refuse_too_many(reply, format_args!("service `{}`", self.name(id)));
    }

    /// Asks the supervisor to reload all services. `reply` gets the answer once they have.
    pub(crate) fn request_reload(&self, reply: Reply) {
        self.reload_requests.lock().push(reply);
        self.supervisor.notify_one();
    }

    pub(crate) fn take_reload_requests(&self) -> Vec<Reply> {
        std::mem::take(&mut *self.reload_requests.lock())
    }

    /// Notes that the engine of a service has ended, and answers the requests that are left.
    #[inline]
    pub(crate) fn engine_has_ended(&self, id: Id) {
        self.board.set(id, signal::GONE);
        // A request that comes later finds `GONE` set.
        if self.board.signals(id) & signal::REQUESTS != 0 {
            self.answer_for_the_engine(id);
        }
        if !self.names.has(id) {
            self.added_engine_has_ended(id);
        }
    }

    /// Answers all requests to a service whose engine has ended.
    fn answer_for_the_engine(&self, id: Id) {
        for (command, reply) in self.take_requests(id) {
            answer(reply, self.answer_when_over(id, command));
        }
    }

    /// The answer to a request to a service that is in Exit and will not be started again.
    pub(crate) fn answer_when_over(&self, id: Id, command: ServiceCommand) -> Result<(), Error> {
        match command {
            ServiceCommand::Start | ServiceCommand::Restart if self.shutting_down().is_some() => {
                Err(Error::msg("the daemon is stopping"))
            }
            ServiceCommand::Start | ServiceCommand::Restart if self.is_removed(id) => {
                Err(Error::msg(format_args!("service `{}` is being removed", self.name(id))))
            }
            ServiceCommand::Start | ServiceCommand::Restart => {
                Err(Error::msg(format_args!("service `{}` cannot start again: its task has ended", self.name(id))))
            }
            ServiceCommand::Stop | ServiceCommand::RestartStale => Ok(()),
            ServiceCommand::Reload => Err(Error::msg(format_args!("service `{}` is not running", self.name(id)))),
        }
    }

    #[cfg(any(test, feature = "test-util"))]
    fn note_operated(&self, id: Id, command: ServiceCommand) {
        // A run that is too long is not checked as a whole.
        if self.board.has_room_to_record() {
            self.operated.lock().push((id, command));
        }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn operated(&self) -> Vec<(Id, ServiceCommand)> {
        self.operated.lock().clone()
    }

    /// Takes the requests to a service, oldest first.
    pub(crate) fn take_requests(&self, id: Id) -> Requests {
        let mut requests = self.requests.lock();
        if requests.get(id).is_some() {
            self.board.clear(id, signal::REQUESTS);
        }
        requests.get_mut(id).map(std::mem::take).unwrap_or_default()
    }

    /// Handles the Exit of a service: asks those services to stop that had to wait for it. Returns
    /// whether that woke a task.
    pub(crate) fn exited(&self, id: Id, cause: Cause) -> bool {
        let how = match cause {
            Cause::Operator => self.presence_of_stopped(id),
            _ => Presence::Exited,
        };
        let (next, left) = self.stop_order.exited(id, how);
        self.board.raise_all(&next, signal::SHUTDOWN);
        if left == 0 {
            self.supervisor.notify_one();
        }
        left == 0 || !next.is_empty()
    }

    /// Notifies the subscriber, if there is one, that a service has made a transition.
    pub(crate) fn notify_changed(&self) {
        if self.has_subscriber.load(Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// From now on every transition notifies `changed`. The caller must read the current state once
    /// after this call.
    #[allow(dead_code, reason = "only the systemd notifications read it")]
    pub(crate) fn subscribe_changes(&self) {
        self.has_subscriber.store(true, Ordering::Relaxed);
        // A transition that the caller's next read does not see is published after this fence, and
        // so finds the flag set.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
