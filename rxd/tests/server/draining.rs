//! What happens to connections when the server stops.

use crate::serving::Logged;
use crate::*;

async fn server(server: Server) -> (Running, SocketAddr) {
    let running = start(server.listen("127.0.0.1:0")).await;
    let at = running.at().await;
    (running, at)
}

/// Waits until the server accepts no more.
async fn until_refused(at: SocketAddr) {
    let begun = Instant::now();
    while TcpStream::connect(at).await.is_ok() {
        assert!(begun.elapsed() < LIMIT, "it still listens");
        tokio::time::sleep(5 * MS).await;
    }
}

#[tokio::test]
async fn request_in_progress_is_answered_and_its_connection_closed() {
    let (running, at) = server(Server::new(routes())).await;
    let mut client = Client::idle(at).await;
    client.ask("/slow").await;
    tokio::time::sleep(100 * MS).await;
    running.handle.shutdown();
    until_refused(at).await;
    let (head, body) = client.answer().await;
    assert_eq!(body, "slow hello");
    assert!(head.contains("connection: close"), "{head}");
    assert!(client.until_closed().await.is_empty());
    assert!(running.stop().await < PROMPT);
}

/// Its head was sent before the stop, and did not say `Connection: close`.
#[tokio::test]
async fn client_whose_answer_ends_during_the_stop_can_send_one_more_request() {
    let parts = async || {
        let parts = futures_util::stream::unfold(0, async |part| {
            tokio::time::sleep(300 * MS * part).await;
            (part < 2).then(|| (Ok::<_, std::io::Error>(["one, ", "two"][part as usize]), part + 1))
        });
        let length = [(axum::http::header::CONTENT_LENGTH, "8")];
        (length, axum::body::Body::from_stream(parts))
    };
    let (running, at) = server(Server::new(routes().route("/parts", get(parts)))).await;
    let mut client = Client::connect(at).await;
    client.ask("/parts").await;
    tokio::time::sleep(100 * MS).await;
    running.handle.shutdown();
    let (head, body) = client.answer().await;
    assert!(body == "one, two" && !head.contains("connection: close"), "{head}");
    client.ask("/").await;
    let (head, body) = client.answer().await;
    assert!(body == "hello" && head.contains("connection: close"), "{head}");
    assert!(client.until_closed().await.is_empty());
    assert!(running.stop().await < PROMPT);
}

#[tokio::test]
async fn answer_that_its_client_reads_slowly_is_not_cut() {
    const LENGTH: usize = 8 << 20;
    let big = Router::new().route("/", get(async || "x".repeat(LENGTH)));
    let (running, at) = server(Server::new(big)).await;
    let mut client = Client::connect(at).await;
    client.ask("/").await;
    // The handler has returned, and the buffers of both sides are full.
    tokio::time::sleep(200 * MS).await;
    let stopping = tokio::spawn(running.stop());
    until_refused(at).await;
    tokio::time::sleep(500 * MS).await;
    assert!(!stopping.is_finished(), "it waits for the client");
    assert_eq!(client.answer().await.1.len(), LENGTH);
    stopping.await.unwrap();
}

/// Two of each kind, long silent.
#[tokio::test]
async fn idle_and_half_sent_connections_end_at_once() {
    let (running, at) = server(Server::new(routes()).drain_timeout(Duration::from_secs(3600))).await;
    let mut clients = Vec::new();
    for first in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-Half: "] {
        for _ in 0..2 {
            let mut client = Client::connect(at).await;
            client.send(first).await;
            clients.push(client);
            let mut client = Client::idle(at).await;
            client.send(first).await;
            clients.push(client);
        }
    }
    tokio::time::sleep(400 * MS).await;
    assert!(running.stop().await < 200 * MS);
    for client in &mut clients {
        assert!(client.until_closed().await.is_empty());
    }
}

#[tokio::test]
async fn half_sent_head_that_goes_on_dripping_does_not_hold_the_stop() {
    let (running, at) = server(Server::new(routes())).await;
    let mut client = Client::connect(at).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    let dripping = tokio::spawn(async move {
        while client.0.write_all(b"x").await.is_ok() {
            tokio::time::sleep(10 * MS).await;
        }
    });
    tokio::time::sleep(100 * MS).await;
    assert!(running.stop().await < PROMPT);
    dripping.await.unwrap();
}

#[tokio::test]
async fn request_on_its_way_at_the_stop_is_answered() {
    let (running, at) = server(Server::new(routes())).await;
    // One active connection, one that is new, and one that is not accepted yet.
    let mut active = Client::idle(at).await;
    let mut new = Client::connect(at).await;
    tokio::time::sleep(20 * MS).await;
    running.handle.shutdown();
    let mut waiting = Client::connect(at).await;
    tokio::time::sleep(50 * MS).await;
    for client in [&mut active, &mut new, &mut waiting] {
        client.ask("/").await;
        let (head, body) = client.answer().await;
        assert_eq!(body, "hello");
        assert!(head.contains("connection: close"), "{head}");
        assert!(client.until_closed().await.is_empty());
    }
    assert!(running.stop().await < PROMPT);
}

#[cfg(unix)]
#[tokio::test]
async fn client_of_a_unix_socket_that_is_not_accepted_yet_is_answered_at_the_stop() {
    let path = std::env::temp_dir().join(format!("rxd-last-{}.sock", std::process::id()));
    let running = start(Server::new(routes()).listen(format!("unix:{}", path.display()))).await;
    running.handle.wait_for("web", State::Run).await.unwrap();
    running.handle.shutdown();
    let mut waiting = Client(tokio::net::UnixStream::connect(&path).await.unwrap());
    assert_eq!(waiting.get("/").await, "hello");
    assert!(waiting.until_closed().await.is_empty() && !path.exists());
    assert!(running.stop().await < PROMPT);
}

