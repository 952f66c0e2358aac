//! Services whose methods are those of their only field.

use rxd::probe::{Http, Tcp};
use rxd::{Context, Runner, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[rxd::service(name = "db-health", delegate, restarts(max = 5, within = "1m"))]
struct DbHealth(Tcp);

#[rxd::service(delegate)]
struct ApiHealth {
    probe: Http,
}

/// Overrides `reload`.
struct Reloads(Arc<AtomicU32>);

impl Runner for Reloads {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }

    async fn reload(&mut self, _: &Context) -> rxd::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[rxd::service(delegate)]
struct Wrapper<R>(R);

#[rxd::daemon]
struct Edge {
    db_health: DbHealth,
    api_health: ApiHealth,
    wrapper: Wrapper<Reloads>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let reloads = Arc::new(AtomicU32::new(0));
    let edge = Edge {
        db_health: DbHealth(Tcp::new("127.0.0.1:1")),
        api_health: ApiHealth { probe: Http::new("http://127.0.0.1:1") },
        wrapper: Wrapper(Reloads(reloads.clone())),
    };
    let handle = edge.into_daemon().signals([]).start().await?;
    handle.wait_for("wrapper", State::Run).await?;
    // The engine sees which methods the field overrides.
    handle.reload("wrapper").await?;
    assert_eq!(reloads.load(Ordering::Relaxed), 1);
    assert!(handle.states()["db-health"].is_in(State::Idle), "its `idle` waits until it is healthy");
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    Ok(())
}
