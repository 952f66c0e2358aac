//! A gRPC server with tonic, as a service. It serves the health check of gRPC, at `GRPC`, which is
//! an address, or at a free port.

use rxd::{Context, Runner};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;

/// How long open requests may take after the stop: less than the limit of Stop, which is 10 s.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

#[rxd::service]
struct Grpc {
    addr: String,
    listener: Option<TcpListener>,
}

impl Runner for Grpc {
    /// Binds here and not in `run`, so the service enters Run only once it listens.
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        let bound = TcpListener::bind(&self.addr).await;
        let listener = bound.map_err(|error| format!("failed to listen on {}: {error}", self.addr))?;
        println!("listens on {}", listener.local_addr()?);
        self.listener = Some(listener);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let listener = self.listener.take().ok_or("run without init")?;
        let (mut reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status("", ServingStatus::Serving).await;
        let server = Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_service(health)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), cx.token().cancelled_owned());
        let limit = async {
            cx.cancelled().await;
            // Streams without an end must end: tonic waits for them, and dropping its server ends
            // none of its connections.
            reporter.clear_service_status("").await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            served = server => served?,
            () = limit => tracing::warn!("some requests did not end within {DRAIN_LIMIT:?} of the stop"),
        }
        Ok(())
    }

    async fn stop(&mut self, _cx: &Context) -> rxd::Result {
        self.listener = None;
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    grpc: Grpc,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    let addr = std::env::var("GRPC").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    Agent { grpc: Grpc { addr, listener: None } }.run().await?;
    Ok(())
}
