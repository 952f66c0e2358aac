use std::time::Duration;
use tokio_graceful_shutdown::errors::GracefulShutdownError;
use tokio_graceful_shutdown::{SubsystemBuilder, SubsystemHandle, Toplevel};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

async fn body(subsys: &mut SubsystemHandle) -> Result<(), BoxedError> {
    subsys.on_shutdown_requested().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), GracefulShutdownError> {
    Toplevel::new(async |subsys: &mut SubsystemHandle| {
        for name in ["a", "b", "c"] {
            subsys.start(SubsystemBuilder::new(name, body));
        }
    })
    .catch_signals()
    .handle_shutdown_requests(Duration::from_secs(10))
    .await
}
