//! Random operations: transitions; watches and streams that are made, polled and dropped; the end
//! of the daemon.

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

/// A watch or a stream, with what the model expects of it.
struct Reader {
    source: Source,
    alarm: Arc<Alarm>,
    waker: Waker,
    /// Whether its last poll was pending, and nothing has woken it since.
    waits: bool,
    ended: bool,
}

enum Source {
    Watch { watch: Watch, model: Watched, taken: usize },
    Stream { stream: StateStream, services: Vec<usize>, at: Instant, begun: bool },
}

impl Reader {
    fn new(source: Source) -> Self {
        let (alarm, waker) = Alarm::new();
        Reader { source, alarm, waker, waits: false, ended: false }
    }

    /// Whether there is something to take.
    fn is_due(&self, stage: &Stage, closed: bool) -> bool {
        match &self.source {
            Source::Watch { model, taken, .. } => {
                let (edges, over) = model.edges_and_end(&stage.world);
                edges.len() > *taken || over || closed
            }
            Source::Stream { services, at, begun, .. } => {
                !begun || stage.world.moves(*at).any(|(_, id)| services.contains(&id)) || closed
            }
        }
    }

    /// Checks that it was woken if and only if it waits and there is something to take.
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
        match &mut self.source {
            Source::Watch { watch, model, taken } => {
                assert_eq!(watch.is_met(), model.action != Action::Changing && model.holds(world, world.now()));
                let (edges, _) = model.edges_and_end(world);
                match watch.poll(&mut task) {
                    Poll::Pending => {
                        assert!(!due, "there is something to take");
                        self.waits = true;
                    }
                    Poll::Ready(Some(event)) => {
                        let new = &edges[*taken..];
                        let last = *new.last().expect("an event without an edge, or one yielded twice");
                        assert_eq!(event.times, new.len() as u64);
                        assert_eq!(event.seq, world.seq(last));
                        let places: Vec<_> = event.services.iter().map(place).collect();
                        let wanted: Vec<_> = model.targets.iter().map(|&id| world.place(id, last)).collect();
                        assert_eq!(places, wanted, "the targets as they were when it came true");
                        *taken = edges.len();
                    }
                    Poll::Ready(None) => {
                        assert!(due && edges.len() == *taken, "it ends before all events were taken");
                        if !self.ended {
                            let over = model.targets.iter().any(|&id| world.is_over(id));
                            // They had left Unknown before they exited, so that is the reason.
                            let unknown = model.state == State::Unknown;
                            let past = unknown && model.targets.iter().all(|&id| world.has_begun(id));
                            let exited = model.targets.iter().filter(|&&id| world.is_over(id) || !over && !unknown);
                            let exited: Vec<_> =
                                exited.filter_map(|&id| Some((name(id).into(), world.ended(id)?))).collect();
                            let reason = match () {
                                () if !exited.is_empty() => WatchEnded::Exited(exited),
                                () if closed && !past => WatchEnded::Closed,
                                () => WatchEnded::StatePassed,
                            };
                            assert_eq!(watch.ended(), Some(&reason));
                        }
                        self.ended = true;
                    }
                }
            }
            Source::Stream { stream, services, at, begun } => match stream.poll(&mut task) {
                Poll::Pending => {
                    assert!(!due, "there is something to read");
                    self.waits = true;
                }
                Poll::Ready(None) => {
                    assert!(closed && *begun && !world.moves(*at).any(|(_, id)| services.contains(&id)))
                }
                Poll::Ready(Some(StateEvent::Snapshot(states))) => {
                    assert!(!std::mem::replace(begun, true), "one snapshot, first");
                    assert_eq!(states.seq(), world.seq(*at));
                    let places: Vec<_> = states.iter().map(place).collect();
                    let wanted: Vec<_> = services.iter().map(|&id| world.place(id, *at)).collect();
                    assert_eq!(places, wanted);
                }
                Poll::Ready(Some(StateEvent::Changed(state))) => {
                    let (next, id) = world.moves(*at).find(|(_, id)| services.contains(id)).expect("twice");
                    assert_eq!((&*state.name, place(&state)), (&*name(id), world.place(id, next)));
                    *at = next;
                }
                Poll::Ready(Some(StateEvent::Lagged { missed, snapshot })) => {
                    let now = world.now();
                    assert!(world.seq(now) - world.seq(*at) > stage.history as u64, "it was not that slow");
                    assert_eq!(missed, world.moves(*at).filter(|(_, id)| services.contains(id)).count() as u64);
                    let places: Vec<_> = snapshot.iter().map(place).collect();
                    let wanted: Vec<_> = services.iter().map(|&id| world.place(id, now)).collect();
                    assert_eq!((snapshot.seq(), places), (world.seq(now), wanted));
                    *at = now;
                }
            },
        }
    }
}

