//! Hostile clients: F98, F99, F101, F103, G41.

use crate::client::{Answer, ask, connect, get, put, raw};
use crate::daemon::{Running, start};
use rxd::log::Level;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Asserts that nothing has changed, and that the next client is answered.
async fn unharmed(d: &Running, seq: u64) {
    assert_eq!(d.handle.states().seq(), seq);
    assert!(d.levels.services().is_empty());
    assert_eq!(get(&d.at, "/services").await.status, 200);
}

#[tokio::test]
async fn f98_malformed_requests_are_refused() {
    let d = start(|admin| admin).await;
    let seq = d.handle.states().seq();
    let put = "PUT /services/api/log-level HTTP/1.1\r\nHost: localhost\r\n";
    let flood: String = (0..1000).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000));
    let deep = format!(
        "{put}Content-Type: application/json\r\nContent-Length: 12000\r\nConnection: close\r\n\r\n{}",
        "[".repeat(12_000)
    );
    let requests: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n\x00\x01\x02\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls says hello \r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET /services HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n".to_vec(),
        b"GET /services/%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        b"GET /services/\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        b"GET /services HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(),
        format!("{put}Content-Length: 5\r\nConnection: close\r\n\r\n\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}").into_bytes(),
        format!("{put}Content-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{{]}}")
            .into_bytes(),
        format!("{put}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\ndebug\r\n0\r\n\r\n").into_bytes(),
        format!("{put}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nffffffffffffffffff\r\n").into_bytes(),
        // The shapes of request smuggling.
        format!("{put}Content-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\ndebugx").into_bytes(),
        format!("{put}Content-Length: -5\r\nConnection: close\r\n\r\ndebug").into_bytes(),
        format!("{put}Transfer-Encoding: chunked, identity\r\nConnection: close\r\n\r\n0\r\n\r\n").into_bytes(),
        format!("{put}Transfer-Encoding : chunked\r\nConnection: close\r\n\r\n0\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{flood}\r\n").into_bytes(),
        long.into_bytes(),
        deep.into_bytes(),
    ];
    for request in requests {
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        let answer = raw(&d.at, &request).await;
        if !answer.is_empty() {
            let answer = Answer::parse(&answer);
            assert!((400..500).contains(&answer.status), "{shown:?}: {answer:?}");
        }
        unharmed(&d, seq).await;
    }
}

#[tokio::test]
async fn f98_body_of_100_megabytes_is_refused_before_it_is_read() {
    let d = start(|admin| admin).await;
    let seq = d.handle.states().seq();
    let mut socket = connect(&d.at).await;
    let head = "PUT /services/api/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let block = vec![b'x'; 1 << 20];
    let mut sent = 0;
    // The request is refused at once; what is sent after that is not read.
    for _ in 0..100 {
        match tokio::time::timeout(Duration::from_secs(2), socket.write_all(&block)).await {
            Ok(Ok(())) => sent += 1,
            _ => break,
        }
    }
    assert!(sent < 100, "the connection is closed before all is sent");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await;
    if !answer.is_empty() {
        Answer::parse(&answer).problem(413);
    }
    unharmed(&d, seq).await;

    // The same for a body without a declared length.
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(4);
    let head = "PUT /services/api/log-level HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let answer = raw(&d.at, format!("{head}{chunk}0\r\n\r\n").as_bytes()).await;
    if !answer.is_empty() {
        Answer::parse(&answer).problem(413);
    }
    unharmed(&d, seq).await;
}

#[tokio::test]
async fn f98_pipelined_requests_are_answered_in_order() {
    let d = start(|admin| admin).await;
    let mut request = String::new();
    for n in 0..50 {
        let level = if n % 2 == 0 { "debug" } else { "trace" };
        request +=
            &format!("PUT /services/api/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{level}");
    }
    request += "GET /services HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = String::from_utf8(raw(&d.at, request.as_bytes()).await).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 51);
    assert_eq!(d.levels.get("api").level, Level::Trace);
}

