//! F60: many transitions. F61: many watchers of one service.

use crate::common::{Restarting, end, service, start, start_with, transitions};
use allocation_counter::measure;
use futures_core::Stream;
use rxd::__private::Bench as Stage;
use rxd::{Action, Daemon, Filter, State, StateEvent, StateStream};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[tokio::test(start_paused = true)]
async fn f60_burst_of_transitions_has_no_gap_in_sequence_numbers() {
    const RESTARTS: u32 = 12_500;
    let all = transitions(RESTARTS);
    let handle = start_with(Daemon::new("d").history(all as usize), [service("a", Restarting(RESTARTS))]).await;
    let mut stream = handle.watch_states(Filter::None).unwrap();
    let mut runs = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    let mut times = 0;
    while times <= u64::from(RESTARTS) {
        times += runs.next().await.unwrap().times;
    }
    assert_eq!(times, u64::from(RESTARTS) + 1);
    assert!(matches!(stream.next().await, Some(StateEvent::Snapshot(states)) if states.seq() == 0));
    for seq in 1..=all {
        let Some(StateEvent::Changed(state)) = stream.next().await else { panic!("each transition is kept") };
        assert_eq!(state.seq, seq);
    }
    let history = handle.history();
    assert!(history.iter().map(|state| state.seq).eq(1..=all));
    end(&handle).await;
}

/// Polls a stream once.
fn poll(stream: &mut StateStream) -> Poll<Option<StateEvent>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn f60_million_transitions_have_no_gap_and_take_no_memory() {
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
                let Some(StateEvent::Changed(state)) = event else { panic!("the stream keeps up: {event:?}") };
                read += 1;
                assert_eq!(state.seq, read);
            }
            assert_eq!(read, nth + 1);
        }
    });
    assert_eq!((read, memory.bytes_current), (ALL, 0), "no memory is kept");
    assert!(memory.bytes_max < 16 * 1024, "{memory:?}");
    // The watch and the stream that were never polled report all of them.
    let mut next = std::pin::pin!(unpolled.next());
    let event = Future::poll(next.as_mut(), &mut Context::from_waker(Waker::noop()));
    assert!(matches!(event, Poll::Ready(Some(event)) if (event.seq, event.times) == (ALL, ALL)));
    assert!(matches!(poll(&mut unread), Poll::Ready(Some(StateEvent::Snapshot(states))) if states.seq() == 0));
    let Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) = poll(&mut unread) else {
        panic!("the stream lags")
    };
    assert_eq!((missed, snapshot.seq()), (ALL, ALL));
}

#[tokio::test]
async fn f61_ten_thousand_watchers_of_one_service_each_see_each_run() {
    const WATCHERS: usize = 10_000;
    // A million of them: `RXD_TRANSITIONS=1000000 cargo test --release -p rxd --all-features --test
    // watching -- f61_ten`.
    let all: u32 = std::env::var("RXD_TRANSITIONS").map_or(100, |count| count.parse().unwrap());
    let restarts = all / 8;
    let handle = start([service("a", Restarting(restarts)), service("b", Restarting(0))]).await;
    let mut watches: Vec<_> =
        (0..WATCHERS).map(|_| handle.watch_any(Action::Entering, State::Run, "a").unwrap()).collect();
    let quiet: Vec<_> = (0..WATCHERS).map(|_| handle.watch_any(Action::Exited, State::Run, "a").unwrap()).collect();
    let readers: Vec<_> = watches
        .drain(..)
        .map(|mut watch| {
            tokio::spawn(async move {
                let mut times = 0;
                while times <= u64::from(restarts) {
                    times += watch.next().await.expect("the watch has not ended").times;
                }
                times
            })
        })
        .collect();
    for times in readers {
        assert_eq!(times.await.unwrap(), u64::from(restarts) + 1);
    }
    // Watches that were never polled have counted too.
    for mut watch in quiet {
        assert_eq!(watch.next().await.unwrap().times, u64::from(restarts));
    }
    end(&handle).await;
}