/// The services, of this many, whose bit is set in the mask.
fn chosen(services: usize, mask: u8) -> Vec<usize> {
    (0..services).filter(|id| mask >> id & 1 == 1).collect()
}

fn run(services: usize, history: usize, ops: Vec<Op>) {
    let mut stage = Stage::new(services, history);
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
                let names: Vec<String> = targets.iter().map(|&id| name(id)).collect();
                let watch = Watch::new(&stage.core, mode, action, state, &names).unwrap();
                let model = Watched { mode, action, state, targets, made: stage.world.now() };
                readers.push(Reader::new(Source::Watch { watch, model, taken: 0 }));
            }
            Op::Stream { filter, services: mask } => {
                let mask = [u8::MAX, mask, !mask][filter];
                let names = |mask| chosen(services, mask).into_iter().map(name);
                let filter =
                    [Filter::None, Filter::include(names(mask)), Filter::exclude(names(!mask))][filter].clone();
                let stream = StateStream::new(&stage.core, &filter).unwrap();
                let source =
                    Source::Stream { stream, services: chosen(services, mask), at: stage.world.now(), begun: false };
                readers.push(Reader::new(source));
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
        let moves = stage.world.moves(0).filter(|(_, id)| *id == service).count();
        assert_eq!(stage.core.board.status(service as u32).transitions, moves as u64);
    }
    // Everything that is left is delivered, and then each reader ends.
    for reader in &mut readers {
        for _ in 0..=stage.world.now() + 2 {
            reader.poll(&stage, closed);
        }
        assert!(matches!(reader.source, Source::Stream { .. }) || reader.ended);
    }
    drop(readers);
    #[cfg(feature = "test-util")]
    assert_eq!(stage.core.board.watched(), 0, "the dropped watches have left no entry");
}

#[test]
fn watch_on_unknown_ends_with_the_transition_that_decides_it() {
    let moves = |service| Op::Move { service, choice: 7 };
    let watch = Op::Watch { all: true, action: 2, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, moves(0), moves(0), Op::Poll(0), moves(1), Op::Poll(0)]);
    // A watch for any of them to be in it ends then too.
    let watch = Op::Watch { all: false, action: 0, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, Op::Poll(0), moves(0), moves(0), Op::Poll(0), moves(1), Op::Poll(0)]);
    // A watch for all of them to be in it ends when the first has left it, not with the daemon.
    let watch = Op::Watch { all: true, action: 0, state: 0, targets: 0b11 };
    run(2, 64, vec![watch, Op::Poll(0), moves(0), Op::Poll(0)]);
}

proptest! {
    #![proptest_config(super::cases(100))]

    /// For every action, mode, state and set of services, nothing is missed, nothing is delivered
    /// twice, and all readers get the same order.
    #[test]
    fn g34_g36_g37_random_watches_and_streams_follow_the_model(
        services in 1..5usize,
        history in prop_oneof![Just(1usize), Just(5), Just(64)],
        ops in prop::collection::vec(op(), 1..90),
    ) {
        run(services, history, ops);
    }
}
