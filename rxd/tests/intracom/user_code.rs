//! User code that intracom calls: `clone` and `drop` of a message, and the subscriber of the log.
//! It runs under no lock, and if it panics every message is counted. Random panics are in
//! `random_panics.rs`.

use crate::now;
use rxd::intracom::{Group, Intracom, Policy, Subscription, Topic, TopicOptions, TryRecvError};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Runs `f` on another thread, and fails if it does not end. So a deadlock fails the test and does
/// not hang it.
pub(crate) fn ends<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(test()));
    match receive.recv_timeout(Duration::from_secs(120)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => resume_unwind(thread.join().unwrap_err()),
    }
}

/// A panic that writes nothing to standard error.
pub(crate) fn panic_quietly() -> ! {
    resume_unwind(Box::new("wild"))
}

pub(crate) const POLICIES: [Policy; 5] = [
    Policy::Block,
    Policy::DropOldest,
    Policy::DropNewest,
    Policy::DropOldestAfter(Duration::from_millis(1)),
    Policy::DropNewestAfter(Duration::from_millis(1)),
];

/// Panics when it is dropped. With `payload`, the panic's payload panics when it is dropped, too.
#[derive(Clone)]
struct Bomb {
    armed: bool,
    payload: bool,
}

struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic_quietly();
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.armed && !std::thread::panicking() {
            if self.payload {
                resume_unwind(Box::new(Payload));
            }
            panic_quietly();
        }
    }
}

fn bombs(armed: impl Fn(u32) -> bool, payload: bool) -> (Topic<Bomb>, Subscription<Bomb>) {
    let topic: Topic<Bomb> = Intracom::new().topic("a").unwrap();
    let member = topic.subscribe(Group::named("g").capacity(16)).unwrap();
    for nth in 1..=10 {
        topic.try_publish(Bomb { armed: armed(nth), payload }).unwrap();
    }
    (topic, member)
}

fn discarded(topic: &Topic<Bomb>) -> (u64, u64, usize) {
    let stats = topic.stats();
    (stats.closed_groups.accepted, stats.closed_groups.dropped.discarded, stats.groups.len())
}

#[test]
fn x23_message_that_panics_when_discarded_leaves_the_others_counted() {
    let (topic, member) = bombs(|nth| nth == 4, false);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(member))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"wild"), "it goes to the member that left");
    assert_eq!(discarded(&topic), (10, 10, 0));
    assert_eq!(topic.try_publish(Bomb { armed: false, payload: false }).unwrap().delivered(), 0);
}

#[test]
fn x23_messages_that_all_panic_when_discarded_are_counted_and_raise_one_panic() {
    for payload in [false, true] {
        let (topic, member) = bombs(|_| true, payload);
        let panic = catch_unwind(AssertUnwindSafe(|| drop(member))).unwrap_err();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
        assert_eq!(discarded(&topic), (10, 10, 0));
    }
}

#[test]
fn x23_member_dropped_in_a_panic_counts_all_messages_and_does_not_abort() {
    /// Panics also if it is dropped while the thread unwinds.
    #[derive(Clone)]
    struct Careless;
    impl Drop for Careless {
        fn drop(&mut self) {
            panic_quietly();
        }
    }
    let topic: Topic<Careless> = Intracom::new().topic("a").unwrap();
    let member = topic.subscribe(Group::named("g").capacity(16)).unwrap();
    for _ in 0..10 {
        topic.try_publish(Careless).unwrap();
    }
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _member = member;
        resume_unwind(Box::new("the service's own"));
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the service's own"));
    let ended = topic.stats().closed_groups;
    assert_eq!((ended.accepted, ended.dropped.discarded), (10, 10));
}

#[test]
fn g53_kept_message_that_panics_when_replaced_does_not_lose_the_next() {
    let topic: Topic<Bomb> = Intracom::new().topic_with("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    let mut members = [Group::private(), Group::private()].map(|group| topic.subscribe(group).unwrap());
    let bomb = |armed| Bomb { armed, payload: false };
    topic.try_publish(bomb(true)).unwrap();
    for member in &mut members {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(member.try_recv())));
    }
    catch_unwind(AssertUnwindSafe(|| topic.try_publish(bomb(false)))).unwrap_err();
    for member in &mut members {
        assert_eq!(member.stats().accepted, 2, "the next was delivered before");
        assert!(member.try_recv().is_ok());
    }
    assert!(topic.subscribe(Group::private().replay_last()).unwrap().try_recv().is_ok());
}

