//! Fakes that publish, and fakes that keep the messages they receive.

use super::behavior::Behavior;
use super::fake::FakeService;
use crate::intracom::{Group, StaticTopic};
use crate::lifecycle::state::State;
use crate::race::{Winner, race};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

impl Behavior {
    /// Publishes these messages in order, and returns `Ok` once it is cancelled.
    ///
    /// A publish that waits for room ends when the service is cancelled; the messages after it are
    /// then not published. An error of the topic is the method's error.
    ///
    /// ```
    /// use rxd::intracom::{StaticTopic, Group};
    /// use rxd::testing::{Behavior, Harness, Inbox, FakeService};
    /// use rxd::{Action, Daemon, Service, State, When};
    ///
    /// static READINGS: StaticTopic<u32> = StaticTopic::new("readings");
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let nothing = FakeService::new;
    /// let daemon = Daemon::new("agent")
    ///     .add(Service::new("sensor", nothing()).watch(When::any(Action::Entering, State::Run, ["display"])))
    ///     .add(Service::new("display", nothing()));
    /// let inbox = Inbox::new();
    /// let test = Harness::new(daemon)
    ///     .fake("sensor", FakeService::new().on(State::Run, [Behavior::publish(READINGS, [1, 2, 3])]))
    ///     .fake("display", inbox.subscriber(READINGS, Group::private()))
    ///     .start()
    ///     .await;
    /// test.until("sensor", State::Run).await;
    /// test.settle().await;
    /// assert_eq!(inbox.messages(), [1, 2, 3]);
    /// # test.shutdown().await;
    /// # }
    /// ```
    pub fn publish<T>(topic: StaticTopic<T>, messages: impl IntoIterator<Item = T>) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        let messages: Arc<[T]> = messages.into_iter().collect();
        Behavior::call(move |cx| {
            let messages = messages.clone();
            async move {
                let topic = topic.open(&cx.intracom())?;
                for message in messages.iter() {
                    match race(topic.publish(message.clone()), cx.cancelled()).await {
                        Winner::First(delivery) => delivery.map(drop)?,
                        Winner::Second(()) => return Ok(()),
                    }
                }
                cx.cancelled().await;
                Ok(())
            }
        })
    }
}

/// Keeps the messages that a fake receives. See [`Behavior::publish`] for an example.
///
/// Clones share their messages.
// The standard library's lock: a message's `Clone` and `Debug` are code of the user's, and run
// under it. None may run under a `crate::sync::Mutex`.
#[derive(Clone)]
pub struct Inbox<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + Send + 'static> Inbox<T> {
    /// An empty inbox.
    #[must_use]
    pub fn new() -> Self {
        Inbox::default()
    }

    /// A fake that keeps in this inbox what it receives, until it is cancelled.
    ///
    /// It subscribes in Init. So once it is in Run, its subscription exists, and no message that is
    /// published later is missing.
    #[must_use]
    pub fn subscriber(&self, topic: StaticTopic<T>, group: Group<'static>) -> FakeService {
        // Made by `init` and taken by `run` of the same incarnation.
        let subscription = Arc::new(crate::sync::Mutex::new(None));
        let (made, inbox) = (subscription.clone(), self.clone());
        let init = Behavior::call(move |cx| {
            let result = topic.subscribe(&cx.intracom(), group).map(|messages| {
                // A subscription of a failed incarnation is dropped here, after the lock is
                // released: it drops messages, which is code of the user's.
                let _unused = made.lock().replace(messages);
            });
            async move { Ok(result?) }
        });
        let run = Behavior::call(move |_| {
            let (messages, inbox) = (subscription.lock().take(), inbox.clone());
            async move {
                let mut messages = messages.ok_or("run is called without init")?;
                while let Some(message) = messages.recv().await {
                    inbox.lock().push(message);
                }
                Ok(())
            }
        });
        FakeService::new().on(State::Init, [init]).on(State::Run, [run])
    }

    /// The messages received up to now, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<T> {
        self.lock().clone()
    }
}

impl<T> Inbox<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox(Arc::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inbox").field(&self.0).finish()
    }
}
