//! The process under test: a daemon made from a line of text, `daemon report=5s; db init=200
//! needs=net; net heartbeat=300`.
//!
//! Times are in milliseconds. `init=wait` lasts until SIGUSR2, and a service that `wedges` does so
//! at SIGUSR1, so that no test has to be quicker than its subject. It prints `<service> runs` when
//! a service enters Run.

use rxd::prestart::Stage;
use rxd::systemd::{Sockets, Unit};
use rxd::{Backoff, Context, Daemon, OnFailure, OnStale, Options, Runner, Service, State, manager};
use std::io::Write;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(crate) const VARIABLE: &str = "RXD_SUBJECT";

/// The descriptors that were passed to this process.
static SOCKETS: Mutex<Option<Sockets>> = Mutex::new(None);

/// Whether SIGUSR1 and SIGUSR2 have been received.
static USER_SIGNALS: LazyLock<[watch::Sender<bool>; 2]> = LazyLock::new(Default::default);

/// Listens to SIGUSR1 and SIGUSR2 from here on.
fn listen_to_user_signals() {
    for (received, kind) in USER_SIGNALS.iter().zip([SignalKind::user_defined1(), SignalKind::user_defined2()]) {
        let mut signals = signal(kind).expect("a signal can be listened to");
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                received.send_replace(true);
            }
        });
    }
}

/// How long a method takes.
#[derive(Clone, Copy)]
enum MethodTime {
    Fixed(Duration),
    /// Until SIGUSR2.
    UntilSignal,
}

impl Default for MethodTime {
    fn default() -> Self {
        MethodTime::Fixed(Duration::ZERO)
    }
}

impl MethodTime {
    fn read(value: &str) -> MethodTime {
        if value == "wait" { MethodTime::UntilSignal } else { MethodTime::Fixed(millis(value)) }
    }

    async fn pass(self) {
        match self {
            MethodTime::Fixed(time) => tokio::time::sleep(time).await,
            MethodTime::UntilSignal => drop(USER_SIGNALS[1].subscribe().wait_for(|received| *received).await),
        }
    }
}

/// Sets up the logs, until the value is dropped: plain ones on standard error, or `rxd::log` if
/// `RXD_LOG` is set.
fn log() -> Option<Box<dyn std::any::Any>> {
    #[cfg(feature = "journald")]
    if let Ok(how) = std::env::var("RXD_LOG") {
        let logs = rxd::log::builder().level(rxd::log::Level::Trace);
        let logs = if how == "journald" { logs.journald() } else { logs };
        return Some(Box::new(logs.init().expect("logs can be set up")));
    }
    let filter = tracing_subscriber::EnvFilter::new("info");
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    None
}

pub(crate) fn run_if_asked() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let log = log();
    // Before there is a runtime, as a program does in a plain `main`.
    *SOCKETS.lock().unwrap() = Some(Sockets::take().expect("the descriptors can be taken"));
    let threads = std::env::var("RXD_THREADS").map_or(2, |threads| threads.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    let daemon = match text.as_str() {
        "option" => optional(None),
        "plain" => optional(Some(Spare)),
        text => daemon(text),
    };
    if let Ok(exec) = std::env::var("RXD_UNIT") {
        print!("{}", unit(&daemon, &exec, &text));
        std::process::exit(0);
    }
    let code = runtime.block_on(async {
        listen_to_user_signals();
        let handle = daemon.start().await.expect("the subject starts");
        let report = handle.wait().await;
        eprintln!("{report}");
        i32::from(!report.is_ok())
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    let left = threads_named("rxd-notify");
    assert_eq!(left, 0, "the thread rxd-notify has ended");
    drop(log);
    std::process::exit(code);
}

/// The daemon's generated unit, with the arguments and the environment of a subject.
fn unit(daemon: &Daemon, exec: &str, text: &str) -> Unit {
    let args = ["--exact", "subject", "--nocapture", "--test-threads=1"];
    let version =
        std::env::var("RXD_UNIT_FOR").expect("the version of systemd that the unit is for").parse().expect("a version");
    let unit = daemon.unit().exec(exec).fd_store(4).systemd(version);
    let unit = args.iter().fold(unit, |unit, arg| unit.arg(*arg));
    // The invariants are checked here too, where cargo does not set this.
    unit.set("Environment", format!("\"{VARIABLE}={text}\" RXD_CHECK_INVARIANTS=1"))
}

/// How many threads of this process have this name.
fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let comm = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("comm")).ok();
    tasks.filter_map(comm).filter(|comm| comm.trim_end() == name).count()
}

