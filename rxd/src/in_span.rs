//! Polls a future in a `tracing` span, even if a layer of the user's subscriber panics.
//!
//! The engine of each service, and each of its tasks, runs in such a future.

use crate::panic;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

pin_project! {
    /// As `tracing::Instrumented`, but a layer that panics when the span is entered or left does
    /// not end the future.
    pub(crate) struct InSpan<F> {
        #[pin]
        future: F,
        span: Span,
    }
}

/// Makes a span, or an empty one if a layer panics meanwhile.
pub(crate) fn span(make: impl FnOnce() -> Span) -> Span {
    panic::catch(make).unwrap_or_else(|_| Span::none())
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
        let _ = panic::catch(|| {
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
