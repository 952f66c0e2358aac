//! A gateway to a line-based backend, with tokio alone. `rxd.rs` beside it is the same program.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "they are the program's output")]

use anyhow::{Context, Result, bail};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(2);
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
const RESTART_DELAY: Duration = Duration::from_millis(50);

type Backend = Lines<BufReader<TcpStream>>;

struct Get {
    key: String,
    reply: oneshot::Sender<String>,
}

/// What each part has.
#[derive(Clone)]
struct Shared {
    stop: CancellationToken,
    journal: Sender<String>,
}

/// Opens a session, and another one when it has broken. Gives up after five failures in a row.
async fn run_db(backend: &str, addr: &str, shared: Shared) -> Result<()> {
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let Err(error) = session(backend, addr, &shared).await else { return Ok(()) };
        failures = if started.elapsed() > Duration::from_secs(5) { 1 } else { failures + 1 };
        if failures == 5 {
            return Err(error.context("the db failed five times in a row"));
        }
        let delay = RESTART_DELAY * 2_u32.pow(failures - 1);
        eprintln!("db failed: {error:#}; trying again in {delay:?}");
        if shared.stop.run_until_cancelled(sleep(delay)).await.is_none() {
            return Ok(());
        }
    }
}

/// Connects, and serves the API while the connection holds. Returns `Ok` at the stop.
async fn session(backend: &str, addr: &str, shared: &Shared) -> Result<()> {
    let connecting = shared.stop.run_until_cancelled(connect(backend));
    let Some(connection) = connecting.await.transpose()? else { return Ok(()) };
    println!("db connected");
    shared.journal.send(format!("connected to {backend}")).await?;
    let listener = TcpListener::bind(addr).await.with_context(|| format!("cannot bind {addr}"))?;
    let (sender, gets) = channel(64);
    let stop = shared.stop.child_token();
    let api = Shared { stop: stop.clone(), journal: shared.journal.clone() };
    let api = tokio::spawn(run_api(listener, sender, api));
    let served = serve_gets(connection, gets).await;
    stop.cancel();
    api.await??;
    served?;
    println!("db closed");
    Ok(())
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

async fn run_api(listener: TcpListener, gets: Sender<Get>, shared: Shared) -> Result<()> {
    println!("api listening on {}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(serve(accepted?.0, gets.clone(), shared.clone()));
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    eprintln!("a connection failed: {error}");
                }
            }
            () = shared.stop.cancelled() => break,
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

async fn serve(client: TcpStream, gets: Sender<Get>, shared: Shared) -> Result<()> {
    let mut lines = BufReader::new(client).lines();
    while let Some(read) = shared.stop.run_until_cancelled(lines.next_line()).await {
        let Some(line) = read? else { break };
        let answer = match line.strip_prefix("get ") {
            Some(key) => format!("{key}={}\n", get(&gets, key).await?),
            None => "error: write `get KEY`\n".to_owned(),
        };
        lines.get_mut().write_all(answer.as_bytes()).await?;
        shared.journal.send(line).await?;
    }
    Ok(())
}

async fn get(gets: &Sender<Get>, key: &str) -> Result<String> {
    let (reply, answer) = oneshot::channel();
    gets.send(Get { key: key.to_owned(), reply }).await?;
    Ok(answer.await?)
}

/// Runs the sweeper, and again when it has panicked.
async fn run_sweeper(shared: Shared) {
    let sweeps = Arc::new(AtomicU64::new(0));
    while let Err(error) = tokio::spawn(sweep(sweeps.clone(), shared.clone())).await {
        eprintln!("sweeper failed: {error}");
        sleep(RESTART_DELAY).await;
    }
    println!("sweeper stopped after {} sweeps", sweeps.load(Ordering::Relaxed));
}

async fn sweep(sweeps: Arc<AtomicU64>, shared: Shared) -> Result<()> {
    let mut every = interval(Duration::from_millis(100));
    while shared.stop.run_until_cancelled(every.tick()).await.is_some() {
        let sweep = sweeps.fetch_add(1, Ordering::Relaxed) + 1;
        if sweep == 3 && std::env::var_os("SWEEPER_PANICS").is_some() {
            panic!("the third sweep");
        }
        shared.journal.send(format!("sweep {sweep}")).await?;
    }
    Ok(())
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
    let args: Vec<String> = std::env::args().collect();
    let [_, addr, backend] = args.as_slice() else { bail!("usage: gateway ADDR BACKEND") };
    let stop_signal = stop_signal()?;
    let (journal, lines) = channel(1024);
    let shared = Shared { stop: CancellationToken::new(), journal };
    let writer = tokio::spawn(run_journal(lines));
    let sweeper = tokio::spawn(run_sweeper(shared.clone()));
    let stop = shared.stop.clone();
    let mut db = pin!(run_db(backend, addr, shared));
    let result = tokio::select! {
        result = &mut db => result,
        () = stop_signal => {
            stop.cancel();
            db.await
        }
    };
    stop.cancel();
    sweeper.await?;
    writer.await?;
    result
}