#[tokio::test]
async fn f99_thousand_half_open_requests_delay_no_request_and_no_shutdown() {
    let d = start(|admin| admin.connections(128)).await;
    let mut half = Vec::new();
    for n in 0..1000 {
        let mut socket = connect(&d.at).await;
        let _ = socket.write_all(b"GET /services HTTP/1.1\r\nHost: loc").await;
        half.push(socket);
        if n % 100 == 99 {
            // Other clients are answered meanwhile.
            let begun = Instant::now();
            assert_eq!(get(&d.at, "/services").await.status, 200);
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
    }
    let metrics = get(&d.at, "/metrics").await.body;
    let open = metrics.lines().find_map(|line| line.strip_prefix("rxd_admin_connections ")).unwrap();
    assert!(open.parse::<u64>().unwrap() <= 130, "{open}");
    let begun = Instant::now();
    d.handle.shutdown();
    let _ = d.handle.wait().await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "shutdown waits for none of them: {:?}", begun.elapsed());
}

/// On paused time, which advances only when no byte is left to read: so drips and limits keep their
/// order.
#[tokio::test(start_paused = true)]
async fn f99_head_or_body_that_drips_is_timed_out() {
    let d = start(|admin| admin).await;
    let drip = |head: &'static str| {
        let at = d.at.clone();
        async move {
            let mut socket = connect(&at).await;
            socket.write_all(head.as_bytes()).await.unwrap();
            let begun = tokio::time::Instant::now();
            let (mut read, mut write) = tokio::io::split(socket);
            let dripping = tokio::spawn(async move {
                while write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(20), read.read_to_end(&mut answer)).await;
            dripping.abort();
            (begun.elapsed(), answer)
        }
    };
    let head = drip("GET /services HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    let body = drip("PUT /services/api/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n");
    let (head, body) = tokio::join!(head, body);
    assert!(head.0 < Duration::from_secs(8), "{head:?}");
    assert!(body.0 < Duration::from_secs(14), "{body:?}");
    Answer::parse(&body.1).problem(408);
}

#[tokio::test(start_paused = true)]
async fn f99_client_that_does_not_read_its_answers_is_disconnected() {
    let d = start(|admin| admin).await;
    let open = async || {
        let metrics = get(&d.at, "/metrics").await.body;
        metrics.lines().find_map(|line| line.strip_prefix("rxd_admin_connections ")).unwrap().to_owned()
    };
    let mut socket = connect(&d.at).await;
    let asking = tokio::spawn(async move {
        let request = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20_000);
        let _ = socket.write_all(request.as_bytes()).await;
        socket
    });
    // The clock advances only when nothing moves any more: then the buffers of both sides are full.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if open().await == "1" {
            drop(asking);
            return;
        }
    }
    panic!("the client is still connected: {} connections are open", open().await);
}

#[tokio::test]
async fn f101_level_changed_by_a_hundred_clients_is_never_torn() {
    let d = start(|admin| admin).await;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..100_usize {
        let at = d.at.clone();
        clients.spawn(async move {
            for n in 0..10 {
                let level = ["error", "warn", "info", "debug", "trace"][(client + n) % 5];
                let answer = put(&at, "/services/api/log-level", level).await;
                assert_eq!(answer.status, 200);
                let seen = answer.json();
                assert!(seen["set"] == true && seen["level"].is_string(), "never torn: {seen}");
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    assert_eq!(put(&d.at, "/services/api/log-level", "warn").await.json()["level"], "warn");
    assert_eq!((d.levels.get("api").level, d.levels.get("poller").level), (Level::Warn, Level::Info));
}

#[tokio::test]
async fn f103_request_of_another_host_or_origin_changes_nothing() {
    let d = start(|admin| admin).await;
    let seq = d.handle.states().seq();
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost.evil.example:1337\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nOrigin: http://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        let answer = ask(&d.at, "POST", "/services/api/restart", headers, "").await;
        assert!(answer.status == 403 || answer.status == 400, "{headers}: {answer:?}");
        answer.problem(answer.status);
    }
    let absolute =
        b"POST http://evil.example/services/api/restart HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    Answer::parse(&raw(&d.at, absolute).await).problem(403);
    unharmed(&d, seq).await;
    let Running { at: rxd::admin::Address::Tcp(tcp), .. } = &d else { panic!() };
    let own = format!("Host: {tcp}\r\nOrigin: http://{tcp}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(ask(&d.at, "POST", "/services/api/restart", &own, "").await.status, 200);
}
