//! Group B, first half: what a manager may do.

use crate::kit::*;
use rxd::manager::{Ended, Table};
use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Backoff, Cause, Manager, Options, State};
use std::time::Duration;

/// A manager whose decisions are a function's.
struct Decides<F>(F);

/// Everything a table may do.
const FREE: Table = Table::new(
    [State::Idle, State::Exit],
    [State::Run, State::Exit],
    [State::Stop, State::Exit],
    [State::Init, State::Exit],
);

impl<F: FnMut(Ended) -> State + Send + 'static> Manager for Decides<F> {
    const TABLE: Table = FREE;

    fn next(&mut self, ended: Ended) -> State {
        (self.0)(ended)
    }
}

/// Comes round as `continuous`, but for one state.
fn but(state: State, mut next: impl FnMut() -> State + Send + 'static) -> impl Manager {
    Decides(move |ended: Ended| if ended.state == state { next() } else { usual(ended) })
}

fn usual(ended: Ended) -> State {
    match (ended.state, ended.cause.is_failure()) {
        (State::Init, false) => State::Idle,
        (State::Idle, false) => State::Run,
        (State::Stop, _) => State::Init,
        _ => State::Stop,
    }
}

#[tokio::test(start_paused = true)]
async fn f23_zero_delays_use_no_timer() {
    let options = Options::DEFAULT
        .delay(Duration::ZERO)
        .startup_delay(Duration::ZERO)
        .backoff(Backoff::fixed(Duration::ZERO).factor(1e300).jitter(1.0))
        .restarts(1000, SECOND);
    let ran = run_out(daemon([fake("a", State::Init, [Behavior::Fail]).options(options)])).await;
    assert_eq!(ran.ending("a").restarts, 1000);
    assert_eq!(ran.took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn f23_the_largest_numbers_are_waited_for() {
    for (factor, jitter) in [(1.0, 0.0), (f64::MAX, 0.0), (1.0, 1.0)] {
        let backoff = Backoff::DEFAULT.base(Duration::MAX).max(Duration::MAX).factor(factor).jitter(jitter);
        let a = fake("a", State::Init, [Behavior::Fail]).options(Options::DEFAULT.backoff(backoff));
        let running = start(daemon([a])).await;
        tokio::time::sleep(SECOND).await;
        let ran = running.stop().await;
        assert_eq!(ran.states("a"), "init+ init- stop+ stop- exit+");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_come_before_each_state_and_are_no_part_of_it() {
    let options = brisk().delay(SECOND).startup_delay(5 * SECOND);
    let ran = run_until(daemon([plain("a").options(options)]), "a", State::Run).await;
    let times = [State::Init, State::Idle, State::Run].map(|state| ran.trace.entered("a", state)[0].as_secs());
    assert_eq!(times, [5, 6, 7]);
    assert_eq!(ran.took.as_secs(), 7, "none at the shutdown");
}

#[tokio::test(start_paused = true)]
async fn f24_a_manager_panics() {
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        let probe = CallLog::new();
        let run = FakeService::new().on(State::Run, [Behavior::Ok]);
        let a = probed("a", run, &probe).manager(but(state, || panic!("no idea")));
        let running = start(daemon([a, plain("b")])).await;
        running.until("a", State::Exit).await;
        assert!(running.handle.states()["b"].state != State::Exit);
        let ran = running.stop().await;
        assert_eq!(ran.ending("a").cause, Cause::Panic);
        assert!(ran.error("a").starts_with("its manager panicked: no idea"), "{}", ran.error("a"));
        assert_eq!(probe.count("a", "stop"), 1);
        assert!(!ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f25_a_manager_ends_the_service_without_its_stop() {
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        let probe = CallLog::new();
        let run = FakeService::new().on(State::Run, [Behavior::Ok]);
        let a = probed("a", run, &probe).manager(but(state, || State::Exit));
        let ran = run_out(daemon([a])).await;
        assert_eq!(ran.ending("a").cause, Cause::Normal);
        assert_eq!(probe.count("a", "stop"), 1, "Stop is not to be skipped");
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f26_a_manager_says_what_may_not_follow() {
    let forbidden = [
        (State::Init, State::Run),
        (State::Init, State::Init),
        (State::Idle, State::Idle),
        (State::Run, State::Init),
        (State::Run, State::Run),
        (State::Run, State::Unknown),
        (State::Stop, State::Stop),
        (State::Stop, State::Run),
    ];
    for (from, to) in forbidden {
        let run = fake("a", State::Run, [Behavior::Ok]).manager(but(from, move || to));
        let ran = run_out(daemon([run])).await;
        assert_eq!(ran.ending("a").cause, Cause::Error);
        assert_eq!(ran.error("a"), format!("its manager goes from {from} to {to}, which may not follow"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_may_turn_back_from_anywhere() {
    let mut turns = 0;
    let back = but(State::Idle, move || {
        turns += 1;
        if turns == 1 { State::Stop } else { State::Run }
    });
    let ran = run_until(daemon([plain("a").options(brisk()).manager(back)]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- idle+ idle- stop+ stop- {ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn a_manager_is_asked_once_for_each_method_that_ended() {
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let notes = Decides(move |ended: Ended| {
        let _ = sender.send((ended.state, ended.cause, ended.failures));
        usual(ended)
    });
    let a = fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).manager(notes);
    let running = start(daemon([a])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    running.stop().await;
    let mut all = Vec::new();
    while let Ok(one) = asked.try_recv() {
        all.push(one);
    }
    let normal = |state, failures| (state, Cause::Normal, failures);
    let first = [normal(State::Init, 0), normal(State::Idle, 0), (State::Run, Cause::Error, 0), normal(State::Stop, 0)];
    assert_eq!(all[..4], first);
    assert_eq!(all[4..], [normal(State::Init, 1), normal(State::Idle, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_stays_shut_is_a_failure_the_manager_hears_of() {
    let when = rxd::When::any(rxd::Action::Entering, State::Run, ["b"]).within(SECOND);
    let mut asked = 0;
    let a = plain("a").watch(when).manager(Decides(move |ended: Ended| {
        asked += usize::from(ended.state == State::Idle);
        match (ended.state, asked) {
            (State::Idle, 1) => State::Run,
            (State::Idle, _) => State::Exit,
            _ => usual(ended),
        }
    }));
    let running = start(daemon([a, fake("b", State::Init, [Behavior::Hang])])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.ending("a").cause, Cause::Timeout);
    assert_eq!(ran.error("a"), "waited 1s for `b` entering Run");
    assert_eq!(ran.states("a"), "init+ init- idle+ idle- stop+ stop- exit+");
}

#[tokio::test(start_paused = true)]
async fn a_gate_before_init_that_stays_shut_may_be_the_end() {
    let waits = || {
        let when = rxd::When::any(rxd::Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit).within(SECOND);
        plain("a").watch(when).options(brisk())
    };
    let ends = [
        (waits().manager(but(State::Init, || State::Exit)), Cause::Timeout, "waited 1s for `b` entering Run"),
        (
            waits().manager(but(State::Init, || panic!("scripted panic"))),
            Cause::Panic,
            "its manager panicked: scripted panic",
        ),
        (
            waits().manager(but(State::Stop, || panic!("scripted panic"))),
            Cause::Panic,
            "its manager panicked: scripted panic",
        ),
    ];
    for (a, cause, said) in ends {
        let running = start(daemon([a, fake("b", State::Init, [Behavior::Hang])])).await;
        running.until("a", State::Exit).await;
        let ran = running.stop().await;
        assert_eq!(ran.states("a"), "exit+");
        assert_eq!(ran.trace.entered("a", State::Exit)[0], SECOND);
        assert_eq!(ran.ending("a").cause, cause);
        assert!(ran.error("a").starts_with(said), "{}", ran.error("a"));
    }
}

/// As `until_success`, but finds in Idle that there is nothing to do.
struct NothingToDo;

impl Manager for NothingToDo {
    const TABLE: Table = Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Exit, State::Stop],
        [State::Init, State::Init],
    );

    fn next(&mut self, ended: Ended) -> State {
        if ended.state == State::Idle { State::Exit } else { usual(ended) }
    }
}

#[tokio::test(start_paused = true)]
async fn to_have_ended_well_is_to_have_run() {
    let job = plain("job").manager(NothingToDo);
    let running = start(daemon([job, plain("next").after(["job"])])).await;
    settle().await;
    assert_eq!(running.handle.states()["job"].cause, Cause::Normal);
    assert!(running.handle.states()["next"].is_in(State::Idle));
    running.stop().await;
}
