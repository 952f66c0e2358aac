//! Polls a future in a `tracing` span and under the right subscriber, even if a layer of it panics.
//!
//! The engine of each service, and each of its tasks, runs in such a future.

use crate::panic;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::dispatcher::{get_default, has_been_set, with_default};
use tracing::instrument::WithSubscriber;
use tracing::{Dispatch, Span};

pin_project! {
    /// As `tracing::Instrumented`, but a layer that panics when the span is entered or left does
    /// not end the future.
    pub(crate) struct InSpan<F> {
        #[pin]
        future: F,
        span: Span,
    }
}

/// The subscriber under which a daemon was started, if it is one of that thread only. `tracing`
/// gives such a subscriber to no other thread, so the tasks of the daemon bring it along.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopedSubscriber(Option<Dispatch>);

impl ScopedSubscriber {
    pub(crate) fn current() -> Self {
        if !has_been_set() {
            return ScopedSubscriber(None);
        }
        let dispatch = get_default(Clone::clone);
        // There is no other way to ask. Should the text change, the subscriber stays in its thread.
        let is_scoped = format!("{dispatch:?}").starts_with("Dispatch::Scoped");
        ScopedSubscriber(is_scoped.then_some(dispatch))
    }

    /// Calls `f` under the subscriber.
    pub(crate) fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        match &self.0 {
            None => f(),
            Some(dispatch) => with_default(dispatch, f),
        }
    }

    /// Spawns a task that runs under the subscriber. Inline: each move of the task costs more than
    /// all else here.
    #[inline(always)]
    pub(crate) fn spawn<F>(&self, runtime: &Handle, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.0 {
            None => runtime.spawn(task),
            Some(dispatch) => spawn_under(dispatch, runtime, Box::pin(task)),
        }
    }

    /// A task that runs under the subscriber wherever it is spawned.
    #[cfg(feature = "axum")]
    pub(crate) fn attach(
        &self,
        task: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.0 {
            None => task,
            Some(dispatch) => Box::pin(task.with_subscriber(dispatch.clone())),
        }
    }
}

#[cold]
fn spawn_under<T: Send + 'static>(
    dispatch: &Dispatch,
    runtime: &Handle,
    task: Pin<Box<dyn Future<Output = T> + Send>>,
) -> JoinHandle<T> {
    // Boxed again, so that it is of the type of other tasks.
    let task: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(task.with_subscriber(dispatch.clone()));
    runtime.spawn(task)
}

/// Makes a span, or an empty one if a layer panics meanwhile.
pub(crate) fn span(make: impl FnOnce() -> Span) -> Span {
    panic::ignore(make).unwrap_or_else(Span::none)
}

/// Runs code in a span, which is dropped after that.
pub(crate) fn in_span<T>(span: Span, code: impl FnOnce() -> T) -> T {
    let (mut code, mut output) = (Some(code), None);
    panic::ignore(|| {
        let _entered = span.enter();
        output = code.take().map(|code| panic::catch(code));
    });
    panic::ignore(|| drop(span));
    match (output, code) {
        (Some(Ok(output)), _) => output,
        (Some(Err(caught)), _) => caught.resume(),
        (None, Some(code)) => code(),
        (None, None) => unreachable!("the code is taken only to run it"),
    }
}

impl<F: Future> InSpan<F> {
    pub(crate) fn new(future: F, span: Span) -> Self {
        InSpan { future, span }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let mut polled = None;
        panic::ignore(|| {
            let _entered = this.span.enter();
            // Caught before the span is left. If a layer panicked then too, there would be two
            // panics at once, which aborts the process.
            polled = Some(panic::catch(|| this.future.as_mut().poll(task)));
        });
        match polled {
            Some(Ok(polled)) => polled,
            Some(Err(caught)) => caught.resume(),
            // The span could not be entered: the future is polled without it.
            None => this.future.poll(task),
        }
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use tracing::subscriber::{Interest, Subscriber};

    /// A subscriber that panics whenever a span is entered or left.
    struct Hostile;

    impl Subscriber for Hostile {
        fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
            Interest::always()
        }
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &tracing::span::Id) {
            panic!("hostile");
        }
        fn exit(&self, _: &tracing::span::Id) {
            panic!("hostile");
        }
    }

    #[test]
    fn g53_future_in_a_span_that_panics_on_entry_is_polled() {
        tracing::subscriber::with_default(Hostile, || {
            let span = tracing::error_span!("service");
            let mut future = std::pin::pin!(InSpan::new(std::future::ready(7), span));
            let polled = future.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
            assert_eq!(polled, Poll::Ready(7));
        });
    }

    #[test]
    fn g53_future_and_span_that_both_panic_do_not_abort() {
        /// A subscriber that panics only when a span is left.
        struct Leaving;

        impl Subscriber for Leaving {
            fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
                true
            }
            fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
                tracing::span::Id::from_u64(1)
            }
            fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
            fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
            fn event(&self, _: &tracing::Event<'_>) {}
            fn enter(&self, _: &tracing::span::Id) {}
            fn exit(&self, _: &tracing::span::Id) {
                panic!("hostile");
            }
        }

        tracing::subscriber::with_default(Leaving, || {
            let span = tracing::error_span!("service");
            let future = std::pin::pin!(InSpan::new(std::future::poll_fn(|_| -> Poll<()> { panic!("its own") }), span));
            let mut task = Context::from_waker(std::task::Waker::noop());
            let caught = panic::catch(|| future.poll(&mut task)).err().map(|caught| caught.to_string());
            assert!(caught.as_deref().is_some_and(|text| text.starts_with("its own")), "{caught:?}");
        });
    }
}
