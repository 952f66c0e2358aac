//! [`ServiceGroup`]: requests to several services at once, along the graph.
//!
//! A request to a group is one request to each of its services. Those of one part of the stop order are
//! sent together, and the next part follows once all of them are answered. The answers themselves send
//! the next part, in the task of the engine that answers, so that a request is carried out also if its
//! caller has gone, and needs no task of its own.

use super::{DaemonHandle, sleep};
use crate::board::Id;
use crate::core::names::Name;
use crate::core::{Core, Reply, ServiceCommand, current};
use crate::error::Error;
use crate::lifecycle::state::State;
use crate::panic;
use crate::race::race;
use crate::sync::Mutex;
use crate::watch::why::Why;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// Services on which you act as one: those of a [group](crate::Service::group), or all. From
/// [`DaemonHandle::group`] and [`DaemonHandle::all`].
///
/// Each method is a request to the services that are in the group at that instant, or to those of them
/// that it is for. It returns once all of them have answered; to a service that is one of them and would wait for itself, at once. What
/// became of each is in the [`GroupOutcome`]: also that one has not answered within its limit, as for
/// the method of this name of [`DaemonHandle`].
///
/// # Cancel safety
///
/// Dropping the future of a method does not end the request: each service carries it out in its turn.
///
/// ```
/// use rxd::{Context, Daemon, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// async fn serve(cx: Context) -> rxd::Result {
///     cx.cancelled().await;
///     Ok(())
/// }
///
/// let reader = Service::from_fn("reader", serve).group("ingest");
/// let parser = Service::from_fn("parser", serve).group("ingest").needs(["reader"]);
/// let handle = Daemon::new("works").add(reader).add(parser).add(Service::from_fn("api", serve)).start().await?;
///
/// handle.group("ingest")?.stop().await.into_result()?; // first `parser`, then `reader`
/// assert!(handle.states()["reader"].is_in(State::Exit) && handle.states()["api"].is_in(State::Run));
///
/// for (service, answer) in handle.all().restart().await.iter() {
///     println!("{service}: {}", if answer.is_ok() { "restarted" } else { "not restarted" });
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServiceGroup<'a> {
    handle: &'a DaemonHandle,
    /// None stands for all services.
    name: Option<&'a str>,
}

/// What became of a request to the services of a [`ServiceGroup`].
#[derive(Debug)]
#[must_use = "some of the services may have failed to do it: see `into_result`"]
pub struct GroupOutcome {
    command: ServiceCommand,
    group: Option<String>,
    answers: Vec<(Name, Result<(), Error>)>,
}

/// A request to the services of a group that is under way.
#[derive(Debug)]
pub(crate) struct GroupRequest {
    shared: Arc<SharedRequest>,
    group: Option<String>,
    members: Vec<(Id, Name)>,
    /// The longest time that it may take.
    limit: Duration,
    /// One of its services makes it.
    is_own: bool,
    done: oneshot::Receiver<()>,
}

/// One service of a group, and its answer, if there is one.
pub(crate) type MemberAnswer = (Id, Name, Option<Result<(), Error>>);

/// What the answers of the services share.
#[derive(Debug)]
struct SharedRequest {
    core: Weak<Core>,
    command: ServiceCommand,
    state: Mutex<RequestState>,
}

#[derive(Debug)]
struct RequestState {
    /// The parts that are still to be sent: each service, and its place in `answers`.
    parts: VecDeque<Vec<(Id, usize)>>,
    /// How many services of the current part have not answered.
    pending: usize,
    /// A thread sends the current part. It sends the next one, too, if all have answered by then.
    is_sending: bool,
    answers: Vec<Option<Result<(), Error>>>,
    done: Option<oneshot::Sender<()>>,
}

impl DaemonHandle {
    /// The services of a group, to act on all of them.
    ///
    /// # Errors
    ///
    /// If no service of the daemon is in such a group; the error suggests the nearest one, and lists
    /// those that there are.
    pub fn group<'a>(&'a self, name: &'a str) -> Result<ServiceGroup<'a>, Error> {
        let groups = self.core().groups();
        if groups.contains_key(name) {
            return Ok(ServiceGroup { handle: self, name: Some(name) });
        }
        let names = groups.keys().map(|name| &**name);
        Err(Error::msg(crate::graph::unknown_group(&self.core().daemon, name, names)))
    }

    /// All services, to act on all of them: also those that an operator has stopped.
    pub fn all(&self) -> ServiceGroup<'_> {
        ServiceGroup { handle: self, name: None }
    }
}

