//! Daemons of failing services, end to end: what each watch was told is what the daemon's own
//! record says, worked out anew.

use crate::common::{brisk, start_with};
use rxd::{
    Action, AnyError, Context, Daemon, DaemonHandle, Filter, Mode, Runner, ServiceState, State, StateEvent, Transition,
};

const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];
const SERVICES: usize = 4;

/// Fails, panics, waits and gives way, as its own random numbers say.
struct Erratic {
    random: u64,
    rounds: u32,
}

impl Erratic {
    fn draw(&mut self, below: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    async fn act(&mut self) -> rxd::Result {
        for _ in 0..self.draw(4) {
            tokio::task::yield_now().await;
        }
        match self.draw(10) {
            0 | 1 => Err(AnyError::msg("erratic")),
            _ => Ok(()),
        }
    }
}

impl Runner for Erratic {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.act().await
    }
    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        self.act().await
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.rounds.checked_sub(1) {
            Some(left) => self.rounds = left,
            None => cx.cancelled().await,
        }
        self.act().await
    }
    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        self.act().await
    }
}

/// One thing a watch was told: how many times it came true, and the number of the last.
struct Told {
    watch: (Mode, Action, State, Vec<usize>),
    /// The number of the last transition before the watch was made, at the latest and at the earliest.
    made: (u64, u64),
    edges: Vec<(u64, u64)>,
    over: bool,
}

/// What a watch is told if it is made after transition `made`: each number at which it comes true.
fn edges(record: &[ServiceState], watch: &(Mode, Action, State, Vec<usize>), made: u64) -> Vec<u64> {
    let (mode, action, state, targets) = watch;
    let mut is = [*state == State::Unknown; SERVICES];
    let mut left = [false; SERVICES];
    let mut changed = [false; SERVICES];
    let mut held = false;
    let mut edges = Vec::new();
    for seq in 0..=record.len() as u64 {
        if let Some(step) = seq.checked_sub(1).map(|at| &record[at as usize]) {
            let who = step.name[1..].parse::<usize>().unwrap();
            let now = step.state == *state && step.transition == Transition::Entering;
            changed[who] |= seq > made && is[who] != now;
            left[who] |= is[who] && !now;
            is[who] = now;
        }
        let mut each = targets.iter().map(|&who| match action {
            Action::Entering => is[who],
            Action::NotIn => !is[who],
            Action::Exited => !is[who] && left[who],
            Action::Changing => changed[who],
        });
        let holds = match mode {
            Mode::Any => each.any(|holds| holds),
            Mode::All => each.all(|holds| holds),
        };
        if seq >= made && holds && (!held || seq == made) {
            edges.push(seq);
        }
        held = holds;
        if *action == Action::Changing && holds {
            changed.fill(false);
            held = false;
        }
    }
    edges
}

fn watcher(handle: &DaemonHandle, nth: usize) -> impl Future<Output = Told> + use<> {
    let mode = [Mode::Any, Mode::All][nth % 2];
    let (action, state) = (ACTIONS[nth / 2 % 4], State::ALL[nth / 8 % 6]);
    let targets: Vec<usize> = (0..SERVICES).filter(|who| (nth / 48 % 15 + 1) >> who & 1 == 1).collect();
    let names: Vec<String> = targets.iter().map(|who| format!("s{who}")).collect();
    let earliest = handle.states().seq();
    let mut watch = match mode {
        Mode::Any => handle.watch_any(action, state, &names).unwrap(),
        Mode::All => handle.watch_all(action, state, &names).unwrap(),
    };
    let made = (earliest, handle.states().seq());
    async move {
        let mut edges = Vec::new();
        while let Some(met) = watch.next().await {
            edges.push((met.seq, met.times));
            if nth % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Told { watch: (mode, action, state, targets), made, edges, over: watch.ended().is_some() }
    }
}

async fn live(seed: u64) {
    let erratic = (0..SERVICES as u64).map(|n| {
        let random = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n + 1).wrapping_mul(0xd134_2543_de82_ef95);
        brisk(&format!("s{n}"), Erratic { random, rounds: 6 })
    });
    let handle = start_with(Daemon::new("d").history(1 << 16), erratic).await;
    let mut tasks = Vec::new();
    let mut streams = Vec::new();
    for nth in 0..150 {
        tasks.push(tokio::spawn(watcher(&handle, nth * 7 + seed as usize)));
        if nth % 30 == 0 {
            let mut stream = handle.watch_states(Filter::None).unwrap();
            streams.push(tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Some(event) = stream.next().await {
                    match event {
                        StateEvent::Snapshot(_) => {}
                        StateEvent::Changed(state) => seen.push(state),
                        StateEvent::Lagged { .. } => panic!("there is room for all"),
                    }
                }
                seen
            }));
        }
        tokio::task::yield_now().await;
    }
    handle.wait_for(["s0", "s1", "s2", "s3"], State::Run).await.unwrap();
    handle.shutdown();
    handle.wait().await.into_result().unwrap();
    let record = handle.history();
    assert!(record.iter().map(|step| step.seq).eq(1..=record.len() as u64));
    for stream in streams {
        let seen = stream.await.unwrap();
        assert!(record.ends_with(&seen), "the same order for all, and nothing left out");
    }
    for task in tasks {
        let told = task.await.unwrap();
        assert!(told.over);
        let fits = (told.made.0..=told.made.1).any(|made| {
            let mut wanted = edges(&record, &told.watch, made).into_iter();
            let met = told.edges.iter().all(|(seq, times)| {
                let taken: Vec<u64> = wanted.by_ref().take(*times as usize).collect();
                taken.len() as u64 == *times && taken.last() == Some(seq)
            });
            met && wanted.next().is_none()
        });
        assert!(fits, "seed {seed}: {:?} made {:?} was told {:?}", told.watch, told.made, told.edges);
    }
}

#[tokio::test(start_paused = true)]
async fn in_one_thread() {
    for seed in 0..20 {
        live(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_two_threads() {
    for seed in 100..110 {
        live(seed).await;
    }
}
