use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;

struct Supervisor;

impl Actor for Supervisor {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), me: ActorRef<Self>) -> Result<Self, Infallible> {
        for _ in 0..3 {
            Body::supervise(&me, Body).spawn().await;
        }
        Ok(Supervisor)
    }
}

#[derive(Clone)]
struct Body;

impl Actor for Body {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(body: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(body)
    }
}

#[tokio::main]
async fn main() {
    let supervisor = Supervisor::spawn(());
    tokio::signal::ctrl_c().await.unwrap();
    supervisor.stop_gracefully().await.unwrap();
    supervisor.wait_for_shutdown().await;
}