#[tokio::test]
async fn requests_without_an_end_are_cut_at_the_limit_with_a_warning() {
    let (logged, _guard) = Logged::collect();
    let (running, at) = server(Server::new(routes()).drain_timeout(300 * MS)).await;
    let mut never = Client::connect(at).await;
    never.ask("/never").await;
    let mut body = Client::connect(at).await;
    body.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf of it").await;
    tokio::time::sleep(100 * MS).await;
    let took = running.stop().await;
    assert!(took >= 300 * MS && took < PROMPT, "{took:?}");
    assert!(never.until_closed().await.is_empty() && body.until_closed().await.is_empty());
    let lines = logged.lines("2 requests did not end within 300ms of the stop; their connections are cut");
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("web"), "{lines:?}");
}

/// Otherwise the log would say nothing while clients are refused.
#[tokio::test]
async fn drain_that_takes_a_while_is_said_when_it_begins() {
    let (logged, _guard) = Logged::collect();
    let (running, at) = server(Server::new(routes()).drain_timeout(SECOND)).await;
    let mut never = Client::connect(at).await;
    never.ask("/never").await;
    tokio::time::sleep(100 * MS).await;
    running.stop().await;
    let lines = logged.lines("accepts nobody, and waits for 1 open requests, for 1s at most");
    assert!(lines.len() == 1 && lines[0].contains("web"), "{lines:?}");
}

/// The limit of the server is longer than that of Stop. The cut is no failure.
#[tokio::test]
async fn requests_are_cut_before_the_limit_of_stop() {
    let server = Server::new(routes()).listen("127.0.0.1:0").drain_timeout(Duration::from_secs(3600));
    let running = start_with(server, Options::DEFAULT.timeout_of(State::Stop, SECOND)).await;
    let mut never = Client::connect(running.at().await).await;
    never.ask("/never").await;
    tokio::time::sleep(100 * MS).await;
    let took = running.stop().await;
    assert!(took >= 850 * MS && took < PROMPT, "{took:?}");
}

#[tokio::test]
async fn restart_drains_as_a_stop_does() {
    let (running, at) = server(Server::new(routes())).await;
    let (mut slow, mut idle) = (Client::connect(at).await, Client::idle(at).await);
    slow.ask("/slow").await;
    tokio::time::sleep(100 * MS).await;
    running.handle.restart("web").await.unwrap();
    assert_eq!(slow.answer().await.1, "slow hello");
    assert!(idle.until_closed().await.is_empty());
    assert_eq!(Client::connect(running.at().await).await.get("/").await, "hello");
    assert_eq!(running.handle.states()["web"].incarnation, 2);
    running.stop().await;
}

/// 200 idle connections and 50 half-sent heads, beside one request in progress.
#[tokio::test(flavor = "multi_thread")]
async fn many_idle_and_half_open_connections_delay_no_stop() {
    load::stop_with_silent_clients(200, 50).await;
}

#[cfg(feature = "admin")]
mod with_the_admin_routes {
    use super::*;

    fn nested() -> Server {
        Server::with(|cx| Ok(routes().nest("/admin", rxd::admin::router(&cx.daemon())))).listen("127.0.0.1:0")
    }

    #[tokio::test]
    async fn stream_of_events_does_not_hold_the_stop() {
        let running = start(nested()).await;
        let mut client = Client::connect(running.at().await).await;
        client.ask("/admin/events").await;
        let mut first = [0; 512];
        client.0.read_exact(&mut first).await.unwrap();
        assert!(running.stop().await < PROMPT);
        let rest = String::from_utf8(client.until_closed().await).unwrap();
        assert!(rest.contains("event: end"), "{rest}");
    }

    #[tokio::test]
    async fn restart_of_the_server_by_its_own_route_is_answered() {
        let running = start(nested()).await;
        let mut client = Client::connect(running.at().await).await;
        client.send("POST /admin/services/web/restart HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
        assert!(client.answer().await.0.starts_with("http/1.1 202 "));
        until("it restarts", || running.handle.states()["web"].incarnation == 2).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn server_of_a_draining_daemon_accepts_and_says_close() {
    let web = Server::new(routes()).listen("127.0.0.1:0");
    let local = web.local_addresses();
    let daemon = Daemon::new("d").signals([]).drain(Duration::from_millis(600)).add(Service::new("web", web));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("web", State::Run).await.unwrap();
    let at = local.tcp().unwrap();
    let mut kept = Client::connect(at).await;
    kept.ask("/").await;
    assert!(!kept.answer().await.0.contains("connection: close"));
    let mut idle = Client::idle(at).await;
    handle.shutdown();
    // A connection of before the drain, and one of after its beginning.
    for client in [&mut kept, &mut Client::connect(at).await] {
        client.ask("/").await;
        let (head, body) = client.answer().await;
        assert!(body == "hello" && head.contains("connection: close"), "{head}");
        assert!(client.until_closed().await.is_empty());
    }
    assert!(handle.states()["web"].is_in(State::Run));
    // One that sends nothing is not closed before the stop.
    assert!(idle.until_closed().await.is_empty());
    assert!(handle.wait().await.is_ok());
}
