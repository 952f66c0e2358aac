//! Declared services and daemons with a configuration.
#![cfg(feature = "macros")]
#![allow(unreachable_pub, reason = "services that are more public than their configuration")]

use rxd::testing::Harness;
use rxd::{ConfigPart, Configure, Context, Runner, Service, State};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static INTERVAL: AtomicU32 = AtomicU32::new(5);

static SAID: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Notes what a service has applied.
fn say(cx: &Context, text: &str) {
    SAID.lock().unwrap().insert(cx.name().to_owned(), text.to_owned());
}

fn said(service: &str) -> String {
    SAID.lock().unwrap().get(service).cloned().unwrap_or_default()
}

// Not public: a service may be more public than its configuration.
struct PollerConfig {
    interval: u32,
}

struct AgentConfig {
    poller: PollerConfig,
    name: &'static str,
}

impl ConfigPart<AgentConfig> for PollerConfig {
    fn part(whole: &AgentConfig) -> &Self {
        &whole.poller
    }
}

fn load() -> Result<AgentConfig, std::io::Error> {
    let interval = INTERVAL.load(Ordering::Relaxed);
    Ok(AgentConfig { poller: PollerConfig { interval }, name: "edge" })
}

#[rxd::service(config = PollerConfig)]
pub struct Poller {
    interval: u32,
}

impl Configure<PollerConfig> for Poller {
    fn check(new: &PollerConfig) -> rxd::Result {
        if new.interval == 0 { Err("`poller.interval` must not be 0".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, new: &PollerConfig, cx: &Context) -> rxd::Result {
        self.interval = new.interval;
        say(cx, &format!("every {}", self.interval));
        Ok(())
    }
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Generic, and takes the whole.
#[rxd::service(config = AgentConfig, name = "greeter")]
#[needs("plain")]
pub struct Greeter<T: Send + 'static>(T);

impl<T: Send + 'static> Configure<AgentConfig> for Greeter<T> {
    async fn apply(&mut self, new: &AgentConfig, cx: &Context) -> rxd::Result {
        say(cx, new.name);
        Ok(())
    }
}

impl<T: Send + 'static> Runner for Greeter<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Takes none, and writes nothing.
#[rxd::service]
pub struct Plain;

impl Runner for Plain {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon(config = load)]
pub struct Agent {
    poller: Poller,
    greeter: Greeter<u8>,
    plain: Plain,
    #[service(name = "second")]
    second: Option<Poller>,
    #[cfg(any())]
    absent: Absent,
}

#[tokio::test(start_paused = true)]
async fn declared_services_take_what_the_daemon_loads() {
    let agent = Agent { poller: Poller { interval: 0 }, greeter: Greeter(0), plain: Plain, second: None };
    let test = Harness::new(agent.into_daemon()).start().await;
    test.until("poller", State::Run).await;
    test.until("greeter", State::Run).await;
    let text = said;
    assert_eq!((text("poller"), text("greeter")), ("every 5".into(), "edge".into()));
    INTERVAL.store(0, Ordering::Relaxed);
    let error = test.handle().reload_all().await.unwrap_err().to_string();
    assert!(error.contains("service `poller` refuses the configuration: `poller.interval` must not be 0"), "{error}");
    assert_eq!(text("poller"), "every 5");
    INTERVAL.store(7, Ordering::Relaxed);
    test.handle().reload_all().await.unwrap();
    assert_eq!(text("poller"), "every 7");
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn declared_service_in_the_builder_takes_a_configuration() {
    let whole = || -> rxd::Result<PollerConfig> { Ok(PollerConfig { interval: 3 }) };
    let service = Service::declared(Poller { interval: 0 }).named("single");
    let test = Harness::isolated(service).config(whole).start().await;
    test.until("single", State::Run).await;
    assert_eq!(said("single"), "every 3");
    test.shutdown().await;
}