/// What one service does in its methods.
#[derive(Clone, Default)]
struct FakeService {
    init: MethodTime,
    idle: MethodTime,
    stop: MethodTime,
    heartbeat: Option<Duration>,
    /// Makes no more progress after SIGUSR1.
    wedges: bool,
    /// Makes no progress in any Run.
    always_wedged: bool,
    wedged: bool,
    /// Blocks its thread once it is wedged.
    block: bool,
    /// Returns from `run` at once.
    once: bool,
    fail_init: u32,
    reload: MethodTime,
    /// Fails to reload while there is no file of this name.
    fail_reload: Option<String>,
    busy: bool,
    says: Option<String>,
    /// Stores a listener under this name over a restart.
    keep: Option<String>,
    /// Answers connections to the socket of this name.
    serve: Option<String>,
    /// Logs a record of each level.
    logs: bool,
}

/// The listener that was passed under this name.
fn passed(name: &str) -> Result<Option<TcpListener>, rxd::Error> {
    SOCKETS.lock().unwrap().as_mut().expect("they were taken").tcp_listener(name)
}

async fn serve(listener: TcpListener) -> std::io::Result<()> {
    // The listener does not block; polling it is good enough for a test.
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => stream.write_all(b"hello\n")?,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Runner for FakeService {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        tokio::select! {
            () = self.init.pass() => {}
            () = cx.cancelled() => return Ok(()),
        }
        if self.fail_init > 0 {
            self.fail_init -= 1;
            return Err("failing on purpose".into());
        }
        Ok(())
    }

    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        tokio::select! {
            () = self.idle.pass() => {}
            () = cx.cancelled() => {}
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        println!("{} runs", cx.name());
        std::io::stdout().flush()?;
        if let Some(text) = &self.says {
            cx.status(text);
        }
        if let Some(name) = &self.keep {
            let (listener, how) = match passed(name)? {
                Some(listener) => (listener, "kept"),
                None => (TcpListener::bind("127.0.0.1:0")?, "new"),
            };
            rxd::systemd::store(name, &listener)?;
            cx.status(format!("{how} port {}", listener.local_addr()?.port()));
        }
        if let Some(name) = &self.serve {
            let listener = passed(name)?.ok_or("no socket was passed")?;
            cx.spawn("serve", serve(listener));
        }
        if self.logs {
            tracing::error!("an error\nof two lines");
            tracing::warn!("a warning");
            tracing::info!(answer = 42, "an information");
            tracing::debug!("a debugging aid");
            tracing::trace!("a trace");
        }
        if self.once {
            return Ok(());
        }
        let pace = self.heartbeat.map_or(Duration::from_millis(100), |period| period / 4);
        loop {
            if self.always_wedged || (self.wedges && !self.wedged && *USER_SIGNALS[0].borrow()) {
                self.wedged = true;
                println!("{} wedges", cx.name());
                cx.status("wedged");
                if self.block {
                    loop {
                        std::thread::sleep(pace);
                    }
                }
                cx.cancelled().await;
                return Ok(());
            }
            cx.heartbeat();
            if self.busy {
                let until = std::time::Instant::now() + Duration::from_micros(50);
                while std::time::Instant::now() < until {
                    std::hint::spin_loop();
                }
                tokio::task::yield_now().await;
                if cx.is_cancelled() {
                    return Ok(());
                }
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pace) => {}
                () = cx.cancelled() => return Ok(()),
            }
        }
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.stop.pass().await;
        Ok(())
    }

    async fn reload(&mut self, _: &Context) -> rxd::Result {
        self.reload.pass().await;
        match &self.fail_reload {
            Some(path) if !std::path::Path::new(path).exists() => {
                Err("the new configuration\nSTOPPING=1 is wrong".into())
            }
            _ => Ok(()),
        }
    }
}

