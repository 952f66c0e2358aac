//! The same daemons under a real systemd, as `systemctl` and the journal show them.

use super::manager::{Manager, NOTIFY_RELOAD};
use super::receiver::SubjectBuilder;
use std::time::Duration;

macro_rules! manager {
    () => {
        match Manager::get() {
            Some(manager) => manager,
            None => return,
        }
    };
}

#[test]
fn unit_is_active_once_the_daemon_is_ready_and_shows_its_status() {
    let unit = manager!().unit("ready", "late init=wait; poller needs=late; other", "");
    unit.begin("start");
    unit.until("StatusText", |text| text == "1/3 running; waiting: poller for late; starting: late");
    assert_eq!(unit.show("ActiveState"), "activating");
    unit.kill("USR2");
    unit.until("ActiveState", |state| state == "active");
    unit.until("StatusText", |text| text == "3/3 running");
    assert!(unit.describe().contains("Status: \"3/3 running\""), "{}", unit.describe());
}

#[test]
fn unit_whose_services_end_at_once_succeeds() {
    let unit = manager!().unit("jobs", "a once; b once", "");
    unit.start();
    unit.until("ActiveState", |state| state == "inactive");
    assert_eq!(unit.show("Result"), "success", "{}", unit.describe());
}

#[test]
fn wedged_service_with_a_heartbeat_has_the_watchdog_restart_the_daemon() {
    let unit = manager!().unit(
        "wedged",
        "good heartbeat=2000; bad heartbeat=2000 wedges",
        "WatchdogSec=3s\nRestart=on-failure\nRestartSec=100ms",
    );
    unit.start();
    unit.kill("USR1");
    unit.until("NRestarts", |restarts| restarts != "0");
    // The new process has not received SIGUSR1.
    unit.until("ActiveState", |state| state == "active");
    assert_eq!(unit.show("NRestarts"), "1", "{}", unit.describe());
    let failed = unit.failures("watchdog");
    assert!(failed.contains("Failed with result 'watchdog'"), "{failed}");
    assert!(unit.journal(&[]).contains("watchdog triggered: bad is stale: no heartbeat within 2s"));
}

#[test]
fn wedged_service_without_a_heartbeat_leaves_the_daemon_running() {
    let text = "good heartbeat=60000; bad wedges block";
    let unit = manager!().unit("calm", text, "WatchdogSec=2s\nRestart=on-failure");
    unit.start();
    unit.kill("USR1");
    unit.until("StatusText", |text| text.ends_with("bad: wedged"));
    unit.wait_while_pinged(Duration::from_secs(4));
    assert_eq!((unit.show("ActiveState"), unit.show("NRestarts")), ("active".into(), "0".into()));
}

#[test]
fn stale_service_that_a_restart_helps_leaves_the_daemon_running() {
    let text = "daemon stale=restart; good heartbeat=60000; bad heartbeat=3000 wedges";
    let unit = manager!().unit("rescued", text, "WatchdogSec=3s\nRestart=on-failure");
    unit.start();
    let main = unit.show("MainPID");
    unit.kill("USR1");
    unit.until_journal("bad wedges");
    unit.until_journal("no heartbeat within 3s");
    unit.wait_while_pinged(Duration::from_secs(4));
    unit.until("StatusText", |text| text.starts_with("2/2 running"));
    assert_eq!((unit.show("NRestarts"), unit.show("MainPID")), ("0".into(), main));
}

#[test]
fn systemctl_reload_returns_when_the_reload_is_over() {
    for manager in Manager::all() {
        reload_is_waited_for(manager);
    }
}

/// The setting by which a unit for this manager reloads.
fn reloads(manager: &Manager) -> &'static str {
    match manager.version {
        NOTIFY_RELOAD.. => "Type=notify-reload",
        _ => "ExecReload=/bin/kill -HUP $MAINPID",
    }
}

