//! A second, simple implementation of a topic and its groups, and a world that takes the same steps
//! with both and compares them. Used by `against_model.rs`.
//!
//! One publisher at a time may be waiting. It is polled after every step, so the model knows
//! when the publisher sees room or a timeout.

use super::poll;
use rxd::intracom::{
    Delivery, Group, Intracom, Policy, PublishError, Subscription, Topic, TopicOptions, TopicStats, TryRecvError,
};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

const BLOCK_TIMEOUT: u64 = 40;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) capacity: usize,
    pub(crate) full: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Publish,
    Try,
    Abandon,
    Receive { group: usize, member: usize },
    Advance(u64),
    Join { group: usize },
    Leave { group: usize, member: usize },
    Begin(Setup),
    Close,
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The expected state of a group.
struct Model {
    policy: Policy,
    capacity: usize,
    queue: VecDeque<u32>,
    stalled: bool,
    accepted: u64,
    received: u64,
    oldest: u64,
    newest: u64,
    lost_stalled: u64,
    abandoned: u64,
    discarded: u64,
    /// Until when the waiting message waits for this group.
    deadline: Option<u64>,
}

impl Model {
    fn limit(&self) -> u64 {
        match self.policy {
            Policy::Block if self.stalled => 0,
            Policy::Block => BLOCK_TIMEOUT,
            Policy::DropOldestAfter(limit) | Policy::DropNewestAfter(limit) => limit.as_millis() as u64,
            Policy::DropOldest | Policy::DropNewest => 0,
        }
    }

    fn is_full(&self) -> bool {
        self.queue.len() == self.capacity
    }

    fn accept(&mut self, message: u32, delivery: &mut (usize, usize, usize)) {
        self.queue.push_back(message);
        self.accepted += 1;
        self.stalled = false;
        delivery.0 += 1;
    }

    fn overflow(&mut self, message: u32, delivery: &mut (usize, usize, usize)) {
        match self.policy {
            Policy::DropOldest | Policy::DropOldestAfter(_) => {
                self.queue.pop_front();
                self.oldest += 1;
                delivery.2 += 1;
                self.accept(message, delivery);
            }
            Policy::DropNewest | Policy::DropNewestAfter(_) => {
                self.newest += 1;
                delivery.1 += 1;
            }
            Policy::Block => {
                self.stalled = true;
                self.lost_stalled += 1;
                delivery.1 += 1;
            }
        }
    }
}

/// The model of one group, and the members of the real one.
struct Pair {
    model: Model,
    name: String,
    members: Vec<Subscription<u32>>,
}

type Publishing = Pin<Box<dyn Future<Output = Result<Delivery, PublishError<u32>>>>>;

struct World {
    topic: Topic<u32>,
    groups: Vec<Pair>,
    named: usize,
    next: u32,
    now: u64,
    keep_last: bool,
    closed: bool,
    no_subscribers: u64,
    last: Option<u32>,
    waiting: Option<(u32, (usize, usize, usize), Publishing)>,
    /// Of groups that ended: how many, accepted, received, dropped.
    ended: (u64, u64, u64, u64),
}

