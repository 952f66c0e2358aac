//! Group B, first half: managers.

use crate::kit::*;
use rxd::manager::{Ended, Table};
use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Backoff, Cause, Manager, Options, State};
use std::time::Duration;

/// A manager that asks a function.
struct Decides<F>(F);

/// A table that allows every decision.
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

/// Decides like `continuous`, except after one state.
fn continuous_except(state: State, mut next: impl FnMut() -> State + Send + 'static) -> impl Manager {
    Decides(move |ended: Ended| if ended.state == state { next() } else { continuous(ended) })
}

fn continuous(ended: Ended) -> State {
    match (ended.state, ended.cause.is_failure()) {
        (State::Init, false) => State::Idle,
        (State::Idle, false) => State::Run,
        (State::Stop, _) => State::Init,
        _ => State::Stop,
    }
}

#[tokio::test(start_paused = true)]
async fn f23_zero_delays_take_no_time() {
    let options = Options::DEFAULT
        .delay(Duration::ZERO)
        .startup_delay(Duration::ZERO)
        .backoff(Backoff::fixed(Duration::ZERO).factor(1e300).jitter(1.0))
        .restarts(1000, SECOND);
    let ran = run_to_end(daemon([fake("a", State::Init, [Behavior::Fail]).options(options)])).await;
    assert_eq!(ran.service_report("a").restarts, 1000);
    assert_eq!(ran.took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn f23_largest_delays_do_not_overflow() {
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
async fn delays_pass_before_each_state_is_entered() {
    let options = no_backoff().delay(SECOND).startup_delay(5 * SECOND);
    let ran = run_until(daemon([plain("a").options(options)]), "a", State::Run).await;
    let times = [State::Init, State::Idle, State::Run].map(|state| ran.trace.entered("a", state)[0].as_secs());
    assert_eq!(times, [5, 6, 7]);
    assert_eq!(ran.took.as_secs(), 7, "none at the shutdown");
}

#[tokio::test(start_paused = true)]
async fn f24_manager_panicking_ends_its_service_after_stop() {
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        let call_log = CallLog::new();
        let run = FakeService::new().on(State::Run, [Behavior::Ok]);
        let a = with_call_log("a", run, &call_log).manager(continuous_except(state, || panic!("no decision")));
        let running = start(daemon([a, plain("b")])).await;
        running.until("a", State::Exit).await;
        assert!(running.handle.states()["b"].state != State::Exit);
        let ran = running.stop().await;
        assert_eq!(ran.service_report("a").cause, Cause::Panic);
        assert!(ran.error("a").starts_with("its manager panicked: no decision"), "{}", ran.error("a"));
        assert_eq!(call_log.count("a", "stop"), 1);
        assert!(!ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f25_manager_choosing_exit_does_not_skip_stop() {
    for state in [State::Init, State::Idle, State::Run, State::Stop] {
        let call_log = CallLog::new();
        let run = FakeService::new().on(State::Run, [Behavior::Ok]);
        let a = with_call_log("a", run, &call_log).manager(continuous_except(state, || State::Exit));
        let ran = run_to_end(daemon([a])).await;
        assert_eq!(ran.service_report("a").cause, Cause::Normal);
        assert_eq!(call_log.count("a", "stop"), 1, "Stop is not skipped");
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f26_manager_choosing_an_illegal_state_ends_its_service() {
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
        let run = fake("a", State::Run, [Behavior::Ok]).manager(continuous_except(from, move || to));
        let ran = run_to_end(daemon([run])).await;
        assert_eq!(ran.service_report("a").cause, Cause::Error);
        assert_eq!(ran.error("a"), format!("its manager goes from {from} to {to}, which may not follow"));
    }
}

#[tokio::test(start_paused = true)]
async fn manager_choosing_stop_in_idle_restarts_the_service() {
    let mut turns = 0;
    let back = continuous_except(State::Idle, move || {
        turns += 1;
        if turns == 1 { State::Stop } else { State::Run }
    });
    let ran = run_until(daemon([plain("a").options(no_backoff()).manager(back)]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- idle+ idle- stop+ stop- {INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn manager_is_asked_once_per_completed_method() {
    let (sender, mut decisions) = tokio::sync::mpsc::unbounded_channel();
    let records = Decides(move |ended: Ended| {
        let _ = sender.send((ended.state, ended.cause, ended.failures));
        continuous(ended)
    });
    let a = fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).manager(records);
    let running = start(daemon([a])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    running.stop().await;
    let mut all = Vec::new();
    while let Ok(one) = decisions.try_recv() {
        all.push(one);
    }
    let normal = |state, failures| (state, Cause::Normal, failures);
    let first = [normal(State::Init, 0), normal(State::Idle, 0), (State::Run, Cause::Error, 0), normal(State::Stop, 0)];
    assert_eq!(all[..4], first);
    assert_eq!(all[4..], [normal(State::Init, 1), normal(State::Idle, 1)]);
}

#[tokio::test(start_paused = true)]
async fn gate_timing_out_is_a_failure_for_the_manager() {
    let when = rxd::When::any(rxd::Action::Entering, State::Run, ["b"]).within(SECOND);
    let mut idles = 0;
    let a = plain("a").watch(when).manager(Decides(move |ended: Ended| {
        idles += usize::from(ended.state == State::Idle);
        match (ended.state, idles) {
            (State::Idle, 1) => State::Run,
            (State::Idle, _) => State::Exit,
            _ => continuous(ended),
        }
    }));
    let running = start(daemon([a, fake("b", State::Init, [Behavior::Hang])])).await;
    running.until("a", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").cause, Cause::Timeout);
    assert_eq!(ran.error("a"), "waited 1s for `b` entering Run");
    assert_eq!(ran.states("a"), "init+ init- idle+ idle- stop+ stop- exit+");
}

#[tokio::test(start_paused = true)]
async fn gate_before_init_timing_out_may_end_the_service() {
    let waits = || {
        let when = rxd::When::any(rxd::Action::Entering, State::Run, ["b"]).then(rxd::Effect::GateInit).within(SECOND);
        plain("a").watch(when).options(no_backoff())
    };
    let ends = [
        (
            waits().manager(continuous_except(State::Init, || State::Exit)),
            Cause::Timeout,
            "waited 1s for `b` entering Run",
        ),
        (
            waits().manager(continuous_except(State::Init, || panic!("scripted panic"))),
            Cause::Panic,
            "its manager panicked: scripted panic",
        ),
        (
            waits().manager(continuous_except(State::Stop, || panic!("scripted panic"))),
            Cause::Panic,
            "its manager panicked: scripted panic",
        ),
    ];
    for (a, cause, text) in ends {
        let running = start(daemon([a, fake("b", State::Init, [Behavior::Hang])])).await;
        running.until("a", State::Exit).await;
        let ran = running.stop().await;
        assert_eq!(ran.states("a"), "exit+");
        assert_eq!(ran.trace.entered("a", State::Exit)[0], SECOND);
        assert_eq!(ran.service_report("a").cause, cause);
        assert!(ran.error("a").starts_with(text), "{}", ran.error("a"));
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
        if ended.state == State::Idle { State::Exit } else { continuous(ended) }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_job_that_never_ran_stays_closed() {
    let job = plain("job").manager(NothingToDo);
    let running = start(daemon([job, plain("next").after(["job"])])).await;
    settle().await;
    assert_eq!(running.handle.states()["job"].cause, Cause::Normal);
    assert!(running.handle.states()["next"].is_in(State::Idle));
    running.stop().await;
}
