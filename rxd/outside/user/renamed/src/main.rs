//! rxd under another name.

#[daemonkit::service(restarts(max = 0, within = "1s"), on_failure = "shutdown")]
struct Wait;

impl daemonkit::Runner for Wait {
    async fn run(&mut self, cx: &daemonkit::Context) -> daemonkit::Result {
        if std::env::var_os("FAIL").is_some() {
            return Err("no such device".into());
        }
        tracing::info!("waiting");
        cx.cancelled().await;
        Ok(())
    }
}

#[daemonkit::daemon]
struct Agent {
    wait: Wait,
}

#[tokio::main]
async fn main() -> daemonkit::Result {
    let _log = daemonkit::log::init()?;
    Agent { wait: Wait }.run().await?;
    Ok(())
}