#[test]
fn g53_kept_message_that_panics_when_closed_leaves_the_others_closed() {
    let intracom = Intracom::new();
    let topics: Vec<Topic<Bomb>> =
        ["a", "b", "c"].map(|name| intracom.topic_with(name, TopicOptions::DEFAULT.keep_last()).unwrap()).into();
    for topic in &topics {
        // The message is dropped at once, since there are no subscribers. Its copy is kept.
        catch_unwind(AssertUnwindSafe(|| topic.try_publish(Bomb { armed: true, payload: false }))).unwrap_err();
    }
    catch_unwind(AssertUnwindSafe(|| topics[0].close())).unwrap_err();
    assert!(topics[0].is_closed() && !format!("{intracom:?}").contains("\"a\""), "its name is free: {intracom:?}");
    let mut waits = Box::pin(intracom.subscribe::<u32>("never", Group::private()));
    assert!(now(waits.as_mut()).is_none());
    catch_unwind(AssertUnwindSafe(|| intracom.close())).unwrap_err();
    assert!(topics.iter().all(Topic::is_closed));
    assert!(now(waits).expect("it is woken, and ends").unwrap_err().is_closed());
}

#[test]
fn g53_log_subscriber_that_panics_leaves_the_message_counted() {
    use tracing_subscriber::layer::{Context, SubscriberExt};
    struct Layer;
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Layer {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            if event.metadata().target() == "rxd::intracom" {
                panic_quietly();
            }
        }
    }
    // With only one subscriber `tracing` may ask another thread about a callsite, and remember that
    // nobody wants it.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    // The group that stalls is the first that is offered the message, or comes after one that has
    // to be waited for, or was itself waited for.
    let waits = Policy::DropNewestAfter(Duration::from_secs(1));
    for (policies, timeout, counted) in [
        ([Policy::Block, Policy::Block], 0, [(1, 0), (0, 1)]),
        ([waits, Policy::Block], 0, [(0, 1), (1, 0)]),
        ([waits, Policy::Block], 5, [(0, 1), (1, 0)]),
    ] {
        let options = TopicOptions::DEFAULT.block_timeout(Duration::from_millis(timeout));
        let topic: Topic<u32> = Intracom::new().topic_with("a", options).unwrap();
        let members = policies.map(|policy| topic.subscribe(Group::private().capacity(1).policy(policy)).unwrap());
        topic.try_publish(1).unwrap();
        let subscriber = tracing_subscriber::registry().with(Layer);
        tracing::subscriber::with_default(subscriber, || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            catch_unwind(AssertUnwindSafe(|| runtime.block_on(topic.publish(2)))).unwrap_err();
        });
        let drops = members.each_ref().map(|member| member.stats().dropped);
        assert_eq!(drops.map(|drops| (drops.stalled, drops.abandoned)), counted);
        assert!(drops.iter().all(|drops| drops.total() == 1));
    }
}

