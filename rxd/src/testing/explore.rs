//! Tries every order in which some services of a daemon may move, up to a bound.
//!
//! A search in breadth: each sequence of choices is replayed by a daemon that is started anew. The
//! choices at the point reached are appended to the sequence, unless the search has been at an
//! equal point before.

use super::behavior::Behavior;
use super::expect::{Asked, StatesAt, TRANSIENT_HELP};
use super::fake::FakeService;
use super::harness::{Harness, Running};
use crate::lifecycle::state::Filter;
use crate::random;
use crate::trace::Trace;
use crate::trace::invariants::check_invariants;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How long a step waits for the next transition, in paused time: longer than any delay in a test.
const WAIT_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Tries the orders in which some services of a daemon may move, and looks for a condition that
/// must never hold.
///
/// The explored services are fakes, and each stays in its current method until the explorer chooses
/// an outcome. The engine, the graph, the delays and all other services are real.
///
/// At each point no task has work left. One of these happens next:
///
/// * a method of an explored service ends, with one of the [outcomes](Explorer::outcomes);
/// * time passes until something happens by itself (a delay or a time limit ends);
/// * the daemon is asked to stop.
///
/// The explorer tries all choices, the shortest sequences first, each in a daemon that is started
/// anew. So the first counterexample is a shortest one. It also checks rxd's own guarantees at each
/// point: see [`check_invariants`](super::check_invariants()).
///
/// Two points count as one if all of this is equal in both:
///
/// * whether the daemon was asked to stop, and for how long it still drains;
/// * the state of each service, the cause of its last transition, its running method, and whether
///   that is cancelled;
/// * the number of restarts of each service that has a restart limit;
/// * for how long each condition has held that has to last, until its watch acts.
///
/// The explorer does not look at
///
/// * sequences that are longer than its [bound](Explorer::steps);
/// * what happens *while* a method runs that is not a fake's;
/// * threads. (rxd's own concurrent parts are model-checked.)
///
/// ```
/// use rxd::testing::{Explorer, Harness, FakeService};
/// use rxd::{Action, Daemon, Service, State, When};
///
/// // `api` waits for `db`, but stays in Run when `db` leaves Run.
/// let daemon = || {
///     let api = Service::new("api", FakeService::new()).watch(When::any(Action::Entering, State::Run, ["db"]));
///     Daemon::new("agent").add(Service::new("db", FakeService::new())).add(api)
/// };
/// let explored = Explorer::new(move || Harness::new(daemon()), ["db", "api"])
///     .never("api is in Run while db is in Init", |at| at.is_in("api", State::Run) && at.is_in("db", State::Init))
///     .run();
///
/// let counterexample = explored.counterexample.expect("no reaction takes api out of Run");
/// assert_eq!(counterexample.choices.len(), 7, "{counterexample}");
/// println!("{counterexample}"); // the choices, and the timeline
/// ```
#[must_use = "an explorer tries nothing until `run` is called"]
pub struct Explorer<'a> {
    harness: Box<dyn Fn() -> Harness + 'a>,
    fakes: Vec<String>,
    outcomes: Vec<Behavior>,
    steps: usize,
    runs: usize,
    bounded: bool,
    forbidden: Vec<ForbiddenCondition<'a>>,
}

/// A condition that must never hold.
struct ForbiddenCondition<'a> {
    description: &'a str,
    holds: Box<dyn Fn(&StatesAt<'_>) -> bool + 'a>,
    /// It may hold while some task has work left.
    only_when_settled: bool,
    /// What it has asked for.
    asked: Asked,
}

impl ForbiddenCondition<'_> {
    fn holds<'s>(&'s self, states: &mut StatesAt<'s>) -> bool {
        states.asked = Some(&self.asked);
        (self.holds)(states)
    }
}

