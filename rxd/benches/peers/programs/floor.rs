use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    for _ in 0..3 {
        let token = token.clone();
        tracker.spawn(async move { token.cancelled().await });
    }
    tokio::signal::ctrl_c().await.unwrap();
    token.cancel();
    tracker.close();
    tracker.wait().await;
}
