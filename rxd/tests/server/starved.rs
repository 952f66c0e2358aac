//! A process that may open few files. The test runs this program again, with a limit of 64.

use crate::serving::Logged;
use crate::*;
use std::process::Command;

const PART: &str = "RXD_SERVER_TEST_STARVED";

#[test]
fn server_without_free_files_closes_idle_connections_and_accepts_again() {
    let mut command = Command::new("sh");
    let script = "ulimit -n 64 && exec \"$0\" --exact starved::part --nocapture --test-threads=1";
    command.args(["-c", script]).arg(std::env::current_exe().unwrap()).env(PART, "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Does nothing, except in that process.
#[test]
fn part() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let (logged, _guard) = Logged::collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
        let at = running.at().await;
        let (mut idle, mut slow) = (Client::idle(at).await, Client::connect(at).await);
        slow.ask("/slow").await;
        tokio::time::sleep(100 * MS).await;
        let mut held: Vec<std::fs::File> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        // The last descriptor is for the client; the other end of its connection gets none.
        held.pop();
        let mut client = Client::connect(at).await;
        client.ask("/").await;
        assert!(idle.until_closed().await.is_empty());
        // The file of the idle connection is taken by the client, or by these.
        held.extend(std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()));
        assert_eq!(slow.answer().await.1, "slow hello", "a request in progress goes on");
        tokio::time::sleep(200 * MS).await;
        drop(held);
        assert_eq!(client.answer().await.1, "hello");
        assert_eq!(running.handle.states()["web"].incarnation, 1);
        running.stop().await;
    });
    let lines = logged.lines("failed to accept a connection: ");
    assert!(lines.len() == 1 && lines[0].contains("LimitNOFILE="), "it is logged once: {lines:?}");
}