thread_local! {
    static DEPTH: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Uses its own topic and registry whenever it is cloned or dropped.
struct Nosy {
    intracom: Intracom,
    topic: Topic<Nosy>,
    uses: Arc<AtomicU32>,
}

impl Nosy {
    fn use_all(&self) {
        if DEPTH.get() > 0 {
            return;
        }
        DEPTH.set(1);
        self.uses.fetch_add(1, Ordering::Relaxed);
        let _ = (self.topic.stats(), self.intracom.stats(), format!("{:?} {:?}", self.intracom, self.topic));
        for group in [Group::named("shared"), Group::private(), Group::private().replay_last()] {
            if let Ok(mut member) = self.topic.subscribe(group) {
                let _ = (member.try_recv(), member.stats());
            }
        }
        let _ = self.topic.try_publish(self.clone());
        let _ = (self.intracom.topic::<u32>("other"), self.intracom.remove("other"));
        DEPTH.set(0);
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.use_all();
        Nosy { intracom: self.intracom.clone(), topic: self.topic.clone(), uses: self.uses.clone() }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.use_all();
    }
}

#[test]
fn g54_message_whose_clone_and_drop_use_its_own_topic_does_not_hang() {
    let uses = ends(|| {
        let uses = Arc::new(AtomicU32::new(0));
        for policy in POLICIES {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let intracom = Intracom::new();
                let options = TopicOptions::DEFAULT.keep_last().block_timeout(Duration::from_millis(5));
                let topic: Topic<Nosy> = intracom.topic_with("a", options).unwrap();
                let group = |name| Group::named(name).policy(policy).capacity(2).replay_last();
                let mut members = ["g", "h", "i"].map(|name| topic.subscribe(group(name)).unwrap());
                let nosy = || Nosy { intracom: intracom.clone(), topic: topic.clone(), uses: uses.clone() };
                for _ in 0..5 {
                    topic.publish(nosy()).await.map_or_else(drop, drop);
                    let _ = topic.try_publish(nosy());
                }
                let mut late = topic.subscribe(group("late")).unwrap();
                assert!(late.recv().await.is_some(), "the last is replayed");
                drop(late);
                members[0].recv().await.unwrap();
                let [first, ..] = members;
                drop(first);
                // A member whose scope is cancelled: the next publisher closes its group.
                let scope = tokio_util::sync::CancellationToken::new();
                let scoped = intracom.scoped(scope.clone()).topic::<Nosy>("a").unwrap();
                let _cancelled = scoped.subscribe(group("scoped")).unwrap();
                let _ = topic.try_publish(nosy());
                let _ = topic.try_publish(nosy());
                scope.cancel();
                topic.publish(nosy()).await.map_or_else(drop, drop);
                topic.close();
                topic.close();
                let again: Topic<Nosy> = intracom.topic_with("a", options).unwrap();
                let _member = again.subscribe(group("g")).unwrap();
                let _ = again.try_publish(nosy());
                intracom.remove("a");
                intracom.close();
            });
        }
        uses.load(Ordering::Relaxed)
    });
    assert!(uses > 100, "{uses}");
}

/// A message whose clone blocks until the test lets it go on.
struct Slow {
    begun: mpsc::Sender<()>,
    go: Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
    clones: Arc<AtomicU32>,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        // The first clone is the publisher's.
        if self.clones.fetch_add(1, Ordering::Relaxed) > 0 {
            let _ = self.begun.send(());
            let go = self.go.1.wait_while(self.go.0.lock().unwrap(), |go| !*go).unwrap();
            drop(go);
        }
        Slow { begun: self.begun.clone(), go: self.go.clone(), clones: self.clones.clone() }
    }
}

#[test]
fn g54_kept_message_that_is_being_cloned_blocks_no_thread() {
    ends(|| {
        let (begun, begins) = mpsc::channel();
        let go = Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
        let topic: Topic<Slow> = Intracom::new().topic_with("a", TopicOptions::DEFAULT.keep_last()).unwrap();
        topic.try_publish(Slow { begun, go: go.clone(), clones: Arc::default() }).map_or_else(drop, drop);
        let mut members = [Group::private(), Group::private(), Group::private()]
            .map(|group| topic.subscribe(group.capacity(2).replay_last()).unwrap());
        let [first, second, third] = &mut members;
        std::thread::scope(|scope| {
            let clones = scope.spawn(|| first.try_recv().is_ok());
            begins.recv().unwrap();
            // No member that wants the message now is blocked, and none receives a younger one
            // first.
            assert_eq!(second.try_recv().err(), Some(TryRecvError::Empty));
            assert_eq!((second.stats().queued, second.stats().received), (1, 0));
            assert!(topic.subscribe(Group::private().replay_last()).is_ok());
            let waits = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async { second.recv().await.is_some() })
            });
            let streams = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async { futures_util::StreamExt::next(third).await.is_some() })
            });
            *go.0.lock().unwrap() = true;
            go.1.notify_all();
            assert!(clones.join().unwrap() && waits.join().unwrap() && streams.join().unwrap());
        });
    });
}