fn reload_is_waited_for(manager: &Manager) {
    let unit = manager.unit("reload", "a reload=wait stop-limit=60000", reloads(manager));
    unit.start();
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| unit.systemctl("reload").0);
        unit.until("SubState", |state| state.starts_with("reload"));
        unit.until_journal("reloading");
        // An older systemd waits only if RELOADING=1 arrives before `kill` has ended.
        assert!(manager.version < NOTIFY_RELOAD || !reload.is_finished(), "it returned before the reload was over");
        unit.kill("USR2");
        assert!(reload.join().unwrap(), "{}", unit.describe());
    });
    unit.until("SubState", |state| state == "running");
    assert!(unit.journal(&[]).contains("rxd: reloaded"), "{}", unit.describe());
}

#[test]
fn reload_of_a_wrong_and_then_a_right_configuration_leaves_the_daemon_running() {
    for manager in Manager::all() {
        reload_that_fails_is_shown(manager);
    }
}

fn reload_that_fails_is_shown(manager: &Manager) {
    let right = format!("/run/right-{}", std::process::id());
    let unit = manager.unit("reload-fails", &format!("a fail-reload={right}; b reload=100"), reloads(manager));
    unit.start();
    let main = unit.show("MainPID");
    assert!(unit.systemctl("reload").0);
    let text = unit.until("StatusText", |text| text.contains("failed to reload"));
    assert!(text.contains("the new configuration STOPPING=1 is wrong"), "{text}");
    assert_eq!((unit.show("ActiveState"), unit.show("MainPID")), ("active".into(), main.clone()));
    manager.run(&["touch", &right]);
    assert!(unit.systemctl("reload").0);
    unit.until("StatusText", |text| text == "2/2 running");
    assert_eq!((unit.show("ActiveState"), unit.show("MainPID")), ("active".into(), main));
    manager.run(&["rm", &right]);
}

#[test]
fn start_within_declared_limits_outlasts_the_unit_timeout() {
    let unit = manager!().unit("slow-start", "a init=9000 init-limit=60000", "TimeoutStartSec=4s");
    let (success, took) = unit.systemctl("start");
    assert!(success && took >= Duration::from_secs(9), "{took:?}: {}", unit.describe());
}

#[test]
fn start_without_progress_times_out() {
    let unit = manager!().unit("no-start", "a init=wait", "TimeoutStartSec=1s");
    // It is never ready, so with more time this would not return.
    assert!(!unit.systemctl("start").0, "{}", unit.describe());
    assert_eq!(unit.show("Result"), "timeout");
}

#[test]
fn stop_within_its_limits_outlasts_the_unit_timeout() {
    let unit = manager!().unit("slow-stop", "a stop=7000 stop-limit=9000", "TimeoutStopSec=3s");
    unit.start();
    let (success, took) = unit.systemctl("stop");
    assert!(success && took >= Duration::from_secs(7), "{took:?}: {}", unit.describe());
    assert_eq!(unit.show("Result"), "success", "{}", unit.describe());
}

#[test]
fn daemon_that_stops_by_itself_is_deactivating_meanwhile() {
    let unit = manager!().unit("stopping", "a stop=wait stop-limit=9000", "");
    unit.start();
    unit.kill("TERM");
    unit.until("ActiveState", |state| state == "deactivating");
    unit.until("StatusText", |text| text == "0/1 running; stopping: a");
    unit.kill("USR2");
    unit.until("ActiveState", |state| state == "inactive");
    assert_eq!(unit.show("Result"), "success");
}

#[test]
fn drain_outlasts_the_unit_timeout() {
    let unit = manager!().unit("drain", "daemon drain=5000 shutdown=1000; a", "TimeoutStopSec=2s");
    unit.start();
    unit.begin("stop");
    unit.until("StatusText", |text| text == "draining; 1/1 running");
    assert_eq!(unit.show("ActiveState"), "deactivating");
    unit.until("ActiveState", |state| state == "inactive");
    assert_eq!(unit.show("Result"), "success", "{}", unit.describe());
    assert!(unit.journal(&[]).contains("stopping: the drain is over"));
}

