//! The cost of a transition, counted in updated watches and in allocations, not in time. G48, F61.

use allocation_counter::measure;
use futures_core::Stream;
use rxd::__private::Bench as Stage;
use rxd::{Action, Filter, State, Watch};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How many watches 100 transitions of `s0` update, with `own` watches on it, `others` services
/// beside it, and `elsewhere` watches on each of up to ten of those.
fn updates(own: usize, others: usize, elsewhere: usize) -> u64 {
    let stage = Stage::new(1 + others, 8);
    let watch = |name: &str| stage.watch_any(Action::Entering, State::Run, name).unwrap();
    let mut watches: Vec<_> = (0..own).map(|_| watch("s0")).collect();
    for other in 0..others.min(10) {
        watches.extend((0..elsewhere).map(|_| watch(&format!("s{}", other + 1))));
    }
    for _ in 0..50 {
        stage.enter(0);
        stage.leave(0);
    }
    stage.watcher_updates()
}

#[test]
fn g48_transition_updates_only_watches_of_its_service() {
    for own in [0, 1, 10, 1_000] {
        let wanted = 100 * own as u64;
        for (others, elsewhere) in [(0, 0), (10, 0), (10, 1_000), (10_000, 100)] {
            assert_eq!(updates(own, others, elsewhere), wanted, "{own} of its own, {elsewhere} on others");
        }
    }
}

#[test]
fn f61_dropped_watches_are_no_longer_updated() {
    const WATCHERS: usize = 10_000;
    let stage = Stage::new(2, 64);
    let watches: Vec<_> = (0..WATCHERS).map(|_| stage.watch_any(Action::Entering, State::Run, "s0").unwrap()).collect();
    for _ in 0..50 {
        stage.enter(0);
        stage.leave(0);
        // No watch is on this service.
        stage.enter(1);
        stage.leave(1);
    }
    assert_eq!(stage.watcher_updates(), 100 * WATCHERS as u64);
    assert_eq!(stage.watched(), WATCHERS);
    // Neither in the order of creation nor in its reverse.
    let mut left: Vec<_> = watches.into_iter().map(Some).collect();
    for nth in 0..WATCHERS {
        left[nth * 7_919 % WATCHERS] = None;
        assert_eq!(stage.watched(), WATCHERS - 1 - nth);
        if nth == 100 {
            break;
        }
    }
    drop(left);
    assert_eq!(stage.watched(), 0);
    stage.enter(0);
    assert_eq!(stage.watcher_updates(), 100 * WATCHERS as u64, "dropped watches are not updated");
}

#[test]
fn stream_of_all_services_is_one_watch() {
    let stage = Stage::new(10_000, 8);
    let streams: Vec<_> = (0..3).map(|_| stage.watch_states(&Filter::None).unwrap()).collect();
    assert_eq!(stage.watched(), 3);
    stage.enter(7);
    assert_eq!(stage.watcher_updates(), 3);
    drop(streams);
    assert_eq!(stage.watched(), 0);
}

#[test]
fn watch_on_many_services_is_updated_once_per_transition() {
    let stage = Stage::new(1_000, 8);
    let names: Vec<String> = (0..1_000).map(|id| format!("s{id}")).collect();
    let watch = stage.watch_all(Action::Changing, State::Run, &names).unwrap();
    (0..1_000).for_each(|id| stage.enter(id));
    assert_eq!(stage.watcher_updates(), 1_000);
    drop(watch);
}

/// Takes the next event, or registers a waker.
fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn transition_with_any_watchers_allocates_nothing() {
    let names: Vec<String> = (0..3).map(|id| format!("s{id}")).collect();
    for watchers in [0, 1, 100] {
        let stage = Stage::new(3, 16);
        let any = |action| stage.watch_any(action, State::Run, "s0").unwrap();
        let all = |action| stage.watch_all(action, State::Run, &names).unwrap();
        let mut watches: Vec<Watch> = Vec::new();
        for _ in 0..watchers {
            watches.extend([any(Action::Entering), any(Action::Changing), all(Action::NotIn), all(Action::Changing)]);
        }
        let mut streams: Vec<_> = (0..watchers).map(|_| stage.watch_states(&Filter::None).unwrap()).collect();
        let idle = watchers.min(1);
        let unread: Vec<_> = (0..idle).map(|_| stage.watch_states(&Filter::include(["s0"])).unwrap()).collect();
        for nth in 0..100 {
            // All wait, so that all are woken.
            for watch in &mut watches {
                while poll(watch).is_ready() {}
            }
            for stream in &mut streams {
                while poll(stream).is_ready() {}
            }
            let made = measure(|| {
                for service in 0..3 {
                    stage.enter(service);
                    (0..nth).for_each(|_| stage.leave(service));
                }
            });
            assert_eq!(made.count_total, 0, "{watchers} watchers of each kind");
        }
        drop(unread);
    }
}

#[test]
fn stream_far_behind_costs_the_same_per_event() {
    let stage = Stage::new(1, 1_000);
    let mut stream = stage.watch_states(&Filter::None).unwrap();
    assert!(poll(&mut stream).is_ready(), "the snapshot");
    let mut read = |behind| {
        (0..behind).for_each(|_| stage.enter(0));
        measure(|| while poll(&mut stream).is_ready() {}).count_total
    };
    let one = read(1);
    assert_eq!(read(500), 500 * one);
}
