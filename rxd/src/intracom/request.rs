//! Request and reply: a message that carries the way back to the one who asked.

use super::topic::Topic;
use crate::sync::Mutex;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A question for a running service, and the way back for its answer. It is a message: publish it
/// with [`Topic::ask`], and answer it with [`reply`](Request::reply).
///
/// ```
/// use rxd::intracom::{Group, Request, StaticTopic, Subscription};
/// use rxd::{Context, Runner};
///
/// static PRICES: StaticTopic<Request<String, u32>> = StaticTopic::new("prices");
///
/// #[rxd::service]
/// struct PriceList {
///     requests: Option<Subscription<Request<String, u32>>>,
/// }
///
/// impl Runner for PriceList {
///     async fn init(&mut self, cx: &Context) -> rxd::Result {
///         self.requests = Some(PRICES.subscribe(&cx.intracom(), Group::named("price-list"))?);
///         Ok(())
///     }
///
///     async fn run(&mut self, _: &Context) -> rxd::Result {
///         // Taken out of the field: it ends with `run`, and with it what nobody has answered.
///         let mut requests = self.requests.take().ok_or("run without init")?;
///         while let Some(request) = requests.recv().await {
///             let price = request.question().len() as u32;
///             request.reply(price);
///         }
///         Ok(())
///     }
/// }
///
/// #[rxd::service(manager = "until_success")]
/// #[needs(PriceList)]
/// struct Buyer;
///
/// impl Runner for Buyer {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         let prices = PRICES.open(&cx.intracom())?;
///         // One `?` each for: cancelled, not answered.
///         let price = cx.or_cancelled(prices.ask("coffee".to_owned())).await??;
///         assert_eq!(price, 6);
///         cx.daemon().shutdown();
///         Ok(())
///     }
/// }
///
/// #[rxd::daemon]
/// struct Shop {
///     price_list: PriceList,
///     buyer: Buyer,
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// #     Shop { price_list: PriceList { requests: None }, buyer: Buyer }.run().await?;
/// #     Ok(())
/// # }
/// ```
pub struct Request<Q, A> {
    question: Q,
    reply: Arc<Mutex<Option<oneshot::Sender<A>>>>,
}

impl<Q, A> Request<Q, A> {
    /// What is asked.
    pub fn question(&self) -> &Q {
        &self.question
    }

    /// Answers the request. Returns whether the answer is received: it is not if nobody waits any
    /// more, or if a member of another group was faster.
    pub fn reply(self, answer: A) -> bool {
        // Without the lock: the answer may be dropped, and a waker is called.
        let reply = self.reply.lock().take();
        reply.is_some_and(|reply| reply.send(answer).is_ok())
    }

    /// Whether somebody still waits for the answer. Ask it before work that takes long.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.reply.lock().as_ref().is_some_and(|reply| !reply.is_closed())
    }
}

/// A clone is the same request: the first reply counts.
impl<Q: Clone, A> Clone for Request<Q, A> {
    fn clone(&self) -> Self {
        Request { question: self.question.clone(), reply: self.reply.clone() }
    }
}

impl<Q: fmt::Debug, A> fmt::Debug for Request<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("question", &self.question).finish_non_exhaustive()
    }
}

impl<Q: Clone + Send + 'static, A: Send + 'static> Topic<Request<Q, A>> {
    /// Publishes a request, and waits for the answer.
    ///
    /// * While the group of those who answer is full, this waits, as [`publish`](Topic::publish)
    ///   does: requests are bounded by [`Group::capacity`](super::Group::capacity).
    /// * Without a group it is an error at once. On a
    ///   [subscriber-aware](super::TopicOptions::subscriber_aware) topic it waits for one.
    /// * The wait ends with the request: it is an error if that is dropped without an answer,
    ///   because a buffer drops it, or the subscription that holds it.
    /// * It has no limit of its own. Wrap it in `tokio::time::timeout`, and in a service in
    ///   [`or_cancelled`](crate::Context::or_cancelled).
    /// * If the topic has several groups, each gets the request, and the first reply counts.
    ///
    /// # Errors
    ///
    /// The topic is closed; it has no group; the request was dropped without an answer; the topic
    /// [keeps its last message](super::TopicOptions::keep_last), so that no request would end.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the request may have been published. Its answer is lost, and
    /// [`Request::is_wanted`] is false from then on.
    pub async fn ask(&self, question: Q) -> Result<A, AskError> {
        let error = |reason| AskError { topic: self.shared.name.clone(), reason };
        if self.shared.options.keep_last {
            return Err(error(Reason::KeepsLast));
        }
        let (reply, answer) = oneshot::channel();
        let request = Request { question, reply: Arc::new(Mutex::new(Some(reply))) };
        // The topic is closed: `publish` fails for no other reason.
        let delivery = self.publish(request).await.map_err(|_| error(Reason::Closed))?;
        let has_group = delivery.delivered() + delivery.dropped() > 0;
        answer.await.map_err(|_| error(if has_group { Reason::Unanswered } else { Reason::NoGroup }))
    }
}

/// Why a request has no answer: see [`Topic::ask`].
#[derive(Clone, Debug)]
pub struct AskError {
    topic: Arc<str>,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Closed,
    KeepsLast,
    NoGroup,
    Unanswered,
}

impl AskError {
    /// The name of the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The topic is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.reason == Reason::Closed
    }

    /// Nobody has subscribed to the topic.
    #[must_use]
    pub fn has_no_subscribers(&self) -> bool {
        self.reason == Reason::NoGroup
    }

    /// Somebody was to answer the request, but has dropped it. To ask again may help.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.reason == Reason::Unanswered
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            Reason::Closed => "it is closed",
            Reason::KeepsLast => "it keeps its last message, so a request would never end: open it without `keep_last`",
            Reason::NoGroup => "it has no subscribers",
            Reason::Unanswered => "the request was dropped without a reply",
        };
        write!(f, "no answer from topic `{}`: {why}", self.topic)
    }
}

impl StdError for AskError {}