impl ServiceGroup<'_> {
    /// The names of its services: those that the daemon was started with in the order of declaration,
    /// and then those that were added.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        let core = self.handle.core();
        self.ids().into_iter().map(|id| core.name(id).to_string()).collect()
    }

    /// Starts those of its services that are in Exit. The requests go to a service before they go to
    /// those that depend on it. As [`DaemonHandle::start`].
    pub async fn start(&self) -> GroupOutcome {
        self.request(ServiceCommand::Start).outcome(self.handle).await
    }

    /// Ends its services, each once those of them that depend on it have ended. As
    /// [`DaemonHandle::stop`].
    pub async fn stop(&self) -> GroupOutcome {
        self.request(ServiceCommand::Stop).outcome(self.handle).await
    }

    /// Restarts its services, and starts those that are in Exit, but for those with
    /// [`autostart(false)`](crate::Service::autostart). What its services
    /// [own](crate::Context::spawn_service) ends with them, and is not restarted by itself. All of them stop at the same time, and
    /// wait for each other in Idle as they do at the start. One that is back in Run before a service that
    /// it needs has left Run is restarted again, by that. As [`DaemonHandle::restart`].
    pub async fn restart(&self) -> GroupOutcome {
        self.request(ServiceCommand::Restart).outcome(self.handle).await
    }

    /// Reloads those of its services that are not in Exit, each once those of them that it depends on
    /// have reloaded. As [`DaemonHandle::reload`]: it loads no configuration, and
    /// [`DaemonHandle::reload_all`] does.
    pub async fn reload(&self) -> GroupOutcome {
        self.request(ServiceCommand::Reload).outcome(self.handle).await
    }

    fn ids(&self) -> Vec<Id> {
        let core = self.handle.core();
        match self.name {
            Some(name) => core.groups().remove(name).unwrap_or_default(),
            None => core.board.ids(),
        }
    }

    /// Sends the request. It is carried out whether or not anybody waits for its outcome.
    pub(crate) fn request(&self, command: ServiceCommand) -> GroupRequest {
        let core = self.handle.core();
        let mut ids = self.ids();
        match command {
            ServiceCommand::Start => ids.retain(|&id| core.board.status(id).is_in(State::Exit)),
            ServiceCommand::Reload => ids.retain(|&id| !core.board.status(id).is_in(State::Exit)),
            ServiceCommand::Stop => {}
            ServiceCommand::Restart | ServiceCommand::RestartStale => ids.retain(|&id| {
                let status = core.board.status(id);
                !core.rests(id, (status.state, status.cause))
            }),
        }
        if matches!(command, ServiceCommand::Stop | ServiceCommand::Restart) {
            // They end with their owners, which have others afterwards.
            let all: HashSet<Id> = ids.iter().copied().collect();
            ids.retain(|&id| core.added.owner(id).is_none_or(|owner| !all.contains(&owner)));
        }
        let mut parts = core.in_stop_order(&ids);
        match command {
            ServiceCommand::Stop => {}
            ServiceCommand::Reload => parts.reverse(),
            // All at once: a service waits by itself for those that it needs, and what it needs has left
            // Run before it comes back, unless that takes longer than its own restart.
            ServiceCommand::Start | ServiceCommand::Restart | ServiceCommand::RestartStale => {
                parts.reverse();
                parts = vec![parts.concat()];
            }
        }
        let longest = |part: &Vec<Id>| part.iter().map(|&id| core.answer_limit(id)).max().unwrap_or_default();
        let limit = parts.iter().map(longest).fold(Duration::ZERO, Duration::saturating_add);
        let caller = self.handle.service().or_else(|| current::service(core));
        let is_own = caller.is_some_and(|caller| ids.contains(&caller));
        let mut places = 0..;
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(|part| {
            let part: Vec<(Id, usize)> = part.into_iter().zip(&mut places).collect();
            part
        });
        let parts: VecDeque<Vec<(Id, usize)>> = parts.collect();
        let members = parts.iter().flatten().map(|&(id, _)| (id, core.name(id).clone())).collect();
        let (sender, done) = oneshot::channel();
        let state = RequestState {
            parts,
            pending: 0,
            is_sending: false,
            answers: ids.iter().map(|_| None).collect(),
            done: Some(sender),
        };
        let shared = SharedRequest { core: Arc::downgrade(core), command, state: Mutex::new(state) };
        let shared = Arc::new(shared);
        shared.go_on();
        GroupRequest { shared, group: self.name.map(ToOwned::to_owned), members, limit, is_own, done }
    }
}

