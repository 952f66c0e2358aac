//! Every outcome of every method under every manager, with a stop at every time; and random tables
//! against a model.

use crate::kit::*;
use proptest::prelude::*;
use rxd::manager::{Ended, Table};
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, Trace};
use rxd::{Backoff, Cause, Daemon, Filter, Manager, Options, Service, State, StateEvent, Transition, manager};
use std::time::Duration;

const METHODS: [State; 4] = [State::Init, State::Idle, State::Run, State::Stop];

rxd::manager! {
    /// Restarts after a failure, ends after a success.
    struct OneGood {
        Init => { ok: Idle, failed: Stop },
        Idle => { ok: Run, failed: Stop },
        Run => { ok: Exit, failed: Stop },
        Stop => { ok: Init, failed: Exit },
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ManagerKind {
    Continuous,
    UntilSuccess,
    Custom,
}

/// When the daemon is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// Before the method is called.
    Before,
    /// While the method runs.
    During,
    /// Some time after the method has ended.
    After,
}

/// What a method does once, and its cause if that is a failure without a shutdown.
fn behaviors() -> Vec<(Behavior, Option<Cause>)> {
    let takes = |behavior: Behavior| behavior.after(10 * MS);
    vec![
        (takes(Behavior::Ok), None),
        (takes(Behavior::Fail), Some(Cause::Error)),
        (takes(Behavior::Panic), Some(Cause::Panic)),
        (takes(Behavior::PanicWithNonString), Some(Cause::Panic)),
        (Behavior::Hang, Some(Cause::Timeout)),
        (Behavior::UntilCancelled, Some(Cause::Timeout)),
        (takes(Behavior::Cancelled), Some(Cause::Error)),
        (takes(Behavior::Done), Some(Cause::Error)),
    ]
}

async fn case(state: State, behavior: Behavior, kind: ManagerKind, when: When) -> (Outcome, CallLog) {
    let call_log = CallLog::new();
    let usual = if state == State::Run { Behavior::UntilCancelled } else { Behavior::Ok };
    let mut fake = FakeService::new().on(state, [behavior, usual]);
    if state == State::Stop {
        fake = fake.on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]);
    }
    let options = METHODS.iter().fold(no_backoff(), |options, &state| options.timeout_of(state, SECOND));
    let options = options.timeout_of(State::Run, if state == State::Run { SECOND } else { 3600 * SECOND });
    let service = with_call_log("a", fake, &call_log).options(options);
    let service = match kind {
        ManagerKind::Continuous => service.manager(manager::continuous),
        ManagerKind::UntilSuccess => service.manager(manager::until_success),
        ManagerKind::Custom => service.manager(OneGood),
    };
    let running = start(daemon([service])).await;
    let mut all = running.handle.watch_states(Filter::None).unwrap();
    let reached = |event: &StateEvent| match (event, when) {
        (_, When::Before) if state == State::Init => true,
        (StateEvent::Changed(seen), When::Before) => {
            seen.transition == Transition::Exited && seen.state as u8 + 1 >= state as u8
        }
        (StateEvent::Changed(seen), When::During) => seen.is_in(state),
        (StateEvent::Changed(seen), When::After) => seen.transition == Transition::Exited && seen.state == state,
        _ => false,
    };
    while let Some(event) = all.next().await {
        if reached(&event) {
            break;
        }
    }
    if when == When::After {
        tokio::time::sleep(50 * MS).await;
    }
    (running.stop().await, call_log)
}

