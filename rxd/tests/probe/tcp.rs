//! Connections.

use crate::*;
use rxd::probe::Tcp;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn probe(address: impl ToString) -> Tcp {
    Tcp::new(address.to_string()).period(20 * MS).timeout(200 * MS).failures(2)
}

#[tokio::test]
async fn service_is_in_run_while_its_target_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let handle = start(probe(address).successes(2)).await;
    until_idle(&handle).await;
    tokio::time::sleep(100 * MS).await;
    assert!(handle.states()["health"].is_in(State::Idle) && handle.states()["api"].is_in(State::Idle));
    let why = handle.why("api").unwrap().to_string();
    assert!(why.contains(&format!("tcp {address}: ")) && why.contains("refused"), "{why}");

    let listener = TcpListener::bind(address).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    drop(listener);
    until_failed(&handle, &format!("tcp {address}: 2 checks failed in a row, the last: ")).await;
    until_idle(&handle).await;

    let _listener = TcpListener::bind(address).await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    stop(handle).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn target_with_a_full_backlog_is_not_waited_for() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let handle = start(probe(address)).await;
    handle.wait_for("health", State::Run).await.unwrap();
    // Connections that nothing accepts, until the next one hangs.
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(100 * MS, TcpStream::connect(address)).await {
        held.push(stream.unwrap());
    }
    until_failed(&handle, &format!("tcp {address}: 2 checks failed in a row, the last: no answer within 200ms")).await;
    // A check is under way.
    stop(handle).await;
}

#[tokio::test]
async fn check_of_a_host_that_hangs_ends_when_it_is_cancelled() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(100 * MS, TcpStream::connect(address)).await {
        held.push(stream);
        if held.len() > 500 {
            return; // a system without a limit that can be reached
        }
    }
    let handle = start(Tcp::new(address.to_string()).timeout(Duration::from_secs(600))).await;
    until_idle(&handle).await;
    stop(handle).await;
}

#[tokio::test]
async fn name_that_does_not_resolve_is_named() {
    let handle = start(probe("no-such-host.invalid:1")).await;
    until_idle(&handle).await;
    stop(handle).await;
}
