//! Every order in which some services may move, up to a bound.

use super::behavior::Behavior;
use super::expect::{FOR_AN_INSTANT, StatesAt};
use super::fake::FakeService;
use super::harness::{Harness, Running};
use super::invariants::check_invariants;
use super::trace::Trace;
use crate::lifecycle::state::Filter;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

/// Longer than any delay that is meant.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Tries the orders in which some services of a daemon may move, and looks for what should never be.
///
/// The services that are explored are fakes, each held in whatever method it is called until it
/// is chosen; the engine, the graph, the delays and all other services are the real ones. At each
/// point, when nobody has anything left to do, there is a choice: one of the methods that run
/// returns (with one of the [outcomes](Explorer::outcomes)), or time passes until something happens
/// by itself (a delay, a limit), or the daemon is asked to stop. All choices are tried, shortest
/// first, each from a daemon started anew, so the first way to what should never be is a shortest
/// one; so is every breach of what rxd itself promises (see [`judge`](super::judge())).
///
/// Two points are the same, and one of them is looked at, if each service is in the same place for the
/// same reason, in the same method, told to return from it or not, and has as many restarts left. What it is not: exhaustive beyond its
/// [steps](Explorer::steps); about what happens *while* methods run that are not fakes'; about threads
/// (for those rxd's own parts are model-checked).
///
/// ```
/// use rxd::testing::{Explorer, Harness, FakeService};
/// use rxd::{Action, Daemon, Service, State, When};
///
/// // `api` waits for `db`, but stays when it goes.
/// let daemon = || {
///     let api = Service::new("api", FakeService::new()).watch(When::any(Action::Entering, State::Run, ["db"]));
///     Daemon::new("agent").add(Service::new("db", FakeService::new())).add(api)
/// };
/// let explored = Explorer::new(move || Harness::new(daemon()), ["db", "api"])
///     .never("api is in Run while db is in Init", |at| at.is_in("api", State::Run) && at.is_in("db", State::Init))
///     .run();
///
/// let broken = explored.broken.expect("nothing takes api out of Run");
/// assert_eq!(broken.choices.len(), 7, "{broken}");
/// println!("{broken}"); // the choices, and the timeline
/// ```
#[must_use = "nothing is explored until it is run"]
pub struct Explorer<'a> {
    harness: Box<dyn Fn() -> Harness + 'a>,
    fakes: Vec<String>,
    outcomes: Vec<Behavior>,
    steps: usize,
    runs: usize,
    never: Vec<Never<'a>>,
}

struct Never<'a> {
    what: &'a str,
    is: Box<dyn Fn(&StatesAt<'_>) -> bool + 'a>,
    at_rest: bool,
}

/// What may happen next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Choice {
    /// The method of this service that runs does this.
    #[non_exhaustive]
    Returns {
        /// The service's name.
        service: String,
        /// Its method.
        method: &'static str,
        /// What the method does.
        act: Behavior,
    },
    /// Time passes until something happens.
    TimePasses,
    /// The daemon is asked to stop.
    Shutdown,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Returns { service, method, act } => write!(f, "{method} of `{service}`: {act:?}"),
            Choice::TimePasses => f.write_str("time passes"),
            Choice::Shutdown => f.write_str("the daemon is asked to stop"),
        }
    }
}

/// What was explored.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explored {
    /// How many times the daemon was started.
    pub runs: usize,
    /// How many different points were reached.
    pub points: usize,
    /// Whether there was nothing left to try: no bound was reached.
    pub complete: bool,
    /// A shortest way to what should never be.
    pub broken: Option<Counterexample>,
}

impl Explored {
    /// Panics with the shortest way to what should never be, if there is one.
    #[track_caller]
    pub fn assert(&self) {
        if let Some(broken) = &self.broken {
            panic!("{broken}");
        }
    }
}

/// A way to what should never be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Counterexample {
    /// What should never be.
    pub what: String,
    /// How to get there.
    pub choices: Vec<Choice>,
    /// What happened; it ends there.
    pub trace: Trace,
    /// What to do about it, where that is known.
    help: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after {} choices:", self.what, self.choices.len())?;
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

/// Where one run has come to.
struct Point {
    /// What tells it from others.
    mark: String,
    choices: Vec<Choice>,
    /// What is so that should never be, what happened up to there, and what may help.
    broken: Option<(String, Trace, String)>,
}

impl<'a> Explorer<'a> {
    /// Explores how these services may move in the daemon that this makes.
    pub fn new<S: Into<String>>(harness: impl Fn() -> Harness + 'a, services: impl IntoIterator<Item = S>) -> Self {
        Explorer {
            harness: Box::new(harness),
            fakes: services.into_iter().map(Into::into).collect(),
            outcomes: vec![Behavior::Ok, Behavior::Fail],
            steps: 10,
            runs: 20_000,
            never: Vec::new(),
        }
    }

    /// How a method may end. Default: [`Behavior::Ok`] and [`Behavior::Fail`].
    pub fn outcomes(mut self, outcomes: impl IntoIterator<Item = Behavior>) -> Self {
        self.outcomes = outcomes.into_iter().collect();
        self
    }

