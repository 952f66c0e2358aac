//! The handle of a topic: the way in for publishers and subscribers.

use super::error::TopicError;
use super::options::Group;
use super::shared::TopicState;
use super::stats::TopicStats;
use super::subscription::Subscription;
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A topic of messages of type `T`: where to publish, and where to subscribe.
///
/// A handle, cheap to clone. It is found or created by name with
/// [`Intracom::topic`](super::Intracom::topic), or without a name in the hand through a
/// [`StaticTopic`](super::StaticTopic) one.
///
/// ```
/// # use rxd::intracom::{Group, Intracom};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let intracom = Intracom::new();
/// let lines = intracom.topic::<String>("lines")?;
/// let mut log = lines.subscribe(Group::named("log"))?;
///
/// let delivery = lines.publish("hello".to_owned()).await?;
/// assert_eq!(delivery.delivered(), 1);
/// assert_eq!(log.recv().await.as_deref(), Some("hello"));
/// # Ok(()) }
/// ```
pub struct Topic<T> {
    pub(super) shared: Arc<TopicState<T>>,
    scope: Option<CancellationToken>,
}

impl<T: Clone + Send + 'static> Topic<T> {
    pub(super) fn new(shared: Arc<TopicState<T>>, scope: Option<CancellationToken>) -> Self {
        Topic { shared, scope }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Subscribes, as a member of `group`.
    ///
    /// The subscription begins with the next message, or with the last one if the group
    /// [asks for it](Group::replay_last).
    ///
    /// # Errors
    ///
    /// The topic is closed; the group is there with another capacity or policy; its capacity is out of range; it asks for the last message of a topic that
    /// keeps none; the scope this handle comes from has ended.
    pub fn subscribe(&self, group: Group<'_>) -> Result<Subscription<T>, TopicError> {
        let (group, member) = self.shared.join(&group, self.scope.as_ref())?;
        Ok(Subscription::new(Arc::downgrade(&self.shared), group, member))
    }

    /// Closes the topic: publishing becomes an error, and every subscription ends once what is
    /// buffered for it has been received. The name is free again at once. Closing it twice does nothing.
    pub fn close(&self) {
        self.shared.close_and_unregister();
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Its groups, and what has happened so far.
    #[must_use]
    pub fn stats(&self) -> TopicStats {
        self.shared.stats()
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Topic { shared: self.shared.clone(), scope: self.scope.clone() }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.shared.name)
            .field("type", &self.shared.created.type_name)
            .finish_non_exhaustive()
    }
}
