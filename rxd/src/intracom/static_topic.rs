//! Topics that are items of the program.

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

/// A topic declared once, as a static or a constant that its publishers and subscribers share: a
/// misspelt name or a wrong type does not compile.
///
/// ```
/// use rxd::intracom::{StaticTopic, Group, Intracom};
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
/// # use rxd::intracom::{StaticTopic, Intracom};
/// static READINGS: StaticTopic<f64> = StaticTopic::new("readings");
///
/// # async fn publish(intracom: Intracom) -> Result<(), Box<dyn std::error::Error>> {
/// READINGS.open(&intracom)?.publish("21.5").await?;
/// # Ok(()) }
/// ```
///
/// # Published by nobody
///
/// Name its two ends apart, and the compiler says of each that is never used that it is not: of a
/// topic that services subscribe to and none publishes, and of one that nobody listens to.
///
/// ```
/// use rxd::intracom::{StaticTopic, Group, Publisher, Subscriber};
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

    /// With these options.
    #[must_use]
    pub const fn options(mut self, options: TopicOptions) -> Self {
        self.options = options;
        self
    }

    /// As [`TopicOptions::keep_last`].
    #[must_use]
    pub const fn keep_last(mut self) -> Self {
        self.options = self.options.keep_last();
        self
    }

    /// As [`TopicOptions::subscriber_aware`].
    #[must_use]
    pub const fn subscriber_aware(mut self) -> Self {
        self.options = self.options.subscriber_aware();
        self
    }

    /// As [`TopicOptions::block_timeout`].
    #[must_use]
    pub const fn block_timeout(mut self, block_timeout: Duration) -> Self {
        self.options = self.options.block_timeout(block_timeout);
        self
    }

    /// The topic in this registry, created if it is not there yet.
    ///
    /// # Errors
    ///
    /// The name is not this declaration's alone, and whoever was first had another type or other
    /// options in mind; the name is empty or begins with `_rxd`; the registry is closed.
    pub fn open(&self, intracom: &Intracom) -> Result<Topic<T>, TopicError> {
        intracom.declared(self.name, self.options, self.place)
    }

    /// Subscribes in this registry. There is nothing to wait for: whoever comes first, publisher or
    /// subscriber, creates the topic.
    ///
    /// # Errors
    ///
    /// As [`open`](StaticTopic::open) and [`Topic::subscribe`].
    pub fn subscribe(&self, intracom: &Intracom, group: Group<'_>) -> Result<Subscription<T>, TopicError> {
        self.open(intracom)?.subscribe(group)
    }
}

impl<T> StaticTopic<T> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The end for those who publish. See [above](StaticTopic#published-by-nobody).
    #[must_use]
    pub const fn publisher(self) -> Publisher<T> {
        Publisher(self)
    }

    /// The end for those who subscribe. See [above](StaticTopic#published-by-nobody).
    #[must_use]
    pub const fn subscriber(self) -> Subscriber<T> {
        Subscriber(self)
    }
}

/// The end of a [`StaticTopic`] topic for those who publish: one that nobody uses is a warning of the compiler's.
#[derive(Clone, Copy, Debug)]
pub struct Publisher<T>(StaticTopic<T>);

impl<T: Clone + Send + 'static> Publisher<T> {
    /// The topic to publish to. As [`StaticTopic::on`].
    ///
    /// # Errors
    ///
    /// As [`StaticTopic::on`].
    pub fn open(&self, intracom: &Intracom) -> Result<Topic<T>, TopicError> {
        self.0.open(intracom)
    }
}

/// The end of a [`StaticTopic`] topic for those who subscribe: one that nobody uses is a warning of the compiler's.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<T>(StaticTopic<T>);

impl<T: Clone + Send + 'static> Subscriber<T> {
    /// Subscribes. As [`StaticTopic::subscribe`].
    ///
    /// # Errors
    ///
    /// As [`StaticTopic::subscribe`].
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
