//! The normal traces, in paused time.

use rxd::testing::{Rules, Trace};
use rxd::{Backoff, Context, Daemon, Error, Options, Runner, Service, State, manager};
use std::time::Duration;

/// Fails where it is told to, as often as it is told to.
struct Puppet {
    fail: &'static str,
    times: u32,
    until_cancelled: bool,
}

impl Puppet {
    fn result(&mut self, method: &str) -> rxd::Result {
        if self.fail == method && self.times > 0 {
            self.times -= 1;
            return Err(Error::msg(format_args!("{method} fails")));
        }
        Ok(())
    }
}

impl Runner for Puppet {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        self.result("init")
    }
    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        self.result("idle")
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.result("run")?;
        if self.until_cancelled {
            cx.cancelled().await;
        }
        Ok(())
    }
    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        assert!(!cx.is_cancelled(), "stop has a live context");
        self.result("stop")
    }
}

fn puppet(fail: &'static str, times: u32) -> Puppet {
    Puppet { fail, times, until_cancelled: true }
}

fn brisk() -> Options {
    Options::DEFAULT.backoff(Backoff::NONE)
}

/// `init+ init- ..` of one service until `handle` has waited.
async fn trace(daemon: Daemon, until: Option<(&str, State)>) -> (String, rxd::Report) {
    let daemon = daemon.signals([]);
    let rules = Rules::of(&daemon).exact();
    let handle = daemon.start().await.unwrap();
    if let Some((service, state)) = until {
        handle.wait_for(service, state).await.unwrap();
        handle.shutdown();
    }
    let report = handle.wait().await;
    Trace::of(&handle).assert(&rules);
    let words: Vec<String> = handle
        .history()
        .iter()
        .map(|t| format!("{}{}", t.state, if t.transition == rxd::Transition::Entering { '+' } else { '-' }))
        .collect();
    (words.join(" "), report)
}

const ROUND: &str = "init+ init- idle+ idle- run+ run- stop+ stop-";

#[tokio::test(start_paused = true)]
async fn continuous_stopped_in_run() {
    let daemon = Daemon::new("d").add(Service::new("a", puppet("", 0)));
    let (trace, report) = trace(daemon, Some(("a", State::Run))).await;
    assert_eq!(trace, format!("{ROUND} exit+"));
    assert!(report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_in_init_skips_idle_and_run() {
    let daemon = Daemon::new("d").add(Service::new("a", puppet("init", 1)));
    let (trace, report) = trace(daemon, Some(("a", State::Run))).await;
    assert_eq!(trace, format!("init+ init- stop+ stop- {ROUND} exit+"));
    assert!(report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_in_idle_skips_run() {
    let daemon = Daemon::new("d").add(Service::new("a", puppet("idle", 1)));
    let (trace, _) = trace(daemon, Some(("a", State::Run))).await;
    assert_eq!(trace, format!("init+ init- idle+ idle- stop+ stop- {ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn an_error_in_run_comes_round() {
    let daemon = Daemon::new("d").add(Service::new("a", puppet("run", 1)).options(brisk()));
    let handle = daemon.signals([]).start().await.unwrap();
    let mut watch = handle.watch_any(rxd::Action::Entering, State::Run, "a").unwrap();
    let mut times = 0;
    while times < 2 {
        times += watch.next().await.unwrap().times;
    }
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert_eq!(handle.history().len(), 17);
}

#[tokio::test(start_paused = true)]
async fn until_success_failing_three_times() {
    let puppet = Puppet { fail: "run", times: 3, until_cancelled: false };
    let daemon = Daemon::new("d").add(Service::new("a", puppet).manager(manager::until_success));
    let begun = tokio::time::Instant::now();
    let (trace, report) = trace(daemon, None).await;
    assert_eq!(trace, format!("{ROUND} {ROUND} {ROUND} {ROUND} exit+"));
    assert!(report.is_ok());
    // 100, 200 and 400 ms, each within 20 %.
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(560) && waited <= Duration::from_millis(840), "{waited:?}");
}
