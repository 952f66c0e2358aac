//! `rxd::intracom`: one behaviour a file. Time is paused wherever a clock is involved.

mod accounting;
mod bridges;
mod closing;
mod delivery;
mod groups;
mod model;
mod modelled;
mod panics;
mod policies;
mod racing;
mod replay;
mod scopes;
mod stuck;
mod topics;
mod user_code;
mod wild;

use rxd::intracom::{Intracom, Topic};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A topic in a registry of its own. The topic keeps itself alive.
fn topic<T: Clone + Send + 'static>() -> Topic<T> {
    Intracom::new().topic("test").unwrap()
}

/// Polls, and again for as long as that is what the future itself asks for.
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
    // Without tokio's budget: whoever polls by hand is not a task that could be put back.
    let mut polled =
        std::pin::pin!(tokio::task::coop::unconstrained(std::future::poll_fn(|cx| future.as_mut().poll(cx))));
    loop {
        let output = polled.as_mut().poll(&mut Context::from_waker(&waker));
        if output.is_ready() || !again.0.swap(false, Ordering::SeqCst) {
            return output;
        }
    }
}

/// What the future has now, if it has.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match poll(std::pin::pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
