//! F51: a watcher sleeps. F52: a watcher reads 100,000 transitions as fast as it can. F59: a
//! subscription is never read. G34, G35.

use crate::common::{Restarting, end, fake, service, start_with, transitions};
use rxd::__private::Bench;
use rxd::testing::Behavior;
use rxd::{Action, Daemon, Filter, State, StateEvent, StateStream};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn f51_sleeping_reader_delays_no_other_and_gets_lagged() {
    let (log, a) = fake(&[State::Run]);
    let handle = start_with(Daemon::new("d").history(16), [service("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut sleeper = handle.watch_states(Filter::None).unwrap();
    assert!(matches!(sleeper.next().await, Some(StateEvent::Snapshot(_))));
    let asleep = tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        sleeper
    });
    let begun = Instant::now();
    let mut awake = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    awake.next().await.unwrap();
    for _ in 0..100 {
        log.set_behavior("a", Behavior::Ok);
        let event = awake.next().await.unwrap();
        assert_eq!(event.times, 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "the others do not wait for the sleeper");
    let mut sleeper = asleep.await.unwrap();
    let Some(StateEvent::Lagged { missed, snapshot }) = sleeper.next().await else { panic!("the sleeper lags") };
    assert_eq!((missed, snapshot.seq()), (800, 805));
    assert!(snapshot["a"].is_in(State::Run));
    log.set_behavior("a", Behavior::Ok);
    let Some(StateEvent::Changed(state)) = sleeper.next().await else { panic!("it continues after the snapshot") };
    assert_eq!(state.seq, 806);
    end(&handle).await;
}

/// How many transitions a stream has yielded, and how many it reported as missed, up to `last`.
async fn read(stream: &mut StateStream, last: u64) -> (u64, u64) {
    let (mut seen, mut missed, mut seq) = (0, 0, 0);
    while seq < last {
        match stream.next().await.expect("the stream has not ended") {
            StateEvent::Snapshot(states) => seq = states.seq(),
            StateEvent::Changed(state) => {
                assert_eq!(state.seq, seq + 1, "in order and without a gap");
                (seen, seq) = (seen + 1, state.seq);
            }
            StateEvent::Lagged { missed: more, snapshot } => {
                assert_eq!(snapshot.seq(), seq + more);
                (missed, seq) = (missed + more, snapshot.seq());
            }
        }
    }
    (seen, missed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f52_fast_reader_sees_all_or_gets_lagged() {
    const RESTARTS: u32 = 12_500;
    let (log, gate) = fake(&[State::Run]);
    // `a` starts once all watches exist.
    let (go, held) = fake(&[State::Init, State::Run]);
    let first = |service| rxd::When::any(Action::Entering, State::Run, [service]);
    let daemon = Daemon::new("d").add(service("gate", gate).watch(first("a"))).add(service("go", held));
    let handle = start_with(daemon, [service("a", Restarting(RESTARTS)).watch(first("go"))]).await;
    let mut stream = handle.watch_states(Filter::include(["a"])).unwrap();
    let mut watch = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    go.set_behavior("go", Behavior::Ok);
    let (mut seen, mut missed, mut at, mut runs) = (0, 0, 0, 0);
    let counting = tokio::spawn(async move {
        while runs <= u64::from(RESTARTS) {
            runs += watch.next().await.expect("the stream has not ended").times;
        }
        runs
    });
    let mut last = 0;
    while at < transitions(RESTARTS) {
        match stream.next().await.expect("the stream has not ended") {
            StateEvent::Snapshot(states) => {
                // The transitions of `a` when the stream was made, not those of the daemon.
                let service = &states["a"];
                at = u64::from(service.restarts) * 8 + steps(service);
            }
            StateEvent::Changed(state) => {
                assert!(state.seq > last);
                (seen, at, last) = (seen + 1, at + 1, state.seq);
            }
            StateEvent::Lagged { missed: more, snapshot } => {
                (missed, at, last) = (missed + more, at + more, snapshot.seq())
            }
        }
    }
    assert!(seen + missed <= transitions(RESTARTS));
    assert_eq!(counting.await.unwrap(), u64::from(RESTARTS) + 1, "each entering Run counted, however short");
    drop(log);
    end(&handle).await;
}

/// How many transitions a service has made in its incarnation.
fn steps(service: &rxd::ServiceState) -> u64 {
    match service.state {
        State::Unknown => 0,
        state => (state as u64 - 1) * 2 + 1 + u64::from(service.transition == rxd::Transition::Exited),
    }
}

#[tokio::test(start_paused = true)]
async fn f59_unread_stream_delays_nobody() {
    const RESTARTS: u32 = 1_000;
    let handle = start_with(Daemon::new("d"), [service("a", Restarting(RESTARTS))]).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(handle.watch_states(Filter::None).unwrap());
    }
    let watches: Vec<_> = (0..100).map(|_| handle.watch_any(Action::Changing, State::Run, "a").unwrap()).collect();
    let mut reader = handle.watch_states(Filter::None).unwrap();
    let (seen, missed) = read(&mut reader, transitions(RESTARTS)).await;
    assert_eq!(seen + missed, transitions(RESTARTS));
    end(&handle).await;
    // The unread streams and watches still report what happened.
    let mut first = idle.remove(0);
    assert!(matches!(first.next().await, Some(StateEvent::Snapshot(_))));
    assert!(matches!(first.next().await, Some(StateEvent::Lagged { .. })));
    assert!(first.next().await.is_none());
    for mut watch in watches {
        assert_eq!(watch.next().await.unwrap().times, u64::from(RESTARTS) * 2 + 2);
        assert!(watch.next().await.is_none());
    }
}

#[tokio::test]
async fn stream_with_a_long_history_yields_to_other_tasks() {
    const STEPS: usize = 50_000;
    let stage = Bench::new(1, STEPS);
    let mut stream = stage.watch_states(&Filter::None).unwrap();
    (0..STEPS / 2).for_each(|_| {
        stage.enter(0);
        stage.leave(0);
    });
    let turn = tokio::spawn(async {});
    let mut read = 0;
    while !turn.is_finished() {
        assert!(stream.next().await.is_some());
        read += 1;
        assert!(read < STEPS, "the stream does not yield its thread");
    }
}
