//! A server that starts only when its dependencies exist: a directory, a port, another server.
//!
//! What to watch for: three stages run in order before the service enters Init.
//!
//! 1. The directory is created, or the start fails.
//! 2. The port is bound, or the start fails.
//! 3. The upstream is tried until it answers.
//!
//! Start the program without an upstream, and then
//!
//! ```text
//! python3 -m http.server 8071     # the upstream: the server starts
//! curl 127.0.0.1:8070             # shows the number of requests, which it keeps in the directory
//! ```
//!
//! While it waits for the upstream, Ctrl-C ends it with status 0, because nothing was started. A
//! second process on the same port ends with status 1, and a message that names the stage.

use clap::Parser;
use rxd::prestart::Stage;
use rxd::{Context, Runner};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes the port that a stage has bound to the service.
///
/// Checking for a free port and binding it later would let another process bind it in between.
type Port = Arc<Mutex<Option<TcpListener>>>;

/// Answers with the number of requests so far.
#[rxd::service]
struct Server {
    port: Port,
    count: PathBuf,
    listener: Option<TcpListener>,
}

impl Runner for Server {
    async fn init(&mut self, _cx: &Context) -> rxd::Result {
        let taken = self.port.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.listener = taken.or(self.listener.take());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let Some(listener) = &self.listener else { return Err("the port is gone".into()) };
        tracing::info!("serving on http://{}", listener.local_addr()?);
        loop {
            match cx.or_cancelled(listener.accept()).await? {
                Ok((stream, _)) => {
                    let times = count(&self.count)?;
                    // A client that sends nothing must not delay the stop.
                    cx.spawn_contained("answer", cx.token().run_until_cancelled_owned(answer(stream, times)));
                }
                // Too many files are open, or the client has left: accept the next one.
                Err(error) => {
                    tracing::warn!("failed to accept a connection: {error}");
                    cx.sleep(Duration::from_millis(100)).await?;
                }
            }
        }
    }
}

/// Increments the number in the file, and returns it.
fn count(file: &Path) -> rxd::Result<u64> {
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let times = before.trim().parse::<u64>().unwrap_or(0) + 1;
    std::fs::write(file, times.to_string())?;
    Ok(times)
}

async fn answer(mut stream: TcpStream, times: u64) {
    let body = format!("{times} requests\n");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let answered = async {
        let _ = stream.read(&mut [0; 1024]).await?;
        stream.write_all((head + &body).as_bytes()).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(Duration::from_secs(5), answered).await, Ok(Ok(()))) {
        tracing::debug!("a client disconnected");
    }
}

#[rxd::daemon]
struct Prestart {
    server: Server,
}

/// A server that starts when a directory, a port and another server are available.
#[derive(Parser)]
struct Args {
    /// The directory of the count. It is created if it does not exist.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("rxd-prestart"))]
    dir: PathBuf,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1:8070")]
    listen: SocketAddr,
    /// The server that must be reachable first.
    #[arg(long, default_value = "127.0.0.1:8071")]
    upstream: SocketAddr,
    /// How long to wait before trying the upstream again.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    retry: Duration,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { dir, listen, upstream, retry } = Args::parse();
    examples::log_to_stderr();
    let port = Port::default();
    let server = Server { port: port.clone(), count: dir.join("count"), listener: None };

    let directory = Stage::new("directory", move || {
        let dir = dir.clone();
        async move { Ok(tokio::fs::create_dir_all(dir).await?) }
    });
    let listener = Stage::new("port", move || {
        let port = port.clone();
        async move {
            let listener = TcpListener::bind(listen).await?;
            *port.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
            Ok(())
        }
    });
    let upstream = Stage::new("upstream", move || async move {
        TcpStream::connect(upstream).await?;
        Ok(())
    });

    Prestart { server }
        .into_daemon()
        .prestart(directory)
        .prestart(listener)
        .prestart(upstream.timeout(Duration::from_secs(5)).retry(retry))
        .run()
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State::{Init, Run};
    use rxd::testing::Harness;

    #[tokio::test(start_paused = true)]
    async fn server_without_the_port_of_its_stage_restarts() {
        let server = Server { port: Port::default(), count: PathBuf::new(), listener: None };
        let test = Harness::new(Prestart { server }.into_daemon()).start().await;
        test.until("server", rxd::State::Stop).await;
        test.until("server", Init).await;
        let ended = test.shutdown().await;
        ended.trace.expect("server").leaves(Run).because(rxd::Cause::Error);
        assert_eq!(ended.report.services()[0].error.as_deref(), Some("the port is gone"));
    }
}