impl World {
    fn new(keep_last: bool) -> World {
        let mut options = TopicOptions::DEFAULT.block_timeout(ms(BLOCK_TIMEOUT));
        if keep_last {
            options = options.keep_last();
        }
        World {
            topic: Intracom::new().topic_with("model", options).unwrap(),
            groups: Vec::new(),
            named: 0,
            next: 0,
            now: 0,
            keep_last,
            closed: false,
            no_subscribers: 0,
            last: None,
            waiting: None,
            ended: (0, 0, 0, 0),
        }
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Begin(setup) => self.begin(setup),
            Step::Publish => self.publish(),
            Step::Try => self.try_publish(),
            Step::Abandon => {
                if self.waiting.take().is_some() {
                    for pair in &mut self.groups {
                        pair.model.abandoned += u64::from(pair.model.deadline.take().is_some());
                    }
                }
            }
            Step::Receive { group, member } => self.receive(group, member),
            Step::Advance(by) => {
                self.now += by;
                tokio::time::advance(ms(by)).await;
            }
            Step::Join { group } => self.join(group),
            Step::Leave { group, member } => self.leave(group, member),
            Step::Close => {
                self.topic.close();
                self.closed = true;
            }
        }
        self.settle();
        self.check();
    }

    fn begin(&mut self, setup: Setup) {
        if self.closed || self.groups.len() == 4 {
            return;
        }
        self.named += 1;
        let name = format!("g{}", self.named);
        let mut group = Group::named(&name).capacity(setup.capacity).policy(setup.policy);
        if self.keep_last {
            group = group.replay_last();
        }
        let member = self.topic.subscribe(group).unwrap();
        let queue: VecDeque<u32> = self.last.into_iter().collect();
        let model = Model {
            policy: setup.policy,
            capacity: setup.capacity,
            accepted: queue.len() as u64,
            queue,
            stalled: false,
            received: 0,
            oldest: 0,
            newest: 0,
            lost_stalled: 0,
            abandoned: 0,
            discarded: 0,
            deadline: None,
        };
        self.groups.push(Pair { model, name, members: vec![member] });
        while setup.full && !self.groups[self.groups.len() - 1].model.is_full() {
            self.try_publish();
        }
    }

    fn publish(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let message = self.fresh();
        let topic = self.topic.clone();
        let mut publishing: Publishing = Box::pin(async move { topic.publish(message).await });
        let first = poll(publishing.as_mut());
        if self.closed {
            let Poll::Ready(Err(error)) = first else { panic!("{first:?}") };
            assert!(error.is_closed());
            assert_eq!(error.into_message(), message);
            return;
        }
        let (delivery, waits) = self.admit(message, true);
        if waits {
            assert!(first.is_pending());
            self.waiting = Some((message, delivery, publishing));
        } else {
            let Poll::Ready(Ok(real)) = first else { panic!("{first:?}") };
            assert_eq!((real.delivered(), real.dropped(), real.evicted()), delivery);
        }
    }

    fn try_publish(&mut self) {
        let message = self.fresh();
        let real = self.topic.try_publish(message);
        if self.closed {
            let error = real.unwrap_err();
            assert!(error.is_closed());
            assert_eq!(error.into_message(), message);
            return;
        }
        let must_wait = |pair: &Pair| pair.model.is_full() && pair.model.limit() > 0;
        if !self.groups.is_empty() && self.groups.iter().all(must_wait) {
            let error = real.unwrap_err();
            assert!(error.is_full());
            assert_eq!(error.into_message(), message);
            return;
        }
        let (delivery, _) = self.admit(message, false);
        let real = real.unwrap();
        assert_eq!((real.delivered(), real.dropped(), real.evicted()), delivery);
    }

    /// Offers a message to every group. Returns also whether it has to wait for one.
    fn admit(&mut self, message: u32, wait: bool) -> ((usize, usize, usize), bool) {
        self.no_subscribers += u64::from(self.groups.is_empty());
        self.last = self.keep_last.then_some(message);
        let mut delivery = (0, 0, 0);
        let mut waits = false;
        for Pair { model, .. } in &mut self.groups {
            if !model.is_full() {
                model.accept(message, &mut delivery);
            } else if model.limit() == 0 {
                model.overflow(message, &mut delivery);
            } else if wait {
                model.deadline = Some(self.now + model.limit());
                waits = true;
            } else {
                model.abandoned += 1;
                delivery.1 += 1;
            }
        }
        (delivery, waits)
    }

    /// Lets the waiting message see what has changed.
    fn settle(&mut self) {
        let Some((message, delivery, publishing)) = &mut self.waiting else { return };
        let mut closed = Vec::new();
        for (index, Pair { model, .. }) in self.groups.iter_mut().enumerate() {
            let Some(deadline) = model.deadline else { continue };
            if self.closed {
                closed.push(index);
            } else if !model.is_full() {
                model.accept(*message, delivery);
            } else if self.now >= deadline {
                model.overflow(*message, delivery);
            } else {
                continue;
            }
            model.deadline = None;
        }
        let waits = self.groups.iter().any(|pair| pair.model.deadline.is_some());
        let real = poll(publishing.as_mut());
        assert_eq!(real.is_pending(), waits);
        let Poll::Ready(real) = real else { return };
        match real {
            Ok(real) => {
                for index in closed {
                    self.groups[index].model.abandoned += 1;
                    delivery.1 += 1;
                }
                assert_eq!((real.delivered(), real.dropped(), real.evicted()), *delivery);
            }
            Err(error) => {
                assert!(error.is_closed() && self.closed);
                assert_eq!(*delivery, (0, 0, 0));
                assert_eq!(error.into_message(), *message);
            }
        }
        self.waiting = None;
    }

    fn receive(&mut self, group: usize, member: usize) {
        let Some(Pair { model, members, .. }) = self.groups.get_mut(group) else { return };
        let member = member % members.len();
        let expected = match model.queue.pop_front() {
            Some(message) => {
                model.received += 1;
                Ok(message)
            }
            None if self.closed => Err(TryRecvError::Ended),
            None => Err(TryRecvError::Empty),
        };
        assert_eq!(members[member].try_recv(), expected);
    }

    fn join(&mut self, group: usize) {
        let Some(Pair { model, name, members }) = self.groups.get_mut(group) else { return };
        let asked = Group::named(name).capacity(model.capacity).policy(model.policy);
        match self.topic.subscribe(asked) {
            Ok(member) => members.push(member),
            Err(error) => assert!(error.is_closed() && self.closed),
        }
    }

    fn leave(&mut self, group: usize, member: usize) {
        let Some(Pair { model, members, .. }) = self.groups.get_mut(group) else { return };
        let member = member % members.len();
        drop(members.remove(member));
        if members.is_empty() {
            model.discarded += model.queue.len() as u64;
            let dropped = model.oldest + model.newest + model.lost_stalled + model.abandoned + model.discarded;
            let ended = &mut self.ended;
            *ended = (ended.0 + 1, ended.1 + model.accepted, ended.2 + model.received, ended.3 + dropped);
            self.groups.remove(group);
        }
    }

    fn check(&self) {
        let TopicStats { groups, no_subscribers, closed_groups: ended, closed, .. } = self.topic.stats();
        assert_eq!((no_subscribers, closed), (self.no_subscribers, self.closed));
        let total = ended.dropped.total();
        assert_eq!((ended.groups, ended.accepted, ended.received, total), self.ended);
        assert_eq!(groups.len(), self.groups.len());
        for (real, Pair { model, name, members }) in groups.iter().zip(&self.groups) {
            assert_eq!((&real.name, real.members), (name, members.len()));
            assert_eq!((real.capacity, real.policy, real.stalled), (model.capacity, model.policy, model.stalled));
            let numbers = (real.queued, real.accepted, real.received);
            assert_eq!(numbers, (model.queue.len(), model.accepted, model.received), "{real:?}");
            let drops = real.dropped;
            assert_eq!(
                [drops.oldest, drops.newest, drops.stalled, drops.abandoned, drops.discarded],
                [model.oldest, model.newest, model.lost_stalled, model.abandoned, model.discarded]
            );
            assert_eq!(real.accepted, real.received + drops.oldest + drops.discarded + real.queued as u64);
        }
    }

    /// Closes, and receives all that is left.
    async fn finish(mut self) {
        self.step(Step::Close).await;
        for group in 0..self.groups.len() {
            while !self.groups[group].model.queue.is_empty() {
                self.step(Step::Receive { group, member: 0 }).await;
            }
            self.step(Step::Receive { group, member: 0 }).await;
        }
        self.step(Step::Publish).await;
    }
}

pub(crate) fn run(setups: &[Setup], steps: &[Step], keep_last: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(keep_last);
        for &setup in setups {
            world.step(Step::Begin(setup)).await;
        }
        for &step in steps {
            world.step(step).await;
        }
        world.finish().await;
    });
}