    /// How many choices to make in a row. Default: 10.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// How many times to start the daemon. Default: 20,000.
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// What should never be so, after any transition: also for an instant, until what follows from it has followed.
    pub fn never(mut self, what: &'a str, is: impl Fn(&StatesAt<'_>) -> bool + 'a) -> Self {
        self.never.push(Never { what, is: Box::new(is), at_rest: false });
        self
    }

    /// What should never be so when nobody has anything left to do. A service that
    /// [needs](crate::Service::needs) another leaves Run *after* it: what is so in between is no fault. It does so at once
    /// only if it is not one of those that are explored: they stay in a method until that is chosen.
    pub fn never_when_settled(mut self, what: &'a str, is: impl Fn(&StatesAt<'_>) -> bool + 'a) -> Self {
        self.never.push(Never { what, is: Box::new(is), at_rest: true });
        self
    }

    /// Explores.
    ///
    /// # Panics
    ///
    /// In a tokio runtime: each run has one of its own, so call it from a plain `#[test]`. If the
    /// daemon does not start, or no service has one of the names.
    pub fn run(self) -> Explored {
        let mut explored = Explored { runs: 0, points: 0, complete: true, broken: None };
        let mut seen = HashSet::new();
        let mut todo: VecDeque<Vec<Choice>> = VecDeque::from([Vec::new()]);
        while let Some(choices) = todo.pop_front() {
            if explored.runs == self.runs {
                explored.complete = false;
                break;
            }
            explored.runs += 1;
            let point = self.replay(&choices);
            if let Some((what, trace, help)) = point.broken {
                explored.broken = Some(Counterexample { what, choices, trace, help });
                break;
            }
            if !seen.insert(point.mark) {
                continue;
            }
            if choices.len() == self.steps {
                explored.complete &= point.choices.is_empty();
                continue;
            }
            todo.extend(point.choices.into_iter().map(|choice| [&choices[..], &[choice]].concat()));
        }
        explored.points = seen.len();
        explored
    }

    /// Starts anew, and makes these choices.
    fn replay(&self, choices: &[Choice]) -> Point {
        // The same waits each time.
        fastrand::seed(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime can be made");
        runtime.block_on(async {
            let mut harness = (self.harness)();
            for name in &self.fakes {
                harness = harness.fake(name, FakeService::held());
            }
            let limited = harness.daemon().services().iter().filter(|service| service.limits().restarts.is_some());
            let limited: Vec<String> = limited.map(|service| service.name().to_owned()).collect();
            let test = harness.start().await;
            test.settle().await;
            for choice in choices {
                make(&test, choice).await;
                test.settle().await;
            }
            self.look(&test, &limited, choices)
        })
    }

    fn look(&self, test: &Running, limited: &[String], made: &[Choice]) -> Point {
        let trace = test.trace();
        let broken = self.broken(test, &trace);
        let stopping = made.iter().any(|choice| matches!(choice, Choice::Shutdown));
        let mut mark = format!("{stopping}");
        let mut choices = Vec::new();
        for state in &test.handle().states() {
            let method = test.call_log().running(&state.name);
            let restarts = if limited.iter().any(|name| *name == state.name) { state.restarts } else { 0 };
            let told = test.call_log().is_told_to_return(&state.name);
            mark += &format!(" {}/{}/{}/{method:?}/{told}/{restarts}", state.state, state.transition, state.cause);
            if let Some(method) = method.filter(|_| self.fakes.iter().any(|name| *name == state.name)) {
                let service = state.name.to_string();
                let returns = |act: &Behavior| Choice::Returns { service: service.clone(), method, act: act.clone() };
                choices.extend(self.outcomes.iter().map(returns));
            }
        }
        if !test.handle().has_ended() {
            choices.push(Choice::TimePasses);
            choices.extend((!stopping).then_some(Choice::Shutdown));
        }
        Point { mark, choices, broken }
    }

    fn broken(&self, test: &Running, trace: &Trace) -> Option<(String, Trace, String)> {
        let mut places = StatesAt::of(trace);
        let mut found = None;
        for (at, step) in trace.steps.iter().enumerate() {
            places.see(step);
            if found.is_none() {
                let never = self.never.iter().find(|never| !never.at_rest && (never.is)(&places));
                found = never.map(|never| (never, at));
            }
        }
        if let Some((never, at)) = found {
            let steps = trace.steps[..=at].to_vec();
            let help = if (never.is)(&places) { "" } else { FOR_AN_INSTANT };
            return Some((never.what.to_owned(), Trace { steps, ..trace.clone() }, help.to_owned()));
        }
        if let Some(never) = self.never.iter().find(|never| never.at_rest && (never.is)(&places)) {
            return Some((never.what.to_owned(), trace.clone(), self.held(test)));
        }
        let violations = check_invariants(trace, &test.rules());
        let said = violations.first().map(ToString::to_string).or_else(|| test.call_log().faults().pop());
        said.map(|what| (what, trace.clone(), String::new()))
    }

    /// Who is where it is only because it is held there.
    fn held(&self, test: &Running) -> String {
        let told = |name: &&String| test.call_log().is_told_to_return(name);
        let mut help = String::new();
        for name in self.fakes.iter().filter(told) {
            let method = test.call_log().running(name).unwrap_or("its method");
            help += &format!(
                "help: `{name}` has been told to leave {method}, and is held there until that is chosen; \
                 one that is not explored leaves at once\n"
            );
        }
        help
    }
}

async fn make(test: &Running, choice: &Choice) {
    match choice {
        Choice::Returns { service, act, .. } => test.set_behavior(service, act.clone()),
        Choice::Shutdown => test.handle().shutdown(),
        Choice::TimePasses => {
            let mut states = test.handle().watch_states(Filter::None).expect("no name is wrong");
            // Where everybody is, and then one transition.
            let news = async { (states.next().await, states.next().await) };
            let _nothing_happens = tokio::time::timeout(LONG, news).await;
        }
    }
}
