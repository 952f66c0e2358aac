//! The daemon of these tests: an api, a poller that waits for it, a db that fails, a service that
//! waits for the db for ever, and a job that has ended.

use rxd::admin::{Address, Admin, AdminStatus};
use rxd::log::{Level, LevelHandle, ServiceFilter};
use rxd::{Action, Context, Daemon, DaemonHandle, Options, Runner, Service, State, When, manager};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) struct Waits;

impl Runner for Waits {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

struct Fails;

impl Runner for Fails {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        Err("connection refused".into())
    }
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

/// Notifies `cancelled` when it is cancelled, and returns when `release` is notified.
#[derive(Clone, Default)]
pub(crate) struct Lingers {
    pub(crate) cancelled: Arc<Notify>,
    pub(crate) release: Arc<Notify>,
}

impl Runner for Lingers {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        self.cancelled.notify_one();
        self.release.notified().await;
        Ok(())
    }
}

struct Job;

impl Runner for Job {
    async fn run(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

/// A gate on this service being in Run.
pub(crate) fn in_run(name: &'static str) -> When {
    When::any(Action::Entering, State::Run, [name])
}

pub(crate) fn services(daemon: Daemon) -> Daemon {
    let slow = rxd::Backoff::fixed(Duration::from_secs(3600));
    daemon
        .add(Service::new("api", Waits).group("front"))
        .add(Service::new("poller", Waits).watch(in_run("api")).group("front"))
        .add(Service::new("db", Fails).options(Options::DEFAULT.backoff(slow)))
        .add(Service::new("blocked", Waits).watch(in_run("db")))
        .add(Service::new("job", Job).manager(manager::until_success))
}

pub(crate) fn admin(levels: &LevelHandle) -> Admin {
    Admin::new("127.0.0.1:0").level_handle(levels.clone())
}

pub(crate) struct Running {
    pub(crate) handle: DaemonHandle,
    pub(crate) at: Address,
    pub(crate) levels: LevelHandle,
    /// Without a filter no level can be set.
    pub(crate) _filter: ServiceFilter,
}

pub(crate) async fn start(configure: impl FnOnce(Admin) -> Admin) -> Running {
    let levels = LevelHandle::new(Level::Info);
    let daemon = services(Daemon::new("test").signals([])).admin(configure(admin(&levels)));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("poller", State::Run).await.unwrap();
    handle.wait_for("job", State::Exit).await.unwrap();
    let at = at(&handle);
    Running { handle, at, _filter: levels.filter(), levels }
}

pub(crate) fn at(handle: &DaemonHandle) -> Address {
    match handle.admin() {
        AdminStatus::On(address) => address,
        other => panic!("{other:?}"),
    }
}
