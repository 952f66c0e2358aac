//! The names that users rely on.

use rxd::{Action, Context, DaemonHandle, Filter, Runner, State};

#[rxd::service]
struct Health {
    target: std::net::SocketAddr,
}

impl Runner for Health {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(self.target.port(), 1);
        assert_eq!(cx.name(), "health");
        cx.cancelled().await;
        Ok(())
    }
}

struct Client;

#[rxd::service(name = "poller", manager = "until_success", startup_delay = "1ms")]
#[watch(any, entering, Run, "health")]
#[watch(any, exited, Run, "health", then(stop))]
#[watch(any, changing, Run, "health", stream(health_changes))]
struct Poller {
    client: Client,
}

impl Runner for Poller {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let Client = &self.client;
        let _: rxd::Watch = Self::health_changes(cx);
        let _: rxd::Watch = cx.watch_any(Action::Entering, State::Run, ["health"])?;
        let _: rxd::Watch = cx.watch_all(Action::Exited, State::Run, ["health"])?;
        let _ = (cx.watch_states(Filter::None)?, cx.states(), cx.intracom(), cx.child("worker").name().to_owned());
        cx.heartbeat();
        cx.extend(std::time::Duration::from_millis(1));
        Ok(())
    }

    async fn idle(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let token = cx.token();
        let worker = cx.spawn("worker", async move { token.cancelled().await });
        cx.cancelled().await;
        worker.await?;
        Err("scripted stop".into())
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }

    async fn reload(&mut self, _cx: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs("health")]
#[watch(any, entering, Run, Poller, then(init), within = "30s")]
struct Report;

impl Runner for Report {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service(manager(rxd::manager::until_success))]
struct Migrate;

impl Runner for Migrate {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service(manager(until_success))]
#[after("migrate")]
struct Tidy;

impl Runner for Tidy {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(name = "edge-agent", shutdown_timeout = "30s")]
struct EdgeAgent {
    health: Health,
    poller: Poller,
    report: Report,
    #[service(name = "report-2")]
    second: Option<Report>,
    migrate: Migrate,
    tidy: Option<Tidy>,
}

fn edge() -> EdgeAgent {
    EdgeAgent {
        health: Health { target: ([127, 0, 0, 1], 1).into() },
        poller: Poller { client: Client },
        report: Report,
        second: None,
        migrate: Migrate,
        tidy: Some(Tidy),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let graph = EdgeAgent::GRAPH;
    assert!(graph.to_mermaid().contains("poller") && graph.to_dot().contains("poller"));
    assert!(graph.to_json().contains("poller"));

    let handle: DaemonHandle = edge().start().await?;
    let _ = handle.watch_states(Filter::include(["health"]))?;
    for name in ["health", "poller", "report"] {
        handle.wait_for(name, State::Run).await?;
    }
    handle.wait_for("tidy", State::Exit).await?;
    assert_eq!(handle.states()["migrate"].state, State::Exit);
    let _ = handle.why("health")?;
    handle.reload("poller").await?;
    handle.restart("health").await?;
    handle.stop("report").await?;
    handle.start("report").await?;
    handle.shutdown();
    handle.wait().await.into_result()?;

    let daemon: rxd::Daemon = edge().into_daemon();
    daemon.check()?;
    let built = rxd::Daemon::new("name").add(rxd::Service::new("a", Migrate).manager(rxd::manager::until_success));
    built.run().await?;
    Ok(())
}