impl SharedRequest {
    /// Sends the parts whose turn has come.
    fn go_on(self: &Arc<Self>) {
        let mut state = self.state.lock();
        while state.pending == 0 && !state.is_sending {
            let core = self.core.upgrade();
            let (Some(part), Some(core)) = (state.parts.pop_front(), core) else {
                let done = state.done.take();
                drop(state);
                if let Some(done) = done {
                    // Waking the task that waits may run code of the user's.
                    panic::ignore(|| {
                        let _ = done.send(());
                    });
                }
                return;
            };
            (state.pending, state.is_sending) = (part.len(), true);
            drop(state);
            for (id, place) in part {
                let this = self.clone();
                core.send_request(id, self.command, Reply::call(move |answer| this.answered(place, answer)));
            }
            state = self.state.lock();
            state.is_sending = false;
        }
    }

    fn answered(self: &Arc<Self>, place: usize, answer: Result<(), Error>) {
        let mut state = self.state.lock();
        state.answers[place] = Some(answer);
        state.pending -= 1;
        drop(state);
        self.go_on();
    }
}

impl GroupRequest {
    /// Waits until all have answered; if one of them makes the request, not at all.
    pub(crate) async fn wait(&mut self, core: &Core) {
        let mut report = core.report.subscribe();
        if self.is_own && report.borrow().is_none() {
            return;
        }
        let ended = panic::with_quiet_waker(report.wait_for(Option::is_some));
        let _ = race(race(&mut self.done, ended), sleep(self.limit)).await;
    }

    /// Whether one of its services makes it, and so does not wait for it.
    #[cfg(feature = "admin")]
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Takes the answers that are there: of each service, in the order in which it has its turn.
    pub(crate) fn take_answers(&mut self) -> Vec<MemberAnswer> {
        // Their places stay, for those that come later.
        let answers: Vec<_> = self.shared.state.lock().answers.iter_mut().map(Option::take).collect();
        let members = std::mem::take(&mut self.members);
        members.into_iter().zip(answers).map(|((id, name), answer)| (id, name, answer)).collect()
    }

    async fn outcome(mut self, handle: &DaemonHandle) -> GroupOutcome {
        let core = handle.core();
        self.wait(core).await;
        let (command, limit, is_own) = (self.shared.command, self.limit, self.is_own);
        let has_ended = core.report.borrow().is_some();
        let missing = |id, name: &Name| match has_ended {
            true => Err(Error::msg(format_args!("daemon `{}` has ended", core.daemon))),
            false if is_own => Ok(()),
            false => {
                let (verb, why) = (command.as_str(), Why::of(core, id));
                Err(Error::msg(format_args!("service `{name}` did not {verb} within {limit:?}: {why}")))
            }
        };
        let answers = self.take_answers().into_iter();
        let answers = answers.map(|(id, name, answer)| {
            let answer = answer.unwrap_or_else(|| missing(id, &name));
            (name, answer)
        });
        GroupOutcome { command, answers: answers.collect(), group: self.group.take() }
    }
}

impl GroupOutcome {
    /// What became of the request in each service, in the order in which the services had their turn.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<(), &Error>)> {
        self.answers.iter().map(|(name, answer)| (&**name, answer.as_ref().copied()))
    }

    /// `Ok` if all services have done it.
    ///
    /// # Errors
    ///
    /// Names each that has not, and says why.
    pub fn into_result(self) -> Result<(), Error> {
        let count = self.answers.len();
        let failed = self.answers.into_iter().filter_map(|(name, answer)| Some((name, answer.err()?)));
        let failed: Vec<(Name, Error)> = failed.collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::msg(failure_text(self.command, self.group.as_deref(), count, &failed)))
    }
}

/// The message about the services that have not done what was requested of so many of a group; of all
/// services, if there is no group.
pub(crate) fn failure_text<E: fmt::Display>(
    command: ServiceCommand,
    group: Option<&str>,
    count: usize,
    failed: &[(Name, E)],
) -> String {
    let whose = group.map_or_else(String::new, |group| format!(" of group `{group}`"));
    let mut text = format!("failed to {} {} of {count} services{whose}", command.as_str(), failed.len());
    for (at, (name, error)) in failed.iter().enumerate() {
        text += &format!("{} `{name}`: {error}", if at == 0 { ":" } else { ";" });
    }
    text
}

impl fmt::Display for ServiceGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "group `{name}`"),
            None => f.write_str("all services"),
        }
    }
}
