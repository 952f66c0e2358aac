//! Requests.

use crate::*;
use rxd::probe::Http;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers with this status; it never answers to 0, and closes the connection at 1.
async fn serve(status: &Arc<AtomicU16>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, status) = (listener.local_addr().unwrap(), status.clone());
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(request.starts_with("GET /health?full=1 HTTP/1.1\r\n"), "{request}");
            assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
            match status.load(Ordering::Relaxed) {
                0 => held.push(stream),
                1 => drop(stream),
                status => {
                    let answer =
                        format!("HTTP/1.1 {status} Some\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        }
    });
    address
}

fn probe(address: SocketAddr) -> Http {
    Http::new(format!("http://{address}/health?full=1")).period(20 * MS).timeout(200 * MS).failures(2)
}

#[tokio::test]
async fn service_is_in_run_while_its_target_answers_with_success() {
    let status = Arc::new(AtomicU16::new(503));
    let address = serve(&status).await;
    let handle = start(probe(address)).await;
    until_idle(&handle).await;
    status.store(204, Ordering::Relaxed);
    handle.wait_for("api", State::Run).await.unwrap();
    status.store(500, Ordering::Relaxed);
    let text = "2 checks failed in a row, the last: status 500, expected one from 200 to 299";
    until_failed(&handle, &format!("http://{address}/health?full=1: {text}")).await;
    status.store(200, Ordering::Relaxed);
    handle.wait_for("api", State::Run).await.unwrap();
    stop(handle).await;
}

#[tokio::test]
async fn one_status_can_be_expected() {
    let status = Arc::new(AtomicU16::new(200));
    let address = serve(&status).await;
    let handle = start(probe(address).expect_status(418).failures(1)).await;
    until_idle(&handle).await;
    status.store(418, Ordering::Relaxed);
    handle.wait_for("health", State::Run).await.unwrap();
    status.store(200, Ordering::Relaxed);
    until_failed(&handle, &format!("http://{address}/health?full=1: status 200, expected 418")).await;
    stop(handle).await;
}

#[tokio::test]
async fn server_that_accepts_and_hangs_is_not_waited_for() {
    let status = Arc::new(AtomicU16::new(200));
    let address = serve(&status).await;
    let handle = start(probe(address)).await;
    handle.wait_for("health", State::Run).await.unwrap();
    status.store(0, Ordering::Relaxed);
    let text = "2 checks failed in a row, the last: no answer within 200ms";
    until_failed(&handle, &format!("http://{address}/health?full=1: {text}")).await;
    stop(handle).await;
}

#[tokio::test]
async fn request_that_hangs_ends_when_it_is_cancelled() {
    let address = serve(&Arc::new(AtomicU16::new(0))).await;
    let handle = start(probe(address).timeout(Duration::from_secs(600))).await;
    until_idle(&handle).await;
    stop(handle).await;
}

#[tokio::test]
async fn connection_that_is_closed_without_an_answer_is_a_failure() {
    let status = Arc::new(AtomicU16::new(200));
    let address = serve(&status).await;
    let handle = start(probe(address)).await;
    handle.wait_for("health", State::Run).await.unwrap();
    status.store(1, Ordering::Relaxed);
    until_failed(&handle, &format!("http://{address}/health?full=1: 2 checks failed in a row, the last: ")).await;
    stop(handle).await;
}

#[tokio::test]
async fn url_with_tls_never_passes() {
    let handle = start(Http::new("https://127.0.0.1:1/").period(20 * MS)).await;
    until_idle(&handle).await;
    tokio::time::sleep(100 * MS).await;
    assert!(handle.states()["health"].is_in(State::Idle));
    stop(handle).await;
}
