//! Everything at random: moves, watches and streams made, polled and dropped, the end of the daemon.

use super::model::{Instant, Watched};
use super::world::{Alarm, Stage, name, place};
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Filter, State};
use crate::watch::{StateEvent, StateStream, Watch, WatchEnded};
use proptest::prelude::*;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];

#[derive(Clone, Debug)]
enum Op {
    Move { service: usize, choice: usize },
    Watch { all: bool, action: usize, state: usize, targets: u8 },
    Stream { filter: usize, services: u8 },
    Poll(usize),
    Drop(usize),
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (any::<usize>(), any::<usize>()).prop_map(|(service, choice)| Op::Move { service, choice }),
        4 => (any::<bool>(), 0..4usize, 0..6usize, any::<u8>())
            .prop_map(|(all, action, state, targets)| Op::Watch { all, action, state, targets }),
        1 => (0..3usize, any::<u8>()).prop_map(|(filter, services)| Op::Stream { filter, services }),
        6 => any::<usize>().prop_map(Op::Poll),
        2 => any::<usize>().prop_map(Op::Drop),
    ]
}

/// Somebody who holds a watch or a stream, with what the model says of it.
struct Reader {
    what: What,
    alarm: Arc<Alarm>,
    waker: Waker,
    /// Whether its last poll was pending, and nothing has woken it since.
    waits: bool,
    ended: bool,
}

enum What {
    Watch { watch: Watch, model: Watched, taken: usize },
    Stream { stream: StateStream, services: Vec<usize>, at: Instant, begun: bool },
}

impl Reader {
    fn new(what: What) -> Self {
        let (alarm, waker) = Alarm::new();
        Reader { what, alarm, waker, waits: false, ended: false }
    }

    /// Whether there is something to take.
    fn is_due(&self, stage: &Stage, closed: bool) -> bool {
        match &self.what {
            What::Watch { model, taken, .. } => {
                let (edges, over) = model.story(&stage.world);
                edges.len() > *taken || over || closed
            }
            What::Stream { services, at, begun, .. } => {
                !begun || stage.world.moves(*at).any(|(_, who)| services.contains(&who)) || closed
            }
        }
    }

    /// It is woken when, and only when, there is something to take.
    fn check_alarm(&mut self, stage: &Stage, closed: bool) {
        let rings = self.alarm.take();
        let wanted = self.waits && self.is_due(stage, closed);
        assert_eq!(rings, usize::from(wanted), "woken once, if there is something to take");
        self.waits &= !wanted;
    }

    fn poll(&mut self, stage: &Stage, closed: bool) {
        let due = self.is_due(stage, closed);
        let mut task = Context::from_waker(&self.waker);
        let world = &stage.world;
        match &mut self.what {
            What::Watch { watch, model, taken } => {
                assert_eq!(watch.is_met(), model.action != Action::Changing && model.holds(world, world.now()));
                let (edges, _) = model.story(world);
                match watch.poll(&mut task) {
                    Poll::Pending => {
                        assert!(!due, "there is something to take");
                        self.waits = true;
                    }
                    Poll::Ready(Some(met)) => {
                        let new = &edges[*taken..];
                        let last = *new.last().expect("nothing came true, or it is yielded twice");
                        assert_eq!(met.times, new.len() as u64);
                        assert_eq!(met.seq, world.seq(last));
                        let places: Vec<_> = met.services.iter().map(place).collect();
                        let wanted: Vec<_> = model.targets.iter().map(|&who| world.place(who, last)).collect();
                        assert_eq!(places, wanted, "the targets as they were when it came true");
                        *taken = edges.len();
                    }
                    Poll::Ready(None) => {
                        assert!(due && edges.len() == *taken, "it ends before all was taken");
                        if !self.ended {
                            let over = model.targets.iter().any(|&who| world.is_over(who));
                            // Unknown was over before: that they exited since is not why.
                            let unknown = model.state == State::Unknown;
                            let past = unknown && model.targets.iter().all(|&who| world.has_begun(who));
                            let exited = model.targets.iter().filter(|&&who| world.is_over(who) || !over && !unknown);
                            let exited: Vec<_> =
                                exited.filter_map(|&who| Some((name(who).into(), world.ended(who)?))).collect();
                            let never = match () {
                                () if !exited.is_empty() => WatchEnded::Exited(exited),
                                () if closed && !past => WatchEnded::Closed,
                                () => WatchEnded::StatePassed,
                            };
                            assert_eq!(watch.ended(), Some(&never));
                        }
                        self.ended = true;
                    }
                }
            }
            What::Stream { stream, services, at, begun } => match stream.poll(&mut task) {
                Poll::Pending => {
                    assert!(!due, "there is something to read");
                    self.waits = true;
                }
                Poll::Ready(None) => {
                    assert!(closed && *begun && !world.moves(*at).any(|(_, who)| services.contains(&who)))
                }
                Poll::Ready(Some(StateEvent::Snapshot(states))) => {
                    assert!(!std::mem::replace(begun, true), "one snapshot, first");
                    assert_eq!(states.seq(), world.seq(*at));
                    let places: Vec<_> = states.iter().map(place).collect();
                    let wanted: Vec<_> = services.iter().map(|&who| world.place(who, *at)).collect();
                    assert_eq!(places, wanted);
                }
                Poll::Ready(Some(StateEvent::Changed(state))) => {
                    let (next, who) = world.moves(*at).find(|(_, who)| services.contains(who)).expect("twice");
                    assert_eq!((&*state.name, place(&state)), (&*name(who), world.place(who, next)));
                    *at = next;
                }
                Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) => {
                    let now = world.now();
                    assert!(world.seq(now) - world.seq(*at) > stage.room as u64, "it was not that slow");
                    assert_eq!(missed, world.moves(*at).filter(|(_, who)| services.contains(who)).count() as u64);
                    let places: Vec<_> = snapshot.iter().map(place).collect();
                    let wanted: Vec<_> = services.iter().map(|&who| world.place(who, now)).collect();
                    assert_eq!((snapshot.seq(), places), (world.seq(now), wanted));
                    *at = now;
                }
            },
        }
    }
}

