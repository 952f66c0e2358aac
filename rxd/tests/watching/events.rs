//! The log events of transitions.

use crate::common::{Restarting, end, service, start};
use rxd::State;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The transitions that were logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<LoggedTransition>>>);

#[derive(Debug, Default, PartialEq)]
struct LoggedTransition {
    service: String,
    state: String,
    transition: String,
    seq: u64,
}

impl<S: tracing::Subscriber> Layer<S> for Written {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "rxd::state" {
            let mut logged = LoggedTransition::default();
            event.record(&mut logged);
            self.0.lock().unwrap().push(logged);
        }
    }
}

impl Visit for LoggedTransition {
    fn record_u64(&mut self, field: &Field, value: u64) {
        assert_eq!(field.name(), "seq");
        self.seq = value;
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "service" => self.service = value.into(),
            "state" => self.state = value.into(),
            _ => self.transition = value.into(),
        }
    }
    fn record_debug(&mut self, field: &Field, _: &dyn Debug) {
        panic!("{field} is neither text nor number");
    }
}

#[tokio::test(start_paused = true)]
async fn transition_is_logged_with_its_sequence_number() {
    // With only one subscriber, a callsite that is first reached by another thread would be
    // disabled.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let written = Written::default();
    let _guard = tracing_subscriber::registry().with(written.clone()).set_default();
    let handle = start([service("a", Restarting(2)), service("b", Restarting(0)).needs(["a"])]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    end(&handle).await;
    let history = handle.history();
    let made = history.iter().map(|step| LoggedTransition {
        service: step.name.to_string(),
        state: step.state.as_str().into(),
        transition: step.transition.as_str().into(),
        seq: step.seq,
    });
    assert_eq!(*written.0.lock().unwrap(), made.collect::<Vec<_>>());
}
