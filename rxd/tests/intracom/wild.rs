//! Messages whose `clone` and `drop` panic at any moment, over all policies: each message is counted once in each
//! group, none is leaked, and nothing hangs. Names: X23, G53, G54.

use crate::now;
use futures_util::FutureExt;
use rxd::intracom::{Delivery, Group, Intracom, Options, Policy, PublishError, Subscription, Topic, TryRecvError};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Runs it on a thread of its own, and fails if it does not end: a deadlock is a failure and not a hang.
fn ends<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(test()));
    match receive.recv_timeout(Duration::from_secs(120)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => resume_unwind(thread.join().unwrap_err()),
    }
}

/// A panic that says nothing on standard error.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("wild"))
}

/// What all messages of one run share.
#[derive(Default)]
struct Run {
    created: AtomicU64,
    dropped: AtomicU64,
    /// One of so many clones panics, and one of so many drops; 0 for none.
    odds: AtomicU32,
}

struct Wild {
    run: Arc<Run>,
    /// The first clone of the message that was published has panicked: on a topic that keeps its last message, it is
    /// as if the message had never been published.
    first: Arc<AtomicBool>,
    original: bool,
    cloned: AtomicBool,
}

impl Run {
    fn panics(&self) -> bool {
        let odds = self.odds.load(Ordering::Relaxed);
        odds > 0 && fastrand::u32(0..odds) == 0
    }

    fn message(self: &Arc<Self>) -> Wild {
        self.created.fetch_add(1, Ordering::Relaxed);
        Wild { run: self.clone(), first: Arc::default(), original: true, cloned: AtomicBool::new(false) }
    }
}

impl Clone for Wild {
    fn clone(&self) -> Self {
        let first = self.original && !self.cloned.swap(true, Ordering::Relaxed);
        if self.run.panics() {
            self.first.fetch_or(first, Ordering::Relaxed);
            panic_quietly();
        }
        self.run.created.fetch_add(1, Ordering::Relaxed);
        Wild { run: self.run.clone(), first: self.first.clone(), original: false, cloned: AtomicBool::new(false) }
    }
}

impl Drop for Wild {
    fn drop(&mut self) {
        self.run.dropped.fetch_add(1, Ordering::Relaxed);
        // A second panic while the thread unwinds would end the process: that is Rust's rule, and not ours.
        if !std::thread::panicking() && self.run.panics() {
            panic_quietly();
        }
    }
}

type Published = Result<Delivery, PublishError<Wild>>;

/// Whether the message was admitted, as what became of publishing it says; what is left of it is dropped.
fn is_admitted(published: std::thread::Result<Published>, first: &AtomicBool, keep_last: bool) -> bool {
    let admitted = match &published {
        Ok(Ok(_)) => true,
        Ok(Err(_)) => false,
        Err(_) => !(keep_last && first.load(Ordering::Relaxed)),
    };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(published)));
    admitted
}

const POLICIES: [Policy; 5] = [
    Policy::Block,
    Policy::DropOldest,
    Policy::DropNewest,
    Policy::DropOldestAfter(Duration::from_millis(1)),
    Policy::DropNewestAfter(Duration::from_millis(1)),
];

/// A group, its members, and what it is to have counted.
struct Counted {
    members: Vec<Subscription<Wild>>,
    offered: u64,
    received: u64,
}

impl Counted {
    fn new(topic: &Topic<Wild>, keep_last: bool, is_kept: bool) -> Counted {
        let policy = POLICIES[fastrand::usize(0..5)];
        let group = Group::own().policy(policy).capacity(fastrand::usize(1..4));
        let replays = keep_last && fastrand::bool();
        let group = if replays { group.replay_last() } else { group };
        let member = topic.subscribe(group).unwrap();
        Counted { members: vec![member], offered: u64::from(replays && is_kept), received: 0 }
    }

    fn receive(&mut self) {
        let received = catch_unwind(AssertUnwindSafe(|| self.members[0].try_recv()));
        // One whose clone has panicked was received, too.
        self.received += u64::from(!matches!(received, Ok(Err(_))));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(received)));
    }

    fn check(&self) {
        let stats = self.members[0].stats();
        let drops = stats.dropped;
        let counted = stats.accepted + drops.newest + drops.stalled + drops.abandoned;
        assert_eq!((counted, stats.received), (self.offered, self.received), "{stats:?}");
    }
}

