//! What an engine does to its task, which no test of a daemon sees.

use super::{Seat, serve};
use crate::board::{Board, signal};
use crate::context::Context;
use crate::core::Core;
use crate::directory::Directory;
use crate::error::Result;
use crate::manager::continuous;
use crate::options::{Knobs, Options};
use crate::service::Runner;
use crate::shutdown::Ladder;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

struct Waits;

impl Runner for Waits {
    async fn run(&mut self, cx: &Context) -> Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[test]
fn whatever_ends_it_nothing_is_left_that_could_wake_it() {
    for is_dropped in [false, true] {
        let (directory, ladder) = (Directory::of_names(["a".to_owned()]), Ladder::new(&[vec![]]));
        let core = Arc::new(Core::new("d".into(), directory, Board::new(vec![vec![]], 8), ladder));
        let seat = Seat::new(core.clone(), 0, Knobs::Declared(&Options::DEFAULT), Box::new(continuous));
        let task = Arc::new(Task);
        let waker = Waker::from(task.clone());
        {
            let mut engine = pin!(Some(serve(Waits, seat)));
            let mut poll =
                || engine.as_mut().as_pin_mut().map(|engine| engine.poll(&mut TaskContext::from_waker(&waker)));
            assert!(poll().is_some_and(|poll| poll.is_pending()));
            assert!(Arc::strong_count(&task) > 2, "the board has its waker");
            core.board.raise(0, signal::SHUTDOWN);
            if is_dropped {
                engine.set(None);
            } else {
                // It has woken the supervisor, and lets it have the thread before the service is dropped.
                assert!(poll().is_some_and(|poll| poll.is_pending()));
                assert!(poll().is_some_and(|poll| poll.is_ready()));
            }
        }
        assert_eq!(Arc::strong_count(&task), 2);
        assert!(core.board.word(0).over);
    }
}
