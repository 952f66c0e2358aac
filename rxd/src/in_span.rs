//! A future that is polled in a span, whatever the layers of the user's subscriber do.

use crate::panic;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

pin_project! {
    /// As `tracing::Instrument`, but a layer that panics when the span is entered or left does not end the
    /// future: a service's engine lives in one.
    pub(crate) struct InSpan<F> {
        #[pin]
        future: F,
        span: Span,
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
        let (mut begun, mut polled) = (false, None);
        let caught = panic::catch(|| {
            let _entered = this.span.enter();
            begun = true;
            polled = Some(this.future.as_mut().poll(task));
        });
        match (polled, caught) {
            (Some(polled), _) => polled,
            // The future itself has panicked.
            (None, Err(caught)) if begun => caught.resume(),
            (None, _) => this.future.poll(task),
        }
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use tracing::subscriber::{Interest, Subscriber};

    /// Panics whenever a span is entered or left.
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
            panic!("told to");
        }
        fn exit(&self, _: &tracing::span::Id) {
            panic!("told to");
        }
    }

    #[test]
    fn g53_a_future_goes_on_though_its_span_cannot_be_entered() {
        tracing::subscriber::with_default(Hostile, || {
            let span = tracing::error_span!("service");
            let mut future = std::pin::pin!(InSpan::new(std::future::ready(7), span));
            let polled = future.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
            assert_eq!(polled, Poll::Ready(7));
        });
    }
}