/// One run of one topic, one step after the other. What each group has counted is compared after each.
async fn one_after_the_other(seed: u64) {
    fastrand::seed(seed);
    let run = Arc::new(Run::default());
    run.odds.store([0, 3, 8, 20][fastrand::usize(0..4)], Ordering::Relaxed);
    let keep_last = fastrand::bool();
    let options = Options::DEFAULT.patience(Duration::from_millis(5));
    let topic = Intracom::new().topic_with::<Wild>("a", if keep_last { options.keep_last() } else { options }).unwrap();
    let mut groups: Vec<Counted> = (0..fastrand::usize(1..5)).map(|_| Counted::new(&topic, keep_last, false)).collect();
    let (mut is_kept, mut offered) = (false, 0);
    for _ in 0..60 {
        match fastrand::u32(0..10) {
            0..5 => {
                let message = run.message();
                let first = message.first.clone();
                let give_up = Duration::from_millis(fastrand::u64(1..8));
                // A single full group may be cancelled with nothing counted, or with the message abandoned.
                let may_give_up = (groups.len() > 1 || keep_last) && fastrand::bool();
                let published = if fastrand::bool() {
                    catch_unwind(AssertUnwindSafe(|| topic.try_publish(message)))
                } else if may_give_up {
                    let mut waits = Box::pin(tokio::time::timeout(give_up, topic.publish(message)));
                    let published = AssertUnwindSafe(&mut waits).catch_unwind().await;
                    // To give up is to drop it, and with it a message.
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(waits)));
                    match published {
                        // What gave up was admitted.
                        Ok(Err(_)) => Ok(Ok(Delivery::default())),
                        Ok(Ok(published)) => Ok(published),
                        Err(panic) => Err(panic),
                    }
                } else {
                    AssertUnwindSafe(topic.publish(message)).catch_unwind().await
                };
                if is_admitted(published, &first, keep_last) {
                    is_kept |= keep_last;
                    groups.iter_mut().for_each(|group| group.offered += 1);
                }
            }
            5..8 => {
                let group = fastrand::usize(0..groups.len());
                groups[group].receive();
            }
            8 if groups.len() < 5 => groups.push(Counted::new(&topic, keep_last, is_kept)),
            _ if groups.len() > 1 => {
                let group = groups.swap_remove(fastrand::usize(0..groups.len()));
                offered += group.offered;
                let _ = catch_unwind(AssertUnwindSafe(|| drop(group.members)));
            }
            _ => {}
        }
        groups.iter().for_each(Counted::check);
        let (ended, drops) = (topic.stats().ended, topic.stats().ended.dropped);
        assert_eq!(ended.accepted + drops.newest + drops.stalled + drops.abandoned, offered, "seed {seed}: {ended:?}");
        assert_eq!(ended.accepted, ended.received + drops.oldest + drops.discarded);
    }
    for group in groups {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(group.members)));
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(topic)));
    let (created, dropped) = (run.created.load(Ordering::Relaxed), run.dropped.load(Ordering::Relaxed));
    assert_eq!(created, dropped, "seed {seed}: some message was leaked, or dropped twice");
}

#[test]
fn g53_messages_that_panic_at_any_clone_or_drop_are_counted_once_in_each_group() {
    ends(|| {
        for seed in 0..1500 {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(one_after_the_other(seed));
        }
    });
}

async fn publish_wildly(topic: Topic<Wild>, run: Arc<Run>, messages: u32) -> u64 {
    let mut admitted = 0;
    for message in 0..messages {
        let (message, waits) = (run.message(), message % 4 > 0);
        let first = message.first.clone();
        let published = match waits {
            true => AssertUnwindSafe(topic.publish(message)).catch_unwind().await,
            false => catch_unwind(AssertUnwindSafe(|| topic.try_publish(message))),
        };
        admitted += u64::from(is_admitted(published, &first, true));
        if fastrand::u32(0..64) == 0 {
            tokio::task::yield_now().await;
        }
    }
    admitted
}

async fn receive_wildly(mut member: Subscription<Wild>) -> u64 {
    let mut received = 0;
    loop {
        match AssertUnwindSafe(member.recv()).catch_unwind().await {
            Ok(None) => break,
            Ok(message) => {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(message)));
                received += 1;
            }
            Err(_) => received += 1,
        }
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(member)));
    received
}

