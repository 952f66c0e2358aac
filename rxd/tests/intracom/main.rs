//! `rxd::intracom`: one behaviour a file. Time is paused wherever a clock is involved.

mod accounting;
mod bridges;
mod closing;
mod delivery;
mod groups;
mod model;
mod panics;
mod policies;
mod racing;
mod scopes;
mod stuck;
mod topics;

use rxd::intracom::{Intracom, Topic};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A topic in a registry of its own. The topic keeps itself alive.
fn topic<T: Clone + Send + 'static>() -> Topic<T> {
    Intracom::new().topic("test").unwrap()
}

/// Polls once, with nobody to wake.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What the future has now, if it has.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match poll(std::pin::pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
