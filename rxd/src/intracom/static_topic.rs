//! Topics that are items of the program, so that the compiler checks their names and types.

use super::error::TopicError;
use super::options::{Group, TopicOptions};
use super::registry::Intracom;
use super::subscription::Subscription;
use super::topic::Topic;
use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

/// A topic that is declared once, as a static or a constant that its publishers and subscribers
/// share. A misspelt name or a message of the wrong type does not compile.
///
/// ```
/// use rxd::intracom::{Group, Intracom, StaticTopic};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Reading(f64);
///
/// static READINGS: StaticTopic<Reading> = StaticTopic::new("readings").keep_last();
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let intracom = Intracom::new(); // in a service: cx.intracom()
/// READINGS.open(&intracom)?.publish(Reading(21.5)).await?;
///
/// let mut latest = READINGS.subscribe(&intracom, Group::private().replay_last())?;
/// assert_eq!(latest.recv().await, Some(Reading(21.5)));
/// # Ok(()) }
/// ```
///
/// ```compile_fail,E0308
/// # use rxd::intracom::{Intracom, StaticTopic};
/// static READINGS: StaticTopic<f64> = StaticTopic::new("readings");
///
/// # async fn publish(intracom: Intracom) -> Result<(), Box<dyn std::error::Error>> {
/// READINGS.open(&intracom)?.publish("21.5").await?;
/// # Ok(()) }
/// ```
///
/// # Unused ends
///
/// To be warned about a topic that no code publishes to, or that no code subscribes to, give each
/// of its two ends a name. The compiler warns about the end that is never used.
///
/// ```
/// use rxd::intracom::{Group, Publisher, StaticTopic, Subscriber};
///
/// const READINGS: StaticTopic<f64> = StaticTopic::new("readings");
/// static SENSORS: Publisher<f64> = READINGS.publisher(); // "static `SENSORS` is never used", without the sampler
/// static DISPLAYS: Subscriber<f64> = READINGS.subscriber();
///
/// # async fn sampler(cx: rxd::Context) -> rxd::Result {
/// SENSORS.open(&cx.intracom())?.publish(21.5).await?;
/// # Ok(()) }
/// # async fn display(cx: rxd::Context) -> rxd::Result {
/// let mut readings = DISPLAYS.subscribe(&cx.intracom(), Group::named("display"))?;
/// # drop(readings); Ok(()) }
/// ```
pub struct StaticTopic<T> {
    name: &'static str,
    options: TopicOptions,
    place: &'static Location<'static>,
    message: PhantomData<fn() -> T>,
}

impl<T: Clone + Send + 'static> StaticTopic<T> {
    /// Declares the topic `name`, with [the default options](TopicOptions::DEFAULT).
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        StaticTopic { name, options: TopicOptions::DEFAULT, place: Location::caller(), message: PhantomData }
    }

    /// Sets all options.
    #[must_use]
    pub const fn options(mut self, options: TopicOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets [`TopicOptions::keep_last`].
    #[must_use]
    pub const fn keep_last(mut self) -> Self {
        self.options = self.options.keep_last();
        self
    }

    /// Sets [`TopicOptions::subscriber_aware`].
    #[must_use]
    pub const fn subscriber_aware(mut self) -> Self {
        self.options = self.options.subscriber_aware();
        self
    }

    /// Sets [`TopicOptions::block_timeout`].
    #[must_use]
    pub const fn block_timeout(mut self, block_timeout: Duration) -> Self {
        self.options = self.options.block_timeout(block_timeout);
        self
    }

    /// Opens the topic in this registry, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// Another declaration or call has created a topic of this name with another type or other
    /// options; the name is empty or begins with `_rxd`; the registry is closed.
    pub fn open(&self, intracom: &Intracom) -> Result<Topic<T>, TopicError> {
        intracom.open(self.name, Some(self.options), self.place)
    }

    /// Opens the topic in this registry, and subscribes to it. It need not wait for a publisher:
    /// the first of them, publisher or subscriber, creates the topic.
    ///
    /// # Errors
    ///
    /// Those of [`open`](StaticTopic::open) and [`Topic::subscribe`].
    pub fn subscribe(&self, intracom: &Intracom, group: Group<'_>) -> Result<Subscription<T>, TopicError> {
        self.open(intracom)?.subscribe(group)
    }
}

impl<T> StaticTopic<T> {
    /// The name of the topic.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The end to publish to. See [above](StaticTopic#unused-ends).
    #[must_use]
    pub const fn publisher(self) -> Publisher<T> {
        Publisher(self)
    }

    /// The end to subscribe to. See [above](StaticTopic#unused-ends).
    #[must_use]
    pub const fn subscriber(self) -> Subscriber<T> {
        Subscriber(self)
    }
}

/// The end of a [`StaticTopic`] to publish to. If no code uses it, the compiler warns.
#[derive(Clone, Copy, Debug)]
pub struct Publisher<T>(StaticTopic<T>);

impl<T: Clone + Send + 'static> Publisher<T> {
    /// Opens the topic, as [`StaticTopic::open`] does.
    ///
    /// # Errors
    ///
    /// Those of [`StaticTopic::open`].
    pub fn open(&self, intracom: &Intracom) -> Result<Topic<T>, TopicError> {
        self.0.open(intracom)
    }
}

/// The end of a [`StaticTopic`] to subscribe to. If no code uses it, the compiler warns.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<T>(StaticTopic<T>);

impl<T: Clone + Send + 'static> Subscriber<T> {
    /// Opens the topic and subscribes to it, as [`StaticTopic::subscribe`] does.
    ///
    /// # Errors
    ///
    /// Those of [`StaticTopic::subscribe`].
    pub fn subscribe(&self, intracom: &Intracom, group: Group<'_>) -> Result<Subscription<T>, TopicError> {
        self.0.subscribe(intracom, group)
    }
}

impl<T> Clone for StaticTopic<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StaticTopic<T> {}

impl<T> fmt::Debug for StaticTopic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTopic")
            .field("name", &self.name)
            .field("type", &type_name::<T>())
            .field("options", &self.options)
            .field("place", &format_args!("{}", self.place))
            .finish()
    }
}