#[test]
fn g53_messages_that_panic_on_several_threads_are_counted_once_in_each_group() {
    ends(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
        runtime.block_on(async {
            let run = Arc::new(Run::default());
            let options = Options::DEFAULT.keep_last().patience(Duration::from_millis(1));
            let topic = Intracom::new().topic_with::<Wild>("a", options).unwrap();
            topic.try_publish(run.message()).unwrap();
            // Each of them begins with that message.
            let names: Vec<_> = (0..10).map(|group| format!("g{group}")).collect();
            let group = |group: usize| {
                Group::named(&names[group]).policy(POLICIES[group % 5]).capacity(1 + group / 5 * 7).replay_last()
            };
            let members: Vec<_> = (0..20).map(|member| topic.subscribe(group(member % 10)).unwrap()).collect();
            run.odds.store(12, Ordering::Relaxed);
            let members: Vec<_> = members.into_iter().map(|member| tokio::spawn(receive_wildly(member))).collect();
            let publishers: Vec<_> =
                (0..3).map(|_| tokio::spawn(publish_wildly(topic.clone(), run.clone(), 3000))).collect();
            let mut admitted = 1;
            for publisher in publishers {
                admitted += publisher.await.unwrap();
            }
            let _ = catch_unwind(AssertUnwindSafe(|| topic.close()));
            let mut received = 0;
            for member in members {
                received += member.await.unwrap();
            }
            let (ended, drops) = (topic.stats().ended, topic.stats().ended.dropped);
            assert!(topic.stats().groups.is_empty());
            let counted = ended.accepted + drops.newest + drops.stalled + drops.abandoned;
            assert_eq!((ended.groups, counted), (10, admitted * 10), "{ended:?}");
            assert_eq!(ended.received, received);
            assert_eq!(ended.accepted, received + drops.oldest + drops.discarded);
            drop(topic);
            assert_eq!(run.created.load(Ordering::Relaxed), run.dropped.load(Ordering::Relaxed));
        });
    });
}

/// Panics when it is dropped; if asked, with a payload that does so as well.
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
    (stats.ended.accepted, stats.ended.dropped.discarded, stats.groups.len())
}

#[test]
fn x23_a_message_that_panics_when_it_is_discarded_leaves_the_others_counted() {
    let (topic, member) = bombs(|nth| nth == 4, false);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(member))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"wild"), "it goes to the member that left");
    assert_eq!(discarded(&topic), (10, 10, 0));
    assert_eq!(topic.try_publish(Bomb { armed: false, payload: false }).unwrap().delivered(), 0);
}

#[test]
fn x23_messages_that_all_panic_when_they_are_discarded_are_counted_and_raise_one_panic() {
    for payload in [false, true] {
        let (topic, member) = bombs(|_| true, payload);
        let panic = catch_unwind(AssertUnwindSafe(|| drop(member))).unwrap_err();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
        assert_eq!(discarded(&topic), (10, 10, 0));
    }
}

#[test]
fn x23_a_member_that_leaves_in_a_panic_counts_all_messages_and_does_not_end_the_process() {
    /// Panics also while the thread unwinds.
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
    let ended = topic.stats().ended;
    assert_eq!((ended.accepted, ended.dropped.discarded), (10, 10));
}

#[test]
fn g53_a_kept_message_that_panics_when_it_is_replaced_does_not_lose_the_next() {
    let topic: Topic<Bomb> = Intracom::new().topic_with("a", Options::DEFAULT.keep_last()).unwrap();
    let mut members = [Group::own(), Group::own()].map(|group| topic.subscribe(group).unwrap());
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
    assert!(topic.subscribe(Group::own().replay_last()).unwrap().try_recv().is_ok());
}