/// Which of so many services a mask names.
fn chosen(services: usize, mask: u8) -> Vec<usize> {
    (0..services).filter(|who| mask >> who & 1 == 1).collect()
}

fn run(services: usize, room: usize, ops: Vec<Op>) {
    let mut stage = Stage::new(services, room);
    let mut readers: Vec<Reader> = Vec::new();
    let mut closed = false;
    for op in ops.into_iter().chain([Op::Close]) {
        match op {
            Op::Move { service, choice } => stage.step(service % services, choice),
            Op::Watch { all, action, state, targets } => {
                let mut targets = chosen(services, targets);
                if targets.is_empty() {
                    targets.push(0);
                }
                let mode = if all { Mode::All } else { Mode::Any };
                let (action, state) = (ACTIONS[action], State::ALL[state]);
                let names: Vec<String> = targets.iter().map(|&who| name(who)).collect();
                let watch = Watch::new(&stage.core, mode, action, state, &names).unwrap();
                let model = Watched { mode, action, state, targets, made: stage.world.now() };
                readers.push(Reader::new(What::Watch { watch, model, taken: 0 }));
            }
            Op::Stream { filter, services: mask } => {
                let mask = [u8::MAX, mask, !mask][filter];
                let names = |mask| chosen(services, mask).into_iter().map(name);
                let filter =
                    [Filter::None, Filter::include(names(mask)), Filter::exclude(names(!mask))][filter].clone();
                let stream = StateStream::new(&stage.core, &filter).unwrap();
                let what =
                    What::Stream { stream, services: chosen(services, mask), at: stage.world.now(), begun: false };
                readers.push(Reader::new(what));
            }
            Op::Poll(nth) if !readers.is_empty() => {
                let nth = nth % readers.len();
                readers[nth].poll(&stage, closed);
            }
            Op::Drop(nth) if !readers.is_empty() => drop(readers.swap_remove(nth % readers.len())),
            Op::Poll(_) | Op::Drop(_) => {}
            Op::Close => {
                stage.core.board.close();
                closed = true;
            }
        }
        for reader in &mut readers {
            reader.check_alarm(&stage, closed);
        }
    }
    for service in 0..services {
        let moves = stage.world.moves(0).filter(|(_, who)| *who == service).count();
        assert_eq!(stage.core.board.status(service as u32).transitions, moves as u64);
    }
    // Whatever is left is delivered, and then each ends.
    for reader in &mut readers {
        for _ in 0..=stage.world.now() + 2 {
            reader.poll(&stage, closed);
        }
        assert!(matches!(reader.what, What::Stream { .. }) || reader.ended);
    }
    drop(readers);
    #[cfg(feature = "test-util")]
    assert_eq!(stage.core.board.watched(), 0, "nothing is left of those that were dropped");
}

#[test]
fn all_have_left_unknown_when_the_last_has_whatever_the_others_do_meanwhile() {
    let moves = |service| Op::Move { service, choice: 7 };
    let watch = Op::Watch { all: true, action: 2, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, moves(0), moves(0), Op::Poll(0), moves(1), Op::Poll(0)]);
    // And to wait for one of them to come into it is over then.
    let watch = Op::Watch { all: false, action: 0, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, Op::Poll(0), moves(0), moves(0), Op::Poll(0), moves(1), Op::Poll(0)]);
    // That all of them are in it is past with the first, and not since the daemon has ended.
    let watch = Op::Watch { all: true, action: 0, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, Op::Poll(0), moves(0), Op::Poll(0)]);
}

proptest! {
    #![proptest_config(super::cases(100))]

    /// G34, G36, G37: for every action, mode, state and set of services nothing is missed, nothing
    /// comes twice, and all readers get the same order.
    #[test]
    fn every_watch_and_stream_is_as_the_model_says(
        services in 1..5usize,
        room in prop_oneof![Just(1usize), Just(5), Just(64)],
        ops in prop::collection::vec(op(), 1..90),
    ) {
        run(services, room, ops);
    }
}
