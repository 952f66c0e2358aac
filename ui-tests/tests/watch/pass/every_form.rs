//! Every word that a watch takes.

use rxd::{Action, Context, Declared, Effect, Mode, Runner, State};
use std::time::Duration;

mod library {
    #[rxd::service]
    pub struct Health<T = u8>(pub T);

    impl<T: Send + 'static> rxd::Runner for Health<T> {
        async fn run(&mut self, _: &rxd::Context) -> rxd::Result {
            Ok(())
        }
    }
}

const LIMIT: Duration = Duration::from_secs(9);

#[rxd::service]
#[watch(any, entering, Init, "a", "b", then(init), within = "30s")]
#[watch(all, exited, Idle, "a", library::Health, then(run), within = LIMIT)]
#[watch(any, changing, State::Run, self::library::Health<u16>, then = "stop")]
#[watch(any, not_in, rxd::State::Stop, "a", "b", "c", then(exit))]
#[watch(any, entering, Exit, "a", stream(a_has_ended))]
#[watch(stream(late), all, exited, Unknown, "a",)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _: [rxd::Watch; 2] = [Self::a_has_ended(cx), Poller::late(cx)];
        Ok(())
    }
}

fn main() {
    let edges = Poller::DECLARATION.edges;
    let said: Vec<_> = edges.iter().map(|edge| (edge.mode, edge.action, edge.state, edge.effect)).collect();
    let written = [
        (Mode::Any, Action::Entering, State::Init, Effect::GateInit),
        (Mode::All, Action::Exited, State::Idle, Effect::GateRun),
        (Mode::Any, Action::Changing, State::Run, Effect::Stop),
        (Mode::Any, Action::NotIn, State::Stop, Effect::Exit),
        (Mode::Any, Action::Entering, State::Exit, Effect::Stream),
        (Mode::All, Action::Exited, State::Unknown, Effect::Stream),
    ];
    assert_eq!(said, written);
    assert_eq!(edges[0].within, Some(Duration::from_secs(30)));
    assert_eq!(edges[1].within, Some(LIMIT));
    assert_eq!(edges[2].within, None);
    assert!(edges[1].targets[1].by_type && !edges[1].targets[0].by_type);
    assert_eq!(edges[4].stream, "a_has_ended");
    let targets: Vec<_> = edges.iter().map(|edge| edge.targets.len()).collect();
    assert_eq!(targets, [2, 2, 1, 3, 1, 1]);
}