#[test]
fn g53_a_kept_message_that_panics_when_its_topic_is_closed_leaves_the_others_closed() {
    let intracom = Intracom::new();
    let topics: Vec<Topic<Bomb>> =
        ["a", "b", "c"].map(|name| intracom.topic_with(name, Options::DEFAULT.keep_last()).unwrap()).into();
    for topic in &topics {
        // What was published goes at once, since nobody listens; the copy of it is kept.
        catch_unwind(AssertUnwindSafe(|| topic.try_publish(Bomb { armed: true, payload: false }))).unwrap_err();
    }
    catch_unwind(AssertUnwindSafe(|| topics[0].close())).unwrap_err();
    assert!(topics[0].is_closed() && !format!("{intracom:?}").contains("\"a\""), "its name is free: {intracom:?}");
    let mut waits = Box::pin(intracom.subscribe::<u32>("never", Group::own()));
    assert!(now(waits.as_mut()).is_none());
    catch_unwind(AssertUnwindSafe(|| intracom.close())).unwrap_err();
    assert!(topics.iter().all(Topic::is_closed));
    assert!(now(waits).expect("it is woken, and ends").unwrap_err().is_closed());
}

#[test]
fn g53_a_panic_of_what_hears_the_log_leaves_the_message_counted() {
    use tracing_subscriber::layer::{Context, SubscriberExt};
    struct Layer;
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Layer {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            if event.metadata().target() == "rxd::intracom" {
                panic_quietly();
            }
        }
    }
    // Where the group is when it stalls: the first that is offered the message, one behind a group that has to be
    // waited for, one that was waited for itself.
    let waits = Policy::DropNewestAfter(Duration::from_secs(1));
    for (policies, patience, counted) in [
        ([Policy::Block, Policy::Block], 0, [(1, 0), (0, 1)]),
        ([waits, Policy::Block], 0, [(0, 1), (1, 0)]),
        ([waits, Policy::Block], 5, [(0, 1), (1, 0)]),
    ] {
        let options = Options::DEFAULT.patience(Duration::from_millis(patience));
        let topic: Topic<u32> = Intracom::new().topic_with("a", options).unwrap();
        let members = policies.map(|policy| topic.subscribe(Group::own().capacity(1).policy(policy)).unwrap());
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
        for group in [Group::named("shared"), Group::own(), Group::own().replay_last()] {
            if let Ok(mut member) = self.topic.subscribe(group) {
                let _ = (member.try_recv(), member.stats());
            }
        }
        let _ = self.topic.try_publish(self.clone());
        let _ = (self.intracom.topic::<u32>("other"), self.intracom.find::<u32>("a"), self.intracom.remove("other"));
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
fn g54_a_message_whose_clone_and_drop_use_its_own_topic_does_not_hang() {
    let uses = ends(|| {
        let uses = Arc::new(AtomicU32::new(0));
        for policy in POLICIES {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let intracom = Intracom::new();
                let options = Options::DEFAULT.keep_last().patience(Duration::from_millis(5));
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
                // A member that has ended by its scope: the next publisher ends its group.
                let scope = tokio_util::sync::CancellationToken::new();
                let scoped = intracom.scoped(scope.clone()).topic::<Nosy>("a").unwrap();
                let _deserted = scoped.subscribe(group("scoped")).unwrap();
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

/// Its clone waits until it is let go.
struct Slow {
    begun: mpsc::Sender<()>,
    go: Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
    clones: Arc<AtomicU32>,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        // The first is made by the publisher.
        if self.clones.fetch_add(1, Ordering::Relaxed) > 0 {
            let _ = self.begun.send(());
            let go = self.go.1.wait_while(self.go.0.lock().unwrap(), |go| !*go).unwrap();
            drop(go);
        }
        Slow { begun: self.begun.clone(), go: self.go.clone(), clones: self.clones.clone() }
    }
}

#[test]
fn g54_a_kept_message_that_is_being_cloned_holds_nobody_up() {
    ends(|| {
        let (begun, begins) = mpsc::channel();
        let go = Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
        let topic: Topic<Slow> = Intracom::new().topic_with("a", Options::DEFAULT.keep_last()).unwrap();
        topic.try_publish(Slow { begun, go: go.clone(), clones: Arc::default() }).map_or_else(drop, drop);
        let mut members = [Group::own(), Group::own(), Group::own()]
            .map(|group| topic.subscribe(group.capacity(2).replay_last()).unwrap());
        let [first, second, third] = &mut members;
        std::thread::scope(|scope| {
            let clones = scope.spawn(|| first.try_recv().is_ok());
            begins.recv().unwrap();
            // Nobody who meets the message now is blocked, and no order is broken.
            assert_eq!(second.try_recv().err(), Some(TryRecvError::Empty));
            assert_eq!((second.stats().queued, second.stats().received), (1, 0));
            assert!(topic.subscribe(Group::own().replay_last()).is_ok());
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
