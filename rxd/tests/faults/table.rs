//! The full table of what a method may do, where, under which manager, and when the stop comes;
//! and random tables against a model of one.

use crate::kit::*;
use proptest::prelude::*;
use rxd::manager::{Ended, Table};
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, Trace};
use rxd::{Backoff, Cause, Daemon, Filter, Manager, Options, Service, State, StateEvent, Transition, manager};
use std::time::Duration;

const METHODS: [State; 4] = [State::Init, State::Idle, State::Run, State::Stop];

rxd::manager! {
    /// Comes round after a failure, ends after a success.
    struct OneGood {
        Init => { ok: Idle, failed: Stop },
        Idle => { ok: Run, failed: Stop },
        Run => { ok: Exit, failed: Stop },
        Stop => { ok: Init, failed: Exit },
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Continuous,
    UntilSuccess,
    Custom,
}

/// When the daemon is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// As soon as the state before it was left, or nothing has happened.
    Before,
    /// While the method runs.
    During,
    /// Some time after it has ended.
    After,
}

/// What a method does, once; whether that is a failure when nobody asked it to end.
fn acts() -> Vec<(Behavior, Option<Cause>)> {
    let takes = |act: Behavior| act.after(10 * MS);
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

async fn case(state: State, act: Behavior, of: Of, when: When) -> (Ran, CallLog) {
    let probe = CallLog::new();
    let usual = if state == State::Run { Behavior::UntilCancelled } else { Behavior::Ok };
    let mut fake = FakeService::new().on(state, [act, usual]);
    if state == State::Stop {
        fake = fake.on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]);
    }
    let options = METHODS.iter().fold(brisk(), |options, &state| options.timeout_of(state, SECOND));
    let options = options.timeout_of(State::Run, if state == State::Run { SECOND } else { 3600 * SECOND });
    let service = probed("a", fake, &probe).options(options);
    let service = match of {
        Of::Continuous => service.manager(manager::continuous),
        Of::UntilSuccess => service.manager(manager::until_success),
        Of::Custom => service.manager(OneGood),
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
    (running.stop().await, probe)
}

#[tokio::test(start_paused = true)]
async fn g2_g3_every_outcome_of_every_method_under_every_manager_with_a_stop_at_every_time() {
    let mut cases = 0;
    for state in METHODS {
        for (act, cause) in acts() {
            for of in [Of::Continuous, Of::UntilSuccess, Of::Custom] {
                for when in [When::Before, When::During, When::After] {
                    let (ran, probe) = case(state, act.clone(), of, when).await;
                    let what = format!("{act:?} in {state} under {of:?}, stopped {when:?}: {}", ran.states("a"));
                    assert_eq!(probe.faults(), [""; 0], "{what}");
                    assert_eq!(probe.count("a", "init"), probe.count("a", "stop"), "{what}");
                    assert!(ran.took < 5 * SECOND, "{what}");
                    // A failure nobody asked for is seen as what it was.
                    let hung = matches!(act, Behavior::Hang | Behavior::UntilCancelled);
                    if let (When::After, Some(cause)) = (when, cause) {
                        let seen = ran.trace.steps.iter().find(|step| step.leaves(state)).map(|step| step.cause);
                        assert_eq!(seen, Some(cause), "{what}");
                    }
                    // Only what hangs when the stop comes can be abandoned.
                    let abandoned = ran.report.abandoned().count() > 0;
                    assert!(!abandoned || (hung && when != When::After), "{what}");
                    if matches!(act, Behavior::Hang) && when == When::During {
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

/// The states that a service goes through by this table, with these outcomes, one a call.
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
    fn g1_g6_any_table_and_any_outcomes_follow_the_model(table in table(), outcomes in proptest::collection::vec(any::<bool>(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            // One list of outcomes for all methods: shared by the acts of each.
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
