//! Daemons of services that fail at random, end to end: what each watch delivers is compared with a
//! model of the daemon's own history.

use crate::common::{service, start_with};
use rxd::{
    Action, AnyError, Context, Daemon, DaemonHandle, Filter, Mode, Runner, ServiceState, State, StateEvent, Transition,
};

const ACTIONS: [Action; 4] = [Action::Entering, Action::Exited, Action::Changing, Action::NotIn];
const SERVICES: usize = 4;

/// Fails and yields at random.
struct Erratic {
    random: u64,
    restarts: u32,
}

impl Erratic {
    fn draw(&mut self, below: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    async fn outcome(&mut self) -> rxd::Result {
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
        self.outcome().await
    }
    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        self.outcome().await
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.restarts.checked_sub(1) {
            Some(left) => self.restarts = left,
            None => cx.cancelled().await,
        }
        self.outcome().await
    }
    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        self.outcome().await
    }
}

/// What one watch has delivered.
struct Delivered {
    watch: (Mode, Action, State, Vec<usize>),
    /// The sequence number of the last transition before the watch was made: the earliest and the
    /// latest possible.
    made: (u64, u64),
    edges: Vec<(u64, u64)>,
    over: bool,
}

/// The model: the sequence numbers at which a watch that is made after transition `made` fires.
fn edges(record: &[ServiceState], watch: &(Mode, Action, State, Vec<usize>), made: u64) -> Vec<u64> {
    let (mode, action, state, targets) = watch;
    let mut is = [*state == State::Unknown; SERVICES];
    let mut left = [false; SERVICES];
    let mut changed = [false; SERVICES];
    let mut held = false;
    let mut edges = Vec::new();
    for seq in 0..=record.len() as u64 {
        if let Some(step) = seq.checked_sub(1).map(|at| &record[at as usize]) {
            let target = step.name[1..].parse::<usize>().unwrap();
            let now = step.state == *state && step.transition == Transition::Entering;
            changed[target] |= seq > made && is[target] != now;
            left[target] |= is[target] && !now;
            is[target] = now;
        }
        let mut each = targets.iter().map(|&target| match action {
            Action::Entering => is[target],
            Action::NotIn => !is[target],
            Action::Exited => !is[target] && left[target],
            Action::Changing => changed[target],
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

fn watcher(handle: &DaemonHandle, nth: usize) -> impl Future<Output = Delivered> + use<> {
    let mode = [Mode::Any, Mode::All][nth % 2];
    let (action, state) = (ACTIONS[nth / 2 % 4], State::ALL[nth / 8 % 6]);
    let targets: Vec<usize> = (0..SERVICES).filter(|target| (nth / 48 % 15 + 1) >> target & 1 == 1).collect();
    let names: Vec<String> = targets.iter().map(|target| format!("s{target}")).collect();
    let earliest = handle.states().seq();
    let mut watch = match mode {
        Mode::Any => handle.watch_any(action, state, &names).unwrap(),
        Mode::All => handle.watch_all(action, state, &names).unwrap(),
    };
    let made = (earliest, handle.states().seq());
    async move {
        let mut edges = Vec::new();
        while let Some(event) = watch.next().await {
            edges.push((event.seq, event.times));
            if nth % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Delivered { watch: (mode, action, state, targets), made, edges, over: watch.ended().is_some() }
    }
}

async fn live(seed: u64) {
    let erratic = (0..SERVICES as u64).map(|n| {
        let random = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n + 1).wrapping_mul(0xd134_2543_de82_ef95);
        service(&format!("s{n}"), Erratic { random, restarts: 6 })
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
                        StateEvent::Lagged { .. } => panic!("the history has room for all"),
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
        assert!(record.ends_with(&seen), "the same order for all, without a gap");
    }
    for task in tasks {
        let delivered = task.await.unwrap();
        assert!(delivered.over);
        let fits = (delivered.made.0..=delivered.made.1).any(|made| {
            let mut wanted = edges(&record, &delivered.watch, made).into_iter();
            let are_right = delivered.edges.iter().all(|(seq, times)| {
                let taken: Vec<u64> = wanted.by_ref().take(*times as usize).collect();
                taken.len() as u64 == *times && taken.last() == Some(seq)
            });
            are_right && wanted.next().is_none()
        });
        assert!(fits, "seed {seed}: {:?} made {:?} delivered {:?}", delivered.watch, delivered.made, delivered.edges);
    }
}

#[tokio::test(start_paused = true)]
async fn random_daemons_on_one_thread_deliver_what_the_history_shows() {
    for seed in 0..20 {
        live(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_daemons_on_two_threads_deliver_what_the_history_shows() {
    for seed in 100..110 {
        live(seed).await;
    }
}
