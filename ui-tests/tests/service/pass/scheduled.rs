//! A scheduled service.

use rxd::{Context, Runner, State};
use std::time::Duration;

#[rxd::service(schedule = "0 3 * * *", zone = "Europe/Berlin", within = "1h", jitter = "5m", missed = "run_once")]
struct Backup;

impl Runner for Backup {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service(schedule = "@hourly")]
async fn report(_: &Context) -> rxd::Result {
    Ok(())
}

#[rxd::daemon]
struct Edge {
    backup: Backup,
    report: Report,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let handle = Edge { backup: Backup, report: Report }.into_daemon().signals([]).start().await?;
    for (service, zone) in [("backup", "Europe/Berlin)"), ("report", "UTC")] {
        handle.wait_for(service, State::Run).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let why = handle.why(service).unwrap().to_string();
        assert!(why.contains("in Run: next run in ") && why.ends_with(zone), "{why}");
    }
    handle.shutdown();
    handle.wait().await.into_result()?;
    Ok(())
}