/// One thing that may happen next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Choice {
    /// The running method of this service behaves like this.
    #[non_exhaustive]
    Returns {
        /// The service's name.
        service: String,
        /// The method that is running.
        method: &'static str,
        /// What the method does.
        behavior: Behavior,
    },
    /// Time passes until some service makes a transition.
    TimePasses,
    /// The daemon is asked to stop.
    Shutdown,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Returns { service, method, behavior } => write!(f, "{method} of `{service}`: {behavior:?}"),
            Choice::TimePasses => f.write_str("time passes"),
            Choice::Shutdown => f.write_str("the daemon is asked to stop"),
        }
    }
}

/// The result of an exploration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explored {
    /// How many times the daemon was started.
    pub runs: usize,
    /// How many different points were reached.
    pub points: usize,
    /// Whether the search reached no bound. Without a counterexample, every sequence was then
    /// tried.
    pub complete: bool,
    /// A shortest sequence of choices to a condition that must never hold, if there is one.
    pub counterexample: Option<Counterexample>,
    /// Which conditions were not put to the test before the bound.
    untested: Option<String>,
}

impl Explored {
    /// Asserts that there is no counterexample, and that the search has put each condition to the
    /// test.
    ///
    /// # Panics
    ///
    /// * If there is a counterexample: with its choices, and the timeline.
    /// * If the search has reached a bound, and no service that a condition asks for by
    ///   [`is_in`](StatesAt::is_in) was ever in the state: see [`Explorer::bounded`].
    #[track_caller]
    pub fn assert(&self) {
        if let Some(counterexample) = &self.counterexample {
            panic!("{counterexample}");
        }
        if let Some(untested) = &self.untested {
            panic!("{untested}");
        }
    }
}

/// A sequence of choices after which a condition holds that must never hold, or a guarantee is
/// broken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Counterexample {
    /// The description of the condition, or the broken guarantee.
    pub description: String,
    /// The choices, in order.
    pub choices: Vec<Choice>,
    /// The transitions up to the one after which the condition holds.
    pub trace: Trace,
    /// What to do about it, where that is known.
    help: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after {} choices:", self.description, self.choices.len())?;
        for (at, choice) in self.choices.iter().enumerate() {
            writeln!(f, "{:>4}. {choice}", at + 1)?;
        }
        f.write_str(&self.help)?;
        f.write_str(&self.trace.timeline())
    }
}

impl fmt::Debug for Explorer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explorer").field("fakes", &self.fakes).finish_non_exhaustive()
    }
}

/// The point that one sequence of choices leads to.
struct ReachedPoint {
    /// Equal for points that count as one.
    fingerprint: String,
    /// What may happen next.
    choices: Vec<Choice>,
    failure: Option<PointFailure>,
}

/// A condition that holds at a point and must never hold.
struct PointFailure {
    description: String,
    trace: Trace,
    help: String,
}

impl<'a> Explorer<'a> {
    /// Explores how these services may move. `harness` makes the daemon anew for each run.
    pub fn new<S: Into<String>>(harness: impl Fn() -> Harness + 'a, services: impl IntoIterator<Item = S>) -> Self {
        Explorer {
            harness: Box::new(harness),
            fakes: services.into_iter().map(Into::into).collect(),
            outcomes: vec![Behavior::Ok, Behavior::Fail],
            steps: 10,
            runs: 20_000,
            bounded: false,
            forbidden: Vec::new(),
        }
    }

    /// Sets how a method may end. Default: [`Behavior::Ok`] and [`Behavior::Fail`].
    pub fn outcomes(mut self, outcomes: impl IntoIterator<Item = Behavior>) -> Self {
        self.outcomes = outcomes.into_iter().collect();
        self
    }

