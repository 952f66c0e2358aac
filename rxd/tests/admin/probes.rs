//! What Kubernetes asks agrees with what systemd is told.

use crate::client::get;
use crate::daemon::{Waits, admin, at};
use rxd::log::{Dial, Level};
use rxd::{Daemon, DaemonHandle, Options, Service, State};
use std::time::Duration;

/// A daemon with one service, which never has a heartbeat.
async fn daemon(heartbeat: Duration) -> DaemonHandle {
    let service = Service::new("a", Waits).options(Options::DEFAULT.heartbeat(heartbeat));
    let daemon = Daemon::new("test").signals([]).add(service).admin(admin(&Dial::new(Level::Info)));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle
}

/// As the watchdog is fed no more.
#[tokio::test]
async fn f91_livez_fails_while_a_heartbeat_has_lapsed() {
    let handle = daemon(Duration::from_millis(1)).await;
    let fails = async {
        loop {
            let live = get(&at(&handle), "/livez").await;
            if live.status == 503 {
                return live;
            }
        }
    };
    let live = tokio::time::timeout(Duration::from_secs(60), fails).await.expect("it fails");
    assert_eq!(live.body, "[-]a is stale: no heartbeat within 1ms\nlivez check failed\n");
    assert_eq!(get(&at(&handle), "/readyz").await.status, 200, "it is another question");
}

#[tokio::test]
async fn f91_livez_passes_while_none_has() {
    let handle = daemon(Duration::from_secs(3600)).await;
    let live = get(&at(&handle), "/livez?verbose").await;
    assert_eq!((live.status, &live.body[..]), (200, "[+]the daemon answers\nlivez check passed\n"));
}
