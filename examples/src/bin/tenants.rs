//! A file of tenants, and one HTTP server for each, while the daemon runs.
//!
//! What to watch for: edit the file and send SIGHUP. Only the tenants whose line has changed stop and
//! start; requests to the others go on.
//!
//! * `registry` reads the file, in `init` and in `reload`, and has the daemon
//!   [reconcile](rxd::DaemonHandle::reconcile) the group `tenants` with it: a service for each line, whose
//!   version is the line. A line that is wrong, or a name that is there twice, refuses the reload, and all
//!   go on with what they have.
//! * A tenant needs `store`. So at the end, and whenever `store` leaves Run, the tenants stop first.
//! * A tenant whose port is in use tries again by itself; the others do not notice.
//!
//! ```text
//! printf 'blue 127.0.0.1:8001 good morning\ngreen 127.0.0.1:8002 good evening\n' > tenants.txt
//! cargo run -p examples --bin tenants -- --file tenants.txt
//! curl localhost:8001
//! sed -i s/morning/night/ tenants.txt; pkill -HUP tenants; curl localhost:8001
//! ```
//!
//! <http://127.0.0.1:1338/> shows them come and go; so does `rxdctl status --watch`.

use axum::Router;
use axum::routing::get;
use clap::Parser;
use rxd::http::Server;
use rxd::{Context, Runner, Service};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One line of the file: `blue 127.0.0.1:8001 good morning`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tenant {
    name: String,
    address: String,
    greeting: String,
}

/// Reads the file's text. Lines that are blank or begin with `#` are left out.
fn parse(text: &str) -> rxd::Result<Vec<Tenant>> {
    let mut tenants = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        match (words.next(), words.next(), words.next()) {
            (Some(name), ..) if name.is_empty() || name.starts_with('#') => {}
            (Some(name), Some(address), Some(greeting)) => tenants.push(Tenant { name, address, greeting }),
            _ => return Err(format!("line {}: expected `NAME ADDRESS GREETING`, not `{line}`", nth + 1).into()),
        }
    }
    Ok(tenants)
}

/// What all tenants share: the number of requests so far.
#[derive(Clone, Default)]
struct Visits(Arc<AtomicU64>);

/// What the tenants keep their data in; here it does nothing.
#[rxd::service]
struct Store;

impl Runner for Store {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Keeps the services of the tenants in line with the file.
#[rxd::service]
struct Registry {
    file: PathBuf,
    visits: Visits,
}

impl Registry {
    fn service(&self, tenant: Tenant) -> Service {
        let visits = self.visits.clone();
        let greeting = tenant.greeting.clone();
        let greet = move || async move {
            let nth = visits.0.fetch_add(1, Ordering::Relaxed) + 1;
            format!("{greeting}, visitor {nth}\n")
        };
        let server = Server::new(Router::new().route("/", get(greet))).listen(&tenant.address);
        Service::new(format!("tenant-{}", tenant.name), server).needs(["store"]).version(tenant)
    }

    async fn reconcile(&self, cx: &Context) -> rxd::Result {
        let text = tokio::fs::read_to_string(&self.file).await;
        let text = text.map_err(|error| format!("{}: {error}", self.file.display()))?;
        let tenants = parse(&text).map_err(|error| format!("{}, {error}", self.file.display()))?;
        let services = tenants.into_iter().map(|tenant| self.service(tenant));
        cx.or_cancelled(cx.daemon().reconcile("tenants", services)).await??;
        Ok(())
    }
}

impl Runner for Registry {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.reconcile(cx).await
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }

    /// SIGHUP. An error changes nothing.
    async fn reload(&mut self, cx: &Context) -> rxd::Result {
        self.reconcile(cx).await
    }
}

#[rxd::daemon(name = "tenants")]
struct Tenants {
    store: Store,
    registry: Registry,
}

/// An HTTP server for each line of a file.
#[derive(Parser)]
struct Args {
    /// The file of tenants: `NAME ADDRESS GREETING` on each line.
    #[arg(long, default_value = "tenants.txt")]
    file: PathBuf,
    /// Where the page and the API for operators are.
    #[arg(long, default_value = "127.0.0.1:1338")]
    admin: String,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { file, admin } = Args::parse();
    examples::log_to_stderr();
    let tenants = Tenants { store: Store, registry: Registry { file, visits: Visits::default() } };
    tenants.into_daemon().admin(admin).run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State;
    use rxd::testing::Harness;

    #[test]
    fn wrong_line_is_named() {
        let error = parse("# all of them\n\nblue 127.0.0.1:1 hello\ngreen\n").unwrap_err();
        assert_eq!(error.to_string(), "line 4: expected `NAME ADDRESS GREETING`, not `green`");
    }

    /// A tenant stops before what it needs.
    #[tokio::test(start_paused = true)]
    async fn tenants_stop_before_the_store() {
        let file = std::env::temp_dir().join(format!("tenants-{}", std::process::id()));
        std::fs::write(&file, "blue 127.0.0.1:0 hello\n").unwrap();
        let tenants = Tenants { store: Store, registry: Registry { file: file.clone(), visits: Visits::default() } };
        let test = Harness::new(tenants.into_daemon()).start().await;
        test.until("tenant-blue", State::Run).await;
        let ended = test.shutdown().await;
        std::fs::remove_file(file).unwrap();
        ended.trace.expect("store").enters(State::Stop).after_it_enters("tenant-blue", State::Exit);
    }
}