fn daemon(text: &str) -> Daemon {
    let mut daemon = Daemon::new("subject").shutdown_timeout(Duration::from_secs(10));
    for part in text.split(';') {
        let mut words = part.split_whitespace();
        let name = words.next().expect("a name").replace('|', "\n");
        if name == "daemon" {
            for (key, value) in words.map(pair) {
                daemon = match key {
                    "prestart" => daemon.prestart(stage(millis(value))),
                    "prestart-limit" => daemon.prestart(stage(millis(value)).timeout(Duration::from_secs(9))),
                    "prestart-fails" => {
                        daemon.prestart(Stage::new("migrate", async || Err("failing on purpose".into())))
                    }
                    "prestart-path" => daemon.prestart(requires(value.into())),
                    "report" => daemon.watchdog_interval(millis(value)),
                    "shutdown" => daemon.shutdown_timeout(millis(value)),
                    "drain" => daemon.drain(millis(value)),
                    "prestart-restart" => daemon.prestart_restart(millis(value)),
                    "stale" => daemon.on_stale(OnStale::Restart),
                    other => panic!("a daemon knows no {other}"),
                };
            }
            continue;
        }
        daemon = service(daemon, &name, words);
    }
    daemon
}

/// A prestart stage that fails while there is no file of this name, as one does without a database.
fn requires(path: String) -> Stage {
    Stage::new("database", move || {
        let exists = std::path::Path::new(&path).exists();
        async move { if exists { Ok(()) } else { Err("connection refused".into()) } }
    })
}

/// A prestart stage that takes this long.
fn stage(time: Duration) -> Stage {
    Stage::new("migrate", move || async move {
        tokio::time::sleep(time).await;
        Ok(())
    })
}

fn service<'a>(mut daemon: Daemon, name: &str, words: impl Iterator<Item = &'a str>) -> Daemon {
    let (mut fake, mut copies, mut needs) = (FakeService::default(), 1, Vec::new());
    let mut options = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_millis(50)));
    for (key, value) in words.map(pair) {
        match key {
            "init" => fake.init = MethodTime::read(value),
            "idle" => fake.idle = MethodTime::read(value),
            "init-limit" => options = options.timeout_of(State::Init, millis(value)),
            "stop-limit" => options = options.timeout_of(State::Stop, millis(value)),
            "stop" => fake.stop = MethodTime::read(value),
            "heartbeat" => {
                fake.heartbeat = Some(millis(value));
                options = options.heartbeat(millis(value));
            }
            "wedges" => fake.wedges = true,
            "always-wedged" => fake.always_wedged = true,
            "block" => fake.block = true,
            "once" => fake.once = true,
            "fail-init" => fake.fail_init = value.parse().unwrap(),
            "restarts" => options = options.restarts(value.parse().unwrap(), Duration::from_secs(60)),
            "ignore" => options = options.on_failure(OnFailure::Ignore),
            "optional" => options = options.readiness(rxd::Readiness::Optional),
            "reload" => fake.reload = MethodTime::read(value),
            "fail-reload" => fake.fail_reload = Some(value.into()),
            "busy" => fake.busy = true,
            "logs" => fake.logs = true,
            "says" => fake.says = Some(value.replace('|', "\n").replace('_', " ")),
            "keep" => fake.keep = Some(value.into()),
            "serve" => fake.serve = Some(value.into()),
            "needs" => needs.push(value.to_string()),
            "copies" => copies = value.parse().unwrap(),
            other => panic!("a service knows no {other}"),
        }
    }
    for copy in 0..copies {
        let name = if copies == 1 { name.to_string() } else { format!("{name}-{copy}") };
        let mut service = Service::new(name, fake.clone()).options(options);
        if fake.once {
            service = service.manager(manager::until_success);
        }
        if !needs.is_empty() {
            service = service.needs(needs.clone());
        }
        daemon = daemon.add(service);
    }
    daemon
}

fn pair(word: &str) -> (&str, &str) {
    word.split_once('=').unwrap_or((word, ""))
}

fn millis(value: &str) -> Duration {
    Duration::from_millis(value.parse().expect("milliseconds"))
}

#[rxd::service]
struct Wanted;

impl Runner for Wanted {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
struct Spare;

impl Runner for Spare {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon(name = "subject")]
struct Optional {
    wanted: Wanted,
    spare: Option<Spare>,
}

fn optional(spare: Option<Spare>) -> Daemon {
    Optional { wanted: Wanted, spare }.into_daemon()
}
