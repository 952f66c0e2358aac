//! A `main` with its own error type, which converts from that of rxd.

#[rxd::service(restarts(max = 0, within = "1s"), on_failure = "shutdown")]
struct Wait;

impl rxd::Runner for Wait {
    async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {
        if std::env::var_os("FAIL").is_some() {
            return Err("no such device".into());
        }
        tracing::info!("waiting");
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    wait: Wait,
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("daemon")]
    Daemon(#[from] rxd::Error),
}

#[tokio::main]
async fn main() -> Result<(), AppError> {
    let _log = rxd::log::init()?;
    Agent { wait: Wait }.run().await?;
    Ok(())
}
