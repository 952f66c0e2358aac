//! `rxd::intracom`: one behaviour a file. Time is paused wherever a clock is involved.

mod accounting;
mod against_model;
mod ask;
mod closing;
mod delivery;
mod groups;
mod model;
mod panics;
mod policies;
mod racing;
mod random_panics;
mod replay;
mod scopes;
mod stalled;
mod streams;
mod topics;
mod user_code;

use rxd::intracom::{Intracom, Topic};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A topic in a new registry. The handle keeps the topic alive.
fn topic<T: Clone + Send + 'static>() -> Topic<T> {
    Intracom::new().topic("test").unwrap()
}

/// Polls the future, and polls again while it wakes itself.
fn poll<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    #[derive(Default)]
    struct Again(AtomicBool);
    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let again = Arc::new(Again::default());
    let waker = Waker::from(again.clone());
    // Without tokio's budget, since a future polled by hand is not a task that could be
    // rescheduled.
    let mut polled =
        std::pin::pin!(tokio::task::coop::unconstrained(std::future::poll_fn(|cx| future.as_mut().poll(cx))));
    loop {
        let output = polled.as_mut().poll(&mut Context::from_waker(&waker));
        if output.is_ready() || !again.0.swap(false, Ordering::SeqCst) {
            return output;
        }
    }
}

/// The output of the future, if it is ready now.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match poll(std::pin::pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