#[test]
fn stop_during_the_start_succeeds() {
    let unit = manager!().unit("stop-start", "a init=wait; b needs=a", "");
    unit.begin("start");
    unit.until("StatusText", |text| text.contains("starting: a"));
    assert!(unit.systemctl("stop").0);
    // If systemd had to kill it after TimeoutStopSec, the unit would have failed.
    let outcome = (unit.show("ActiveState"), unit.show("Result"));
    assert_eq!(outcome, ("inactive".into(), "success".into()), "{}", unit.describe());
}

#[test]
fn newline_in_a_status_text_injects_nothing_into_systemd() {
    let unit = manager!().unit("newline", "a says=busy|STOPPING=1|READY=1", "");
    unit.start();
    unit.until("StatusText", |text| text == "1/1 running; a: busy STOPPING=1 READY=1");
    assert_eq!(unit.show("ActiveState"), "active");
}

#[test]
fn watchdog_sec_that_is_too_short_is_a_warning_in_the_journal() {
    let unit = manager!().unit("mismatch", "daemon report=5000; a", "WatchdogSec=3s");
    unit.start();
    let journal = unit.journal(&[]);
    assert!(journal.contains("watchdog_interval is 5s, which needs WatchdogSec=10s or more"), "{journal}");
}

#[test]
fn stored_listener_is_kept_over_a_restart() {
    let unit = manager!().unit("store", "a keep=web", "FileDescriptorStoreMax=4\nRestart=always\nRestartSec=100ms");
    unit.start();
    let port = unit.until("StatusText", |text| text.contains("new port"));
    let port = port.rsplit(' ').next().unwrap().to_string();
    unit.until("NFileDescriptorStore", |count| count == "1");
    unit.kill("KILL");
    unit.until("StatusText", |text| text.ends_with(&format!("kept port {port}")));
    assert_eq!(unit.show("NRestarts"), "1");
}

#[test]
fn socket_that_systemd_opened_is_passed_by_its_name() {
    let manager = manager!();
    let port = 20_000 + std::process::id() % 20_000;
    let unit = manager.unit("socket", "a serve=web", "");
    let socket = unit.name.replace(".service", ".socket");
    let file = format!("[Socket]\nListenStream=127.0.0.1:{port}\nFileDescriptorName=web\n");
    let path = manager.write(&socket, &file);
    manager.run(&["systemctl", "start", &socket]);
    assert_eq!(unit.show("ActiveState"), "inactive");
    let client = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -t 60 -u 3 line; echo \"$line\"");
    assert_eq!(manager.run(&["bash", "-c", &client]), "hello", "{}", unit.describe());
    // The daemon may answer before systemd has read READY=1.
    unit.until("ActiveState", |state| state == "active");
    manager.run(&["systemctl", "stop", &socket]);
    manager.run(&["rm", "-f", &path]);
}

/// The socket stays open in systemd, and the old process serves until its drain is over.
#[test]
fn restart_with_a_drain_refuses_no_client_of_a_passed_socket() {
    let manager = manager!();
    let port = 41_000 + std::process::id() % 20_000;
    let unit = manager.unit("handover", "daemon drain=1000; a serve=web", "");
    let socket = unit.name.replace(".service", ".socket");
    let file = format!("[Socket]\nListenStream=127.0.0.1:{port}\nFileDescriptorName=web\n");
    let path = manager.write(&socket, &file);
    manager.run(&["systemctl", "start", &socket]);
    let clients = format!(
        "ok=0 bad=0; while [ ! -e /tmp/handover-done ]; do line=; \
         exec 3<>/dev/tcp/127.0.0.1/{port} && read -t 60 -u 3 line; exec 3>&-; \
         [ \"$line\" = hello ] && ok=$((ok+1)) || bad=$((bad+1)); sleep 0.02; done 2>/dev/null; echo $ok $bad"
    );
    let counted = std::thread::scope(|scope| {
        let clients = scope.spawn(|| manager.run(&["bash", "-c", &clients]));
        unit.until("ActiveState", |state| state == "active");
        for _ in 0..3 {
            assert!(unit.systemctl("restart").0, "{}", unit.describe());
            unit.until("StatusText", |text| text.starts_with("1/1 running"));
        }
        manager.run(&["touch", "/tmp/handover-done"]);
        clients.join().unwrap()
    });
    manager.run(&["systemctl", "stop", &socket]);
    manager.run(&["rm", "-f", &path, "/tmp/handover-done"]);
    let counted: Vec<u32> = counted.split_whitespace().map(|count| count.parse().unwrap()).collect();
    assert!(counted[0] > 50 && counted[1] == 0, "{counted:?}: answered, and not answered");
    assert_eq!(unit.journal(&[]).matches("stopping: the drain is over").count(), 3);
}

