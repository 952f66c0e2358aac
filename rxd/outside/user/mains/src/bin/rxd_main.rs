//! A `main` that returns `rxd::Result`.

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

#[tokio::main]
async fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    Agent { wait: Wait }.run().await?;
    Ok(())
}
