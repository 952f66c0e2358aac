//! The handle of a topic. Publishing is in `publish`, and what the handles share in `shared`.

use super::error::TopicError;
use super::options::Group;
use super::shared::TopicState;
use super::stats::TopicStats;
use super::subscription::Subscription;
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A topic of messages of type `T`, to publish to and to subscribe to.
///
/// It is a handle, and cheap to clone. Open it through a [`StaticTopic`](super::StaticTopic), or by
/// its name with [`Intracom::topic`](super::Intracom::topic).
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

    /// The name of the topic.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Subscribes as a member of `group`, which is joined if it exists and begun if not.
    ///
    /// The subscription begins with the next message. A new group begins with the last one if it
    /// [asks for it](Group::replay_last).
    ///
    /// # Errors
    ///
    /// The topic is closed; the group exists with another capacity or policy; its capacity is out
    /// of range; it asks for the last message of a topic that keeps none; the scope of this handle
    /// is cancelled.
    pub fn subscribe(&self, group: Group<'_>) -> Result<Subscription<T>, TopicError> {
        let (group, member) = self.shared.join(&group, self.scope.as_ref())?;
        Ok(Subscription::new(Arc::downgrade(&self.shared), group, member))
    }

    /// Closes the topic. From then on publishing is an error, and every subscription ends once what
    /// is buffered for it has been received. The name is free at once. Closing a closed topic does
    /// nothing.
    pub fn close(&self) {
        self.shared.close_and_unregister();
    }

    /// Whether the topic is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The groups of the topic, and what they have counted so far.
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