    /// Sets the greatest number of choices in a row. Default: 10.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets how many times to start the daemon at most. Default: 20,000.
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// Lets [`assert`](Explored::assert) pass though the search has reached a bound before any
    /// service was in a state that a condition asks for: for a condition on a state that should
    /// never be reached.
    pub fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }

    /// Adds a condition that must hold after no transition, not even for an instant until other
    /// services react.
    pub fn never(self, description: &'a str, condition: impl Fn(&StatesAt<'_>) -> bool + 'a) -> Self {
        self.forbid(description, condition, false)
    }

    /// Adds a condition that must not hold when no task has work left.
    ///
    /// A service that [needs](crate::Service::needs) another leaves Run *after* it, so the states
    /// in between are no fault. The service leaves at once only if it is not explored itself: an
    /// explored one stays in its method until the explorer chooses that the method ends.
    pub fn never_when_settled(self, description: &'a str, condition: impl Fn(&StatesAt<'_>) -> bool + 'a) -> Self {
        self.forbid(description, condition, true)
    }

    fn forbid(
        mut self,
        description: &'a str,
        condition: impl Fn(&StatesAt<'_>) -> bool + 'a,
        only_when_settled: bool,
    ) -> Self {
        let (holds, asked) = (Box::new(condition), Asked::default());
        self.forbidden.push(ForbiddenCondition { description, holds, only_when_settled, asked });
        self
    }

    /// Explores, until a counterexample is found, every sequence was tried, or a bound is reached.
    ///
    /// # Panics
    ///
    /// * Inside a tokio runtime: each run creates its own runtime, so call it from a plain
    ///   `#[test]`.
    /// * If the daemon does not start.
    /// * If no service has one of the names.
    pub fn run(self) -> Explored {
        let mut explored = Explored { runs: 0, points: 0, complete: true, counterexample: None, untested: None };
        let mut seen = HashSet::new();
        let mut todo: VecDeque<Vec<Choice>> = VecDeque::from([Vec::new()]);
        while let Some(choices) = todo.pop_front() {
            if explored.runs == self.runs {
                explored.complete = false;
                break;
            }
            explored.runs += 1;
            let point = self.replay(&choices);
            if let Some(PointFailure { description, trace, help }) = point.failure {
                explored.counterexample = Some(Counterexample { description, choices, trace, help });
                break;
            }
            if !seen.insert(point.fingerprint) {
                continue;
            }
            if choices.len() == self.steps {
                explored.complete &= point.choices.is_empty();
                continue;
            }
            todo.extend(point.choices.into_iter().map(|choice| [&choices[..], &[choice]].concat()));
        }
        explored.points = seen.len();
        if !explored.complete && explored.counterexample.is_none() && !self.bounded {
            explored.untested = self.untested();
        }
        explored
    }

    /// Describes the conditions that nothing was seen of, if there are any.
    fn untested(&self) -> Option<String> {
        let untested = self.forbidden.iter().filter_map(|condition| {
            let asked = condition.asked.never_so()?;
            Some(format!("\n  {}: no point was reached at which {asked}", condition.description))
        });
        let untested: String = untested.collect();
        let (steps, runs) = (self.steps, self.runs);
        (!untested.is_empty()).then(|| {
            format!(
                "the search has reached its bound ({steps} steps or {runs} runs) before it could test this:{untested}\n\
                 help: set a higher bound by `.steps(..)` or `.runs(..)`, or call `.bounded()` to allow for it"
            )
        })
    }

    /// Starts the daemon anew, and makes these choices.
    fn replay(&self, choices: &[Choice]) -> ReachedPoint {
        // The jitter of delays is the same in each run.
        random::seed(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("cannot create a tokio runtime");
        runtime.block_on(async {
            let mut harness = (self.harness)();
            for name in &self.fakes {
                harness = harness.fake(name, FakeService::manual());
            }
            let limited = harness.daemon().all_services().filter(|service| service.limits().restarts.is_some());
            let limited: Vec<String> = limited.map(|service| service.name().to_owned()).collect();
            let test = harness.start().await;
            test.settle().await;
            for choice in choices {
                apply(&test, choice).await;
                test.settle().await;
            }
            self.inspect(&test, &limited, choices)
        })
    }

    fn inspect(&self, test: &Running, limited: &[String], made: &[Choice]) -> ReachedPoint {
        let trace = test.trace();
        let failure = self.failure(test, &trace);
        let stopping = made.iter().any(|choice| matches!(choice, Choice::Shutdown));
        let mut fingerprint = format!("{stopping}");
        let mut choices = Vec::new();
        for state in &test.handle().states() {
            let method = test.call_log().running(&state.name);
            let restarts = if limited.iter().any(|name| *name == state.name) { state.restarts } else { 0 };
            let cancelled = test.call_log().is_cancelled(&state.name);
            fingerprint +=
                &format!(" {}/{}/{}/{method:?}/{cancelled}/{restarts}", state.state, state.transition, state.cause);
            if let Some(method) = method.filter(|_| self.fakes.iter().any(|name| *name == state.name)) {
                let service = state.name.to_string();
                choices.extend(self.outcomes.iter().map(|outcome| Choice::Returns {
                    service: service.clone(),
                    method,
                    behavior: outcome.clone(),
                }));
            }
        }
        for (watch, held) in test.handle().core().board.running_times() {
            fingerprint += &format!(" {watch}:{held}");
        }
        if let Some(until) = test.handle().core().drains_until() {
            fingerprint += &format!(" drains:{:?}", until.saturating_duration_since(Instant::now()));
        }
        if !test.handle().has_ended() {
            choices.push(Choice::TimePasses);
            choices.extend((!stopping).then_some(Choice::Shutdown));
        }
        ReachedPoint { fingerprint, choices, failure }
    }

    fn failure(&self, test: &Running, trace: &Trace) -> Option<PointFailure> {
        let mut states = StatesAt::start_of(trace);
        let mut found = None;
        for (at, step) in trace.steps.iter().enumerate() {
            states.apply(step);
            if found.is_none() {
                let mut always = self.forbidden.iter().filter(|condition| !condition.only_when_settled);
                found = always.find(|condition| condition.holds(&mut states)).map(|condition| (condition, at));
            }
        }
        if let Some((condition, at)) = found {
            // It holds no more when all tasks have run: it held for an instant.
            let help = if condition.holds(&mut states) { "" } else { TRANSIENT_HELP };
            return Some(PointFailure {
                description: condition.description.to_owned(),
                trace: Trace { steps: trace.steps[..=at].to_vec(), ..trace.clone() },
                help: help.to_owned(),
            });
        }
        let mut settled = self.forbidden.iter().filter(|condition| condition.only_when_settled);
        if let Some(condition) = settled.find(|condition| condition.holds(&mut states)) {
            let (description, help) = (condition.description.to_owned(), self.pending_help(test));
            return Some(PointFailure { description, trace: trace.clone(), help });
        }
        let violations = check_invariants(trace, &test.rules());
        let description = violations.first().map(ToString::to_string).or_else(|| test.call_log().faults().pop());
        description.map(|description| PointFailure { description, trace: trace.clone(), help: String::new() })
    }

    /// Names the explored services that are cancelled, and stay only since the explorer has not
    /// chosen yet that their method ends.
    fn pending_help(&self, test: &Running) -> String {
        let mut help = String::new();
        for name in self.fakes.iter().filter(|name| test.call_log().is_cancelled(name)) {
            let method = test.call_log().running(name).unwrap_or("method");
            help += &format!(
                "help: `{name}` is cancelled, but its {method} stays until the explorer ends it; \
                 to let `{name}` leave at once, do not explore it\n"
            );
        }
        help
    }
}

/// Makes one choice.
async fn apply(test: &Running, choice: &Choice) {
    match choice {
        Choice::Returns { service, behavior, .. } => test.set_behavior(service, behavior.clone()),
        Choice::Shutdown => test.handle().shutdown(),
        Choice::TimePasses => {
            let mut states = test.handle().watch_states(Filter::None).expect("a filter without names is valid");
            // The first item is the snapshot, the second one a transition. There may be none: then
            // the limit ends the wait.
            let transition = async { (states.next().await, states.next().await) };
            let _elapsed = tokio::time::timeout(WAIT_LIMIT, transition).await;
        }
    }
}
