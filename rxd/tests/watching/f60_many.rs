//! F60: many transitions. F61: many watchers of one service.

use crate::common::{Spinner, brisk, end, start, start_with, transitions};
use allocation_counter::measure;
use futures_core::Stream;
use rxd::__private::Bench as Stage;
use rxd::{Action, Daemon, Filter, State, StateEvent, StateStream};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[tokio::test(start_paused = true)]
async fn f60_a_burst_is_numbered_without_a_gap() {
    const ROUNDS: u32 = 12_500;
    let all = transitions(ROUNDS);
    let handle = start_with(Daemon::new("d").history(all as usize), [brisk("a", Spinner(ROUNDS))]).await;
    let mut stream = handle.watch_states(Filter::None).unwrap();
    let mut runs = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    let mut times = 0;
    while times <= u64::from(ROUNDS) {
        times += runs.next().await.unwrap().times;
    }
    assert_eq!(times, u64::from(ROUNDS) + 1);
    assert!(matches!(stream.next().await, Some(StateEvent::Snapshot(states)) if states.seq() == 0));
    for seq in 1..=all {
        let Some(StateEvent::Changed(state)) = stream.next().await else { panic!("each of them is kept") };
        assert_eq!(state.seq, seq);
    }
    let history = handle.history();
    assert!(history.iter().map(|state| state.seq).eq(1..=all));
    end(&handle).await;
}

/// What a stream has now.
fn poll(stream: &mut StateStream) -> Poll<Option<StateEvent>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn f60_a_million_transitions_have_no_gap_and_take_no_memory() {
    const ALL: u64 = 1_000_000;
    let stage = Stage::new(3, 128);
    let mut unread = stage.watch_states(&Filter::None).unwrap();
    let mut unpolled = stage.watch_any(Action::Changing, State::Run, ["s0", "s1", "s2"]).unwrap();
    let mut stream = stage.watch_states(&Filter::None).unwrap();
    assert!(matches!(poll(&mut stream), Poll::Ready(Some(StateEvent::Snapshot(_)))));
    let mut read = 0;
    let memory = measure(|| {
        for nth in 0..ALL {
            let service = nth as usize % 3;
            if nth / 3 % 2 == 0 {
                stage.enter(service)
            } else {
                stage.leave(service)
            }
            if nth % 100 < 99 {
                continue;
            }
            while let Poll::Ready(event) = poll(&mut stream) {
                let Some(StateEvent::Changed(state)) = event else { panic!("it keeps up: {event:?}") };
                read += 1;
                assert_eq!(state.seq, read);
            }
            assert_eq!(read, nth + 1);
        }
    });
    assert_eq!((read, memory.bytes_current), (ALL, 0), "nothing is kept of them");
    assert!(memory.bytes_max < 16 * 1024, "{memory:?}");
    // Who slept through all of it is told so.
    let mut next = std::pin::pin!(unpolled.next());
    let met = Future::poll(next.as_mut(), &mut Context::from_waker(Waker::noop()));
    assert!(matches!(met, Poll::Ready(Some(met)) if (met.seq, met.times) == (ALL, ALL)));
    assert!(matches!(poll(&mut unread), Poll::Ready(Some(StateEvent::Snapshot(states))) if states.seq() == 0));
    let Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) = poll(&mut unread) else { panic!("it lagged") };
    assert_eq!((missed, snapshot.seq()), (ALL, ALL));
}

#[tokio::test]
async fn f61_ten_thousand_watchers_of_one_service_are_each_told_each_time() {
    const WATCHERS: usize = 10_000;
    // A million of them: `RXD_TRANSITIONS=1000000 cargo test --release -p rxd --all-features --test watching -- f61_ten`.
    let all: u32 = std::env::var("RXD_TRANSITIONS").map_or(100, |count| count.parse().unwrap());
    let rounds = all / 8;
    let handle = start([brisk("a", Spinner(rounds)), brisk("b", Spinner(0))]).await;
    let mut watches: Vec<_> =
        (0..WATCHERS).map(|_| handle.watch_any(Action::Entering, State::Run, "a").unwrap()).collect();
    let quiet: Vec<_> = (0..WATCHERS).map(|_| handle.watch_any(Action::Exited, State::Run, "a").unwrap()).collect();
    let told: Vec<_> = watches
        .drain(..)
        .map(|mut watch| {
            tokio::spawn(async move {
                let mut times = 0;
                while times <= u64::from(rounds) {
                    times += watch.next().await.expect("it goes on").times;
                }
                times
            })
        })
        .collect();
    for times in told {
        assert_eq!(times.await.unwrap(), u64::from(rounds) + 1);
    }
    // Those that nobody polled know just as well.
    for mut watch in quiet {
        assert_eq!(watch.next().await.unwrap().times, u64::from(rounds));
    }
    end(&handle).await;
}
