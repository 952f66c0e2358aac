//! A daemon of twenty services that take one configuration, and a log of what they did with it.

use rxd::testing::{Harness, Running};
use rxd::{Backoff, Configure, Context, Daemon, Options, Runner, Service, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const SERVICES: usize = 20;

/// What is loaded. It is not `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Config {
    pub(crate) value: u32,
    /// The services that refuse it.
    pub(crate) refused_by: Vec<usize>,
    /// The services that fail to apply it at a reload.
    pub(crate) fails_in: Vec<usize>,
    /// The services that fail when they apply it again after another value, without a restart.
    pub(crate) not_taken_back_by: Vec<usize>,
    /// The services that never end to apply it again after another value.
    pub(crate) hangs_back_in: Vec<usize>,
    /// The services that never end to apply it.
    pub(crate) hangs_in: Vec<usize>,
}

impl Config {
    pub(crate) fn of(value: u32) -> Self {
        Config { value, ..Config::default() }
    }
}

/// A source of configurations, which counts how often it is asked.
#[derive(Clone)]
pub(crate) struct Source(Arc<(Mutex<Result<Config, String>>, AtomicUsize)>);

impl Source {
    pub(crate) fn of(config: Config) -> Self {
        Source(Arc::new((Mutex::new(Ok(config)), AtomicUsize::new(0))))
    }

    pub(crate) fn set(&self, config: Config) {
        *self.0.0.lock().unwrap() = Ok(config);
    }

    pub(crate) fn fail(&self, text: &str) {
        *self.0.0.lock().unwrap() = Err(text.to_owned());
    }

    pub(crate) fn loads(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }

    pub(crate) fn load(&self) -> rxd::Result<Config> {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        // Cloned, so that no panic poisons the lock.
        let next = self.0.0.lock().unwrap().clone();
        match next {
            Ok(config) => Ok(config),
            Err(text) if text == "panic" => panic!("scripted panic of load"),
            Err(text) => Err(text.as_str().into()),
        }
    }
}

/// `(7, "apply", 2)` for the seventh service that applied the value 2.
type Call = (usize, &'static str, u32);

/// What the services did.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Call>>>);

impl Log {
    fn push(&self, service: usize, what: &'static str, value: u32) {
        self.0.lock().unwrap().push((service, what, value));
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What a service did, in order: `apply 2`.
    pub(crate) fn of(&self, service: usize) -> Vec<String> {
        let log = self.0.lock().unwrap();
        let of = log.iter().filter(|(at, ..)| *at == service);
        of.map(|(_, what, value)| format!("{what} {value}")).collect()
    }

    /// How many calls of this method there were.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(_, what, _)| *what == method).count()
    }

    /// The services in the order in which they called this method.
    pub(crate) fn order(&self, method: &str) -> Vec<usize> {
        self.0.lock().unwrap().iter().filter(|(_, what, _)| *what == method).map(|(at, ..)| *at).collect()
    }

    /// With which value each service runs now.
    pub(crate) fn values(&self) -> Vec<u32> {
        let log = self.0.lock().unwrap();
        let last = |service| log.iter().rev().find(|(at, what, _)| *at == service && *what == "run");
        (1..=SERVICES).map(|service| last(service).map_or(0, |(.., value)| *value)).collect()
    }
}

/// The service of this number.
#[derive(Default)]
pub(crate) struct Worker<const N: usize> {
    log: Log,
    value: u32,
    /// The highest value it has seen since `init`.
    seen: u32,
}

impl<const N: usize> Configure<Config> for Worker<N> {
    fn check(new: &Config) -> rxd::Result {
        match new.refused_by.contains(&N) {
            true => Err("`port` must not be 0".into()),
            false => Ok(()),
        }
    }

    async fn apply(&mut self, new: &Config, _: &Context) -> rxd::Result {
        self.log.push(N, "apply", new.value);
        let before = self.seen;
        self.seen = before.max(new.value);
        if new.hangs_in.contains(&N) || new.hangs_back_in.contains(&N) && before > new.value {
            std::future::pending::<()>().await;
        }
        if new.fails_in.contains(&N) {
            return Err("the port is taken".into());
        }
        if new.not_taken_back_by.contains(&N) && before > new.value {
            return Err("the old port is taken, too".into());
        }
        self.value = new.value;
        Ok(())
    }
}

impl<const N: usize> Runner for Worker<N> {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        self.log.push(N, "init", self.value);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.log.push(N, "run", self.value);
        cx.cancelled().await;
        self.log.push(N, "cancelled", self.value);
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.log.push(N, "stop", self.value);
        self.seen = 0;
        Ok(())
    }
}

pub(crate) fn name(service: usize) -> String {
    format!("worker-{service}")
}

/// The service of this number.
pub(crate) fn worker<const N: usize>(log: &Log) -> Service {
    let worker = Worker::<N> { log: log.clone(), ..Worker::default() };
    let options = Options::DEFAULT.backoff(Backoff::fixed(SECOND / 10));
    Service::configured::<Config>(name(N), worker).options(options)
}

/// Twenty services, each of which needs the one before.
pub(crate) fn chain(log: &Log) -> Vec<Service> {
    macro_rules! services {
        ($($n:literal)*) => { vec![$(worker::<$n>(log)),*] };
    }
    let services = services!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
    let needing = |(at, service): (usize, Service)| match at {
        0 => service,
        at => service.needs([name(at)]),
    };
    services.into_iter().enumerate().map(needing).collect()
}

/// Starts twenty services with the value 1, and waits until all of them run.
pub(crate) async fn start() -> (Running, Source, Log) {
    let (source, log) = (Source::of(Config::of(1)), Log::default());
    let load = source.clone();
    // In reverse: the order of the graph, and not that of the builder, counts.
    let daemon = Daemon::new("agent").add_all(chain(&log).into_iter().rev()).config(move || load.load());
    let test = Harness::new(daemon).start().await;
    test.until(&name(SERVICES), State::Run).await;
    assert_eq!((log.values(), source.loads()), (vec![1; SERVICES], 1));
    log.clear();
    (test, source, log)
}

/// The message of a reload that fails.
pub(crate) async fn refused(test: &Running) -> String {
    test.handle().reload_all().await.unwrap_err().to_string()
}