#[tokio::test(start_paused = true)]
async fn g2_g3_any_outcome_under_any_manager_stopped_at_any_time_reaches_exit() {
    let mut cases = 0;
    for state in METHODS {
        for (behavior, cause) in behaviors() {
            for kind in [ManagerKind::Continuous, ManagerKind::UntilSuccess, ManagerKind::Custom] {
                for when in [When::Before, When::During, When::After] {
                    let (ran, call_log) = case(state, behavior.clone(), kind, when).await;
                    let what = format!("{behavior:?} in {state} under {kind:?}, stopped {when:?}: {}", ran.states("a"));
                    assert_eq!(call_log.faults(), [""; 0], "{what}");
                    assert_eq!(call_log.count("a", "init"), call_log.count("a", "stop"), "{what}");
                    assert!(ran.took < 5 * SECOND, "{what}");
                    // A failure before the shutdown has its own cause.
                    let hung = matches!(behavior, Behavior::Hang | Behavior::UntilCancelled);
                    if let (When::After, Some(cause)) = (when, cause) {
                        let seen = ran.trace.steps.iter().find(|step| step.leaves(state)).map(|step| step.cause);
                        assert_eq!(seen, Some(cause), "{what}");
                    }
                    // Only a method that hangs at the shutdown can be abandoned.
                    let abandoned = ran.report.abandoned().count() > 0;
                    assert!(!abandoned || (hung && when != When::After), "{what}");
                    if matches!(behavior, Behavior::Hang) && when == When::During {
                        assert!(abandoned, "{what}");
                    }
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 4 * 8 * 3 * 3);
}

// ---- random tables, against a model ------------------------------------------------------------

/// A manager with a table made at run time.
struct Made(Table);

impl Manager for Made {
    const TABLE: Table = Table::new(
        [State::Idle, State::Exit],
        [State::Run, State::Exit],
        [State::Stop, State::Exit],
        [State::Init, State::Exit],
    );

    fn next(&mut self, ended: Ended) -> State {
        self.0.next(ended.state, !ended.cause.is_failure())
    }
}

fn table() -> impl Strategy<Value = Table> {
    let next = |from: State| {
        let may: Vec<State> = State::ALL.into_iter().filter(|&to| Table::may_follow(from, to)).collect();
        [proptest::sample::select(may.clone()), proptest::sample::select(may)]
    };
    (next(State::Init), next(State::Idle), next(State::Run), next(State::Stop))
        .prop_map(|(init, idle, run, stop)| Table::new(init, idle, run, stop))
}

/// The states that a service passes by this table, with these outcomes, one for each call.
fn model(table: &Table, outcomes: &[bool]) -> String {
    let mut words = Vec::new();
    let (mut state, mut ending) = (State::Init, false);
    for &ok in outcomes {
        words.push(format!("{state}+ {state}-"));
        let next = table.next(state, ok);
        state = match (state, next) {
            (State::Stop, _) if ending => State::Exit,
            (State::Stop, next) => next,
            (_, State::Exit) => {
                ending = true;
                State::Stop
            }
            _ if ending => State::Stop,
            (_, next) => next,
        };
        if state == State::Exit {
            words.push("exit+".into());
            break;
        }
    }
    words.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn g1_g6_random_table_and_outcomes_follow_the_model(table in table(), outcomes in proptest::collection::vec(any::<bool>(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            // All methods take their outcomes from one list.
            let left = std::sync::Arc::new(std::sync::Mutex::new(outcomes.clone().into_iter()));
            let next = Behavior::call(move |_| {
                let outcome = left.lock().unwrap().next();
                async move {
                    match outcome {
                        Some(true) => Ok(()),
                        Some(false) => Err("scripted failure".into()),
                        None => std::future::pending().await,
                    }
                }
            });
            let fake = METHODS.iter().fold(FakeService::new(), |fake, &state| fake.on(state, [next.clone()]));
            let options = Options::DEFAULT.backoff(Backoff::fixed(Duration::ZERO)).timeout_of(State::Stop, 3600 * SECOND);
            let daemon = Daemon::new("d").signals([]).blocking_threshold(None).shutdown_timeout(SECOND)
                .add(Service::new("a", fake).manager(Made(table)).options(options));
            let rules = DeclaredRules::of(&daemon).exact();
            let handle = daemon.start().await.unwrap();
            tokio::time::sleep(SECOND).await;
            let (then, expected) = (Trace::of(&handle).states_of("a"), model(&table, &outcomes));
            prop_assert!(then.starts_with(&expected), "{then}\n{expected}");
            handle.shutdown();
            let _ = handle.wait().await;
            Trace::of(&handle).assert(&rules);
            Ok(())
        })?;
    }
}
