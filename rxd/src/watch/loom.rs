//! A watch whose context is cancelled amid transitions, under every interleaving with the board.
//!
//! The token is tokio-util's; loom sees each call of it as a single step. The tests check that no
//! wake-up is lost between the two that may wake the reader, the board and the token.
//!
//! `RUSTFLAGS="--cfg rxd_loom" cargo test -p rxd --lib --release loom`

use super::*;
use crate::board::Board;
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::lifecycle::state::{Cause, Filter, Transition};
use ::loom::sync::atomic::AtomicBool;
use ::loom::thread;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

/// Notes that it was woken.
struct Alarm(AtomicBool);

/// One alarm for each time that a reader may wait. They are made before the threads start, and
/// dropped after the threads were joined, since loom does not see the token's lock.
struct Alarms([Arc<Alarm>; 4]);

impl Alarms {
    fn new() -> Alarms {
        Alarms(std::array::from_fn(|_| Arc::new(Alarm(AtomicBool::new(false)))))
    }

    /// Polls until the end. Returns the number of items.
    fn read<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<Option<T>>) -> u32 {
        let (mut count, mut alarms) = (0, self.0.iter());
        let mut alarm = alarms.next().unwrap();
        loop {
            match poll(&mut Context::from_waker(&Waker::from(alarm.clone()))) {
                Poll::Ready(Some(_)) => count += 1,
                Poll::Ready(None) => return count,
                Poll::Pending => {
                    while !alarm.0.load(Ordering::Acquire) {
                        thread::yield_now();
                    }
                    alarm = alarms.next().expect("a reader is woken at most three times");
                }
            }
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

fn core() -> Arc<Core> {
    let board = Board::new(vec![Vec::new()], 4);
    Arc::new(Core::new("d".into(), ServiceNames::of_names(["s"]), board, StopOrder::new(&[Vec::new()])))
}

/// One thread makes a transition, another cancels the token.
fn disturb(core: &Arc<Core>, token: &CancellationToken) -> [thread::JoinHandle<()>; 2] {
    let (core, token) = (core.clone(), token.clone());
    let moves = thread::spawn(move || {
        core.board.publish(0, State::Run, Transition::Entering, Cause::Normal);
    });
    [moves, thread::spawn(move || token.cancel())]
}

#[test]
fn loom_g52_watch_cancelled_amid_a_transition_ends() {
    ::loom::model(|| {
        let (core, token, alarms) = (core(), CancellationToken::new(), Alarms::new());
        let watch = Watch::new(&core, Mode::Any, Action::Entering, State::Run, &"s").unwrap();
        let mut watch = watch.ending_with(token.clone());
        let threads = disturb(&core, &token);
        let count = alarms.read(|task| watch.poll(task));
        assert!(count <= 1);
        assert_eq!(watch.ended(), Some(&WatchEnded::Cancelled));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_g52_stream_cancelled_amid_a_transition_ends() {
    ::loom::model(|| {
        let (core, token, alarms) = (core(), CancellationToken::new(), Alarms::new());
        let mut states = StateStream::new(&core, &Filter::None).unwrap().ending_with(token.clone());
        let threads = disturb(&core, &token);
        let count = alarms.read(|task| states.poll(task));
        assert!(count <= 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