#[test]
fn generated_unit_is_sound_and_the_daemon_runs_in_it() {
    for manager in Manager::all() {
        if manager.is_system() {
            unit_is_sound(manager);
        } else {
            eprintln!("skipped: a user manager cannot give a daemon the sandbox of its unit");
        }
    }
}

/// The unit that this subject prints for this manager.
fn generated(manager: &Manager, text: &str) -> String {
    let (exe, version) = (manager.exe(), manager.version.to_string());
    let printed = SubjectBuilder::new(text).env("RXD_UNIT", &exe).env("RXD_UNIT_FOR", &version).start().output();
    let at = printed.find("# subject.service").expect("a unit is printed");
    printed[at..].to_string()
}

fn unit_is_sound(manager: &Manager) {
    let text =
        "daemon report=2000; db init-limit=4000 stop-limit=2000; api needs=db heartbeat=60000 reload=10 keep=api";
    let file = generated(manager, text);
    let unit = manager.unit_of("unit", &file);
    let (sound, said) = manager.try_run(&["systemd-analyze", "verify", &unit.path]);
    assert!(sound && said.is_empty(), "{said}\n{file}");
    let (safe, said) =
        manager.try_run(&["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", &unit.path]);
    assert!(safe, "{said}");
    let overall = said.lines().last().unwrap_or_default().to_string();
    assert!(overall.contains("OK"), "{overall}");
    unit.start();
    unit.until("StatusText", |text| text.starts_with("2/2 running; api: new port"));
    assert_eq!(unit.show("WatchdogUSec"), "4s");
    assert!(unit.systemctl("reload").0, "{}", unit.describe());
    unit.until_journal("reloaded");
    assert!(unit.systemctl("stop").0);
    assert_eq!(unit.show("Result"), "success");
    let journal = unit.journal(&["-p", "warning"]);
    assert!(!journal.contains("subject.service:"), "{journal}");
}

/// With systemd's default it would have failed for good after five starts.
#[test]
fn generated_unit_recovers_after_any_number_of_failed_starts() {
    for manager in Manager::all().into_iter().filter(|manager| manager.is_system()) {
        let path = format!("/run/database-{}", std::process::id());
        let file = generated(manager, &format!("daemon prestart-path={path}; a"));
        // The directories of the other test's unit are its own user's.
        let file = file.replace("Directory=subject", "Directory=outage");
        // A long outage in a short time.
        let file = file.replace("RestartSec=1s", "RestartSec=50ms").replace("DelaySec=30s", "DelaySec=100ms");
        let unit = manager.unit_of("outage", &file);
        unit.begin("start");
        unit.until("NRestarts", |restarts| restarts.parse::<u32>().is_ok_and(|restarts| restarts > 12));
        manager.run(&["touch", &path]);
        unit.until("ActiveState", |state| state == "active");
        assert!(unit.systemctl("stop").0);
        manager.run(&["rm", &path]);
        assert!(unit.journal(&[]).contains("connection refused"));
    }
}
