//! Fakes that publish, and fakes that keep what they get.

use super::behavior::Behavior;
use crate::intracom::{Declared, Group};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

impl Behavior {
    /// Publishes these messages, one after another, and returns `Ok` when it is told to.
    ///
    /// ```
    /// use rxd::intracom::{Declared, Group};
    /// use rxd::testing::{Behavior, Harness, Inbox, FakeService};
    /// use rxd::{Action, Daemon, Service, State, When};
    ///
    /// static READINGS: Declared<u32> = Declared::new("readings");
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
    ///     .fake("display", inbox.subscriber(READINGS, Group::own()))
    ///     .start()
    ///     .await;
    /// test.until("sensor", State::Run).await;
    /// test.settle().await;
    /// assert_eq!(inbox.messages(), [1, 2, 3]);
    /// # test.shutdown().await;
    /// # }
    /// ```
    pub fn publish<T>(topic: Declared<T>, messages: impl IntoIterator<Item = T>) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        let messages: Arc<[T]> = messages.into_iter().collect();
        Behavior::call(move |cx| {
            let messages = messages.clone();
            async move {
                let topic = topic.on(&cx.intracom())?;
                for message in messages.iter() {
                    tokio::select! {
                        delivery = topic.publish(message.clone()) => delivery.map(drop)?,
                        () = cx.cancelled() => return Ok(()),
                    }
                }
                cx.cancelled().await;
                Ok(())
            }
        })
    }
}

/// Keeps the messages that a fake gets; see [`Behavior::publish`] for an example. Clones are of the same.
#[derive(Clone)]
pub struct Inbox<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + Send + 'static> Inbox<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Inbox::default()
    }

    /// A fake that subscribes in Init, so that whoever waits for it to be in Run knows that it
    /// listens, and keeps in here what it gets until it is told to return.
    #[must_use]
    pub fn subscriber(&self, topic: Declared<T>, group: Group<'static>) -> super::FakeService {
        let (slot, inbox) = (Arc::new(Mutex::new(None)), self.clone());
        let taken = slot.clone();
        let init = Behavior::call(move |cx| {
            let subscribed = topic.subscribe(&cx.intracom(), group);
            let result = subscribed.map(|messages| *locked(&slot) = Some(messages));
            async move { Ok(result?) }
        });
        let run = Behavior::call(move |_| {
            let (messages, inbox) = (locked(&taken).take(), inbox.clone());
            async move {
                let mut messages = messages.ok_or("run without init")?;
                while let Some(message) = messages.recv().await {
                    locked(&inbox.0).push(message);
                }
                Ok(())
            }
        });
        super::FakeService::new().on(crate::State::Init, [init]).on(crate::State::Run, [run])
    }

    /// What has come up to now.
    #[must_use]
    pub fn messages(&self) -> Vec<T> {
        locked(&self.0).clone()
    }
}

fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
