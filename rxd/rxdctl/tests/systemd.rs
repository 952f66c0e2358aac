//! `systemctl reload` of a daemon whose unit reloads it by `rxdctl`: it fails if a service refuses
//! the configuration. `Type=notify-reload` has no way to say so.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the journal has what is printed; a skipped test says why"
)]

#[allow(dead_code, reason = "the tests of rxd need more of it")]
#[path = "../../tests/systemd/manager.rs"]
mod manager;

use manager::Manager;
use rxd::{Configure, Context, Daemon, Runner, Service, State};
use std::path::PathBuf;

/// What boots a systemd for the tests.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/systemd/box.sh");

/// What the units of the tests run.
fn program() -> PathBuf {
    std::env::current_exe().expect("this program")
}

/// One of twenty services. The thirteenth refuses a port of zero.
struct Worker<const N: usize>(u16);

impl<const N: usize> Configure<u16> for Worker<N> {
    fn check(new: &u16) -> rxd::Result {
        if N == 13 && *new == 0 { Err("`port` must not be 0".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, new: &u16, _: &Context) -> rxd::Result {
        self.0 = *new;
        Ok(())
    }
}

impl<const N: usize> Runner for Worker<N> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        println!("worker-{N} serves port {}.", self.0);
        cx.cancelled().await;
        Ok(())
    }
}

/// The process in the unit.
#[test]
fn subject() {
    let (Ok(config), Ok(admin)) = (std::env::var("RXD_CONFIG"), std::env::var("RXD_SUBJECT_ADMIN")) else { return };
    let load = move || -> rxd::Result<u16> { Ok(std::fs::read_to_string(&config)?.trim().parse()?) };
    macro_rules! workers {
        ($($n:literal)*) => { [$(Service::configured::<u16>(concat!("worker-", $n), Worker::<$n>(0))),*] };
    }
    let workers = workers!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
    let daemon = Daemon::new("subject").config(load).add_all(workers).admin(admin);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let handle = daemon.start().await.unwrap();
        handle.wait_for("worker-20", State::Run).await.unwrap();
        handle.wait().await
    });
    std::process::exit(i32::from(!report.is_ok()));
}

#[test]
fn systemctl_reload_fails_if_one_of_twenty_services_refuses_the_configuration() {
    for manager in Manager::all() {
        refusal_fails_the_reload(manager);
    }
}

fn refusal_fails_the_reload(manager: &Manager) {
    let at = format!("/run/rxd-reload-{}", std::process::id());
    let (config, socket, rxdctl) = (format!("{at}/port"), format!("unix:{at}/admin.sock"), format!("{at}/rxdctl"));
    manager.put(&rxdctl, 755, &std::fs::read(env!("CARGO_BIN_EXE_rxdctl")).unwrap());
    manager.put(&config, 644, b"8080");
    let file = format!(
        "[Service]\nType=notify\nNotifyAccess=main\nTimeoutStopSec=20s\n\
         ExecStart={} --exact subject --nocapture --test-threads=1\n\
         ExecReload={rxdctl} --at {socket} reload\n\
         Environment=RXD_CONFIG={config} RXD_SUBJECT_ADMIN={socket}\n",
        manager.exe().display()
    );
    let unit = manager.unit_of("config", &file);
    unit.start();
    let main = unit.show("MainPID");
    unit.until("StatusText", |text| text == "20/20 running");
    let runs = |port: u16| unit.journal(&[]).matches(&format!("serves port {port}.")).count();

    manager.put(&config, 644, b"0");
    assert!(!unit.systemctl("reload").0, "{}", unit.describe());
    let status = unit.until("StatusText", |text| text.contains("refuses"));
    assert!(
        status.starts_with("20/20 running; service `worker-13` refuses the configuration: `port` must"),
        "{status}"
    );
    let journal = unit.journal(&[]);
    assert!(journal.contains("the old configuration stays in force"), "rxdctl has said so: {journal}");
    assert_eq!((unit.show("ActiveState"), unit.show("MainPID")), ("active".into(), main.clone()));
    assert_eq!((runs(8080), runs(0)), (20, 0), "no service was interrupted");

    manager.put(&config, 644, b"9090");
    assert!(unit.systemctl("reload").0, "{}", unit.describe());
    unit.until("StatusText", |text| text == "20/20 running");
    unit.until_journal("worker-20 serves port 9090.");
    assert_eq!((runs(8080), runs(9090), unit.show("MainPID")), (20, 20, main));
    assert!(unit.systemctl("stop").0);
    manager.run(&["rm", "-r", &at]);
}
