//! The gateway of `examples/port`, with task-supervisor.

use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use task_supervisor::{CancellationToken, SupervisedTask, SupervisorBuilder, TaskResult};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

const LIMIT: Duration = Duration::from_secs(2);
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

type Backend = Lines<BufReader<TcpStream>>;

struct Get {
    key: String,
    reply: oneshot::Sender<String>,
}

/// Connects, and serves the API while the connection holds. The supervisor runs it again when that
/// has broken.
#[derive(Clone)]
struct Db {
    backend: String,
    addr: String,
    journal: Sender<String>,
}

impl SupervisedTask for Db {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        // The supervisor logs the text of an error, and not its causes.
        self.session(cancel).await.map_err(|error| format!("{error:#}").into())
    }
}

impl Db {
    async fn session(self, stop: CancellationToken) -> Result<()> {
        let connecting = stop.run_until_cancelled(connect(&self.backend));
        let Some(connection) = connecting.await.transpose()? else { return Ok(()) };
        println!("db connected");
        self.journal.send(format!("connected to {}", self.backend)).await?;
        let bound = TcpListener::bind(&self.addr).await;
        let listener = bound.with_context(|| format!("cannot bind {}", self.addr))?;
        let (sender, gets) = channel(64);
        let api_stop = stop.child_token();
        let api = tokio::spawn(run_api(listener, sender, api_stop.clone(), self.journal));
        let served = serve_gets(connection, gets).await;
        api_stop.cancel();
        api.await??;
        served?;
        println!("db closed");
        Ok(())
    }
}

async fn connect(addr: &str) -> Result<Backend> {
    let stream = timeout(LIMIT, TcpStream::connect(addr)).await?;
    let stream = stream.with_context(|| format!("cannot connect to {addr}"))?;
    let mut backend = BufReader::new(stream).lines();
    ask(&mut backend, "ping").await?;
    Ok(backend)
}

async fn ask(backend: &mut Backend, question: &str) -> Result<String> {
    backend.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
    let answer = timeout(LIMIT, backend.next_line()).await??;
    answer.context("the backend closed the connection")
}

/// Answers until the last sender is gone: until the API and its connections have ended.
async fn serve_gets(mut backend: Backend, mut gets: Receiver<Get>) -> Result<()> {
    let mut pings = interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            get = gets.recv() => {
                let Some(get) = get else { return Ok(()) };
                let value = ask(&mut backend, &format!("get {}", get.key)).await?;
                let _ = get.reply.send(value); // the client may have gone
            }
            _ = pings.tick() => drop(ask(&mut backend, "ping").await?),
        }
    }
}

async fn run_api(
    listener: TcpListener,
    gets: Sender<Get>,
    stop: CancellationToken,
    journal: Sender<String>,
) -> Result<()> {
    println!("api listening on {}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(serve(accepted?.0, gets.clone(), stop.clone(), journal.clone()));
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    eprintln!("a connection failed: {error}");
                }
            }
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_LIMIT, drained).await.is_err() {
        connections.shutdown().await;
    }
    println!("api stopped");
    Ok(())
}

async fn serve(
    client: TcpStream,
    gets: Sender<Get>,
    stop: CancellationToken,
    journal: Sender<String>,
) -> Result<()> {
    let mut lines = BufReader::new(client).lines();
    while let Some(read) = stop.run_until_cancelled(lines.next_line()).await {
        let Some(line) = read? else { break };
        let answer = match line.strip_prefix("get ") {
            Some(key) => format!("{key}={}\n", get(&gets, key).await?),
            None => "error: write `get KEY`\n".to_owned(),
        };
        lines.get_mut().write_all(answer.as_bytes()).await?;
        journal.send(line).await?;
    }
    Ok(())
}

async fn get(gets: &Sender<Get>, key: &str) -> Result<String> {
    let (reply, answer) = oneshot::channel();
    gets.send(Get { key: key.to_owned(), reply }).await?;
    Ok(answer.await?)
}

#[derive(Clone)]
struct Sweeper {
    sweeps: Arc<AtomicU64>,
    journal: Sender<String>,
}

impl SupervisedTask for Sweeper {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        let mut every = interval(Duration::from_millis(100));
        while cancel.run_until_cancelled(every.tick()).await.is_some() {
            let sweep = self.sweeps.fetch_add(1, Ordering::Relaxed) + 1;
            if sweep == 3 && std::env::var_os("SWEEPER_PANICS").is_some() {
                panic!("the third sweep");
            }
            self.journal.send(format!("sweep {sweep}")).await?;
        }
        println!("sweeper stopped after {} sweeps", self.sweeps.load(Ordering::Relaxed));
        Ok(())
    }
}

/// Writes lines in batches until the last sender is gone.
async fn run_journal(mut lines: Receiver<String>) {
    let (mut batch, mut written) = (Vec::new(), 0);
    while lines.recv_many(&mut batch, 1024).await > 0 {
        print!("{}", batch.iter().map(|line| format!("journal: {line}\n")).collect::<String>());
        written += batch.drain(..).count();
    }
    println!("journal flushed {written}");
}

/// Catches SIGINT and SIGTERM from now on. Completes at the first.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
        Ok(async move { _ = ctrl_c.recv().await })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().collect();
    let Ok([_, addr, backend]) = <[String; 3]>::try_from(args) else {
        bail!("usage: gateway ADDR BACKEND")
    };
    let stop_signal = stop_signal()?;
    let (journal, lines) = channel(1024);
    // Not a task of the supervisor, which stops all its tasks at once.
    let writer = tokio::spawn(run_journal(lines));
    let supervisor = SupervisorBuilder::new()
        .with_base_restart_delay(Duration::from_millis(50))
        .with_restart_limit(4, Duration::from_secs(5))
        .with_dead_tasks_threshold(0.0)
        .with_task("db", Db { backend, addr, journal: journal.clone() })
        .with_task("sweeper", Sweeper { sweeps: Arc::default(), journal })
        .spawn();
    let result = tokio::select! {
        result = supervisor.wait() => result,
        () = stop_signal => supervisor.shutdown().await,
    };
    writer.await?;
    Ok(result?)
}
