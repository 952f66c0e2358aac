//! Clients that are slow, too many, or gone.

use crate::*;

#[tokio::test(start_paused = true)]
async fn client_that_is_too_slow_is_disconnected() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0").client_timeout(10 * SECOND)).await;
    let at = running.at().await;
    let begun = tokio::time::Instant::now();
    let mut half = Client::connect(at).await;
    half.send("GET / HTTP/1.1\r\nHost: a\r\nX-Half: ").await;
    half.until_closed().await;
    assert!((10..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());

    let begun = tokio::time::Instant::now();
    let mut idle = Client::idle(at).await;
    idle.until_closed().await;
    assert!((10..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn client_that_does_not_read_is_disconnected() {
    let big = Router::new().route("/", get(async || "x".repeat(64 << 20)));
    let running = start(Server::new(big).listen("127.0.0.1:0").client_timeout(10 * SECOND)).await;
    let mut client = Client::connect(running.at().await).await;
    client.ask("/").await;
    tokio::time::sleep(60 * SECOND).await;
    assert!(client.until_closed().await.len() < 64 << 20);
    running.stop().await;
}

#[tokio::test]
async fn longest_client_timeout_is_no_overflow() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0").client_timeout(Duration::MAX)).await;
    assert_eq!(Client::connect(running.at().await).await.get("/").await, "hello");
    running.stop().await;
}

#[tokio::test]
async fn connection_beyond_the_limit_closes_an_idle_one_or_waits() {
    let running = start(Server::new(routes()).listen("127.0.0.1:0").connections(2)).await;
    let at = running.at().await;
    let (mut first, mut second) = (Client::idle(at).await, Client::idle(at).await);
    let mut third = Client::idle(at).await;
    assert!(first.until_closed().await.is_empty(), "it was idle longest");
    second.ask("/slow").await;
    third.ask("/slow").await;
    tokio::time::sleep(100 * MS).await;
    let begun = Instant::now();
    let mut fourth = Client::connect(at).await;
    assert_eq!(fourth.get("/").await, "hello");
    assert!(begun.elapsed() > 200 * MS, "it waits until one is idle");
    // One of the two has made room, after its answer.
    let answers = [second.until_closed(), third.until_closed()];
    let [second, third] = answers;
    let closed = tokio::select! { closed = second => closed, closed = third => closed };
    assert!(closed.ends_with(b"slow hello"));
    running.stop().await;
}

#[tokio::test]
async fn clients_that_leave_before_they_are_accepted_delay_no_other() {
    // On one thread: all of them connect and leave before the accept loop is polled.
    let running = start(Server::new(routes()).listen("127.0.0.1:0")).await;
    let at = running.at().await;
    for _ in 0..100 {
        let client = std::net::TcpStream::connect(at).unwrap();
        client.set_nonblocking(true).unwrap();
        let client = TcpStream::from_std(client).unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
    }
    let begun = Instant::now();
    assert_eq!(Client::connect(at).await.get("/").await, "hello");
    assert!(begun.elapsed() < PROMPT);
    running.stop().await;
}
