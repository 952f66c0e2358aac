//! The gateway of `examples/port`, with tokio-graceful-shutdown.

use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_graceful_shutdown::{
    ErrorAction, FutureExt, SubsystemBuilder, SubsystemHandle, Toplevel,
};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(2);
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
const RESTART_DELAY: Duration = Duration::from_millis(50);

type Backend = Lines<BufReader<TcpStream>>;

struct Get {
    key: String,
    reply: oneshot::Sender<String>,
}

struct Db {
    backend: String,
    addr: String,
    journal: Sender<String>,
}

impl Db {
    /// Opens a session, and another one when it has broken. Gives up after five failures in a row.
    async fn run(self, subsys: &mut SubsystemHandle) -> Result<()> {
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let Err(error) = self.session(subsys).await else { return Ok(()) };
            failures = if started.elapsed() > Duration::from_secs(5) { 1 } else { failures + 1 };
            if failures == 5 {
                return Err(error.context("the db failed five times in a row"));
            }
            let delay = RESTART_DELAY * 2_u32.pow(failures - 1);
            eprintln!("db failed: {error:#}; trying again in {delay:?}");
            if sleep(delay).cancel_on_shutdown(subsys).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Connects, and serves the API while the connection holds. Returns `Ok` at the stop.
    async fn session(&self, subsys: &SubsystemHandle) -> Result<()> {
        let connecting = connect(&self.backend).cancel_on_shutdown(subsys);
        let Ok(connected) = connecting.await else { return Ok(()) };
        let connection = connected?;
        println!("db connected");
        self.journal.send(format!("connected to {}", self.backend)).await?;
        let bound = TcpListener::bind(&self.addr).await;
        let listener = bound.with_context(|| format!("cannot bind {}", self.addr))?;
        let (sender, gets) = channel(64);
        let journal = self.journal.clone();
        let api = subsys.start(
            SubsystemBuilder::new("Api", async move |subsys: &mut SubsystemHandle| {
                run_api(subsys, listener, sender, journal).await
            })
            .on_failure(ErrorAction::CatchAndLocalShutdown)
            .on_panic(ErrorAction::CatchAndLocalShutdown),
        );
        let served = serve_gets(connection, gets).await;
        api.initiate_shutdown();
        api.join().await?;
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
    subsys: &mut SubsystemHandle,
    listener: TcpListener,
    gets: Sender<Get>,
    journal: Sender<String>,
) -> Result<()> {
    println!("api listening on {}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let stop = subsys.create_cancellation_token();
                connections.spawn(serve(accepted?.0, stop, gets.clone(), journal.clone()));
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    eprintln!("a connection failed: {error}");
                }
            }
            () = subsys.on_shutdown_requested() => break,
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
    stop: CancellationToken,
    gets: Sender<Get>,
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

/// Runs the sweeper, and again when it has failed.
async fn keep_sweeping(subsys: &mut SubsystemHandle, journal: Sender<String>) -> Result<()> {
    let sweeps = Arc::new(AtomicU64::new(0));
    loop {
        let (count, journal) = (sweeps.clone(), journal.clone());
        let sweeper = subsys.start(
            SubsystemBuilder::new("Sweeper", async move |subsys: &mut SubsystemHandle| {
                sweep(subsys, &count, journal).await
            })
            .on_failure(ErrorAction::CatchAndLocalShutdown)
            .on_panic(ErrorAction::CatchAndLocalShutdown),
        );
        let Err(error) = sweeper.join().await else { break };
        eprintln!("sweeper failed: {error:?}");
        sleep(RESTART_DELAY).await;
    }
    println!("sweeper stopped after {} sweeps", sweeps.load(Ordering::Relaxed));
    Ok(())
}

async fn sweep(
    subsys: &SubsystemHandle,
    sweeps: &AtomicU64,
    journal: Sender<String>,
) -> Result<()> {
    let mut every = interval(Duration::from_millis(100));
    while every.tick().cancel_on_shutdown(subsys).await.is_ok() {
        let sweep = sweeps.fetch_add(1, Ordering::Relaxed) + 1;
        if sweep == 3 && std::env::var_os("SWEEPER_PANICS").is_some() {
            panic!("the third sweep");
        }
        journal.send(format!("sweep {sweep}")).await?;
    }
    Ok(())
}

/// Writes lines in batches until the last sender is gone.
async fn run_journal(mut lines: Receiver<String>) -> Result<()> {
    let (mut batch, mut written) = (Vec::new(), 0);
    while lines.recv_many(&mut batch, 1024).await > 0 {
        print!("{}", batch.iter().map(|line| format!("journal: {line}\n")).collect::<String>());
        written += batch.drain(..).count();
    }
    println!("journal flushed {written}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let Ok([_, addr, backend]) = <[String; 3]>::try_from(args) else {
        bail!("usage: gateway ADDR BACKEND")
    };
    let (journal, lines) = channel(1024);
    let db = Db { backend, addr, journal: journal.clone() };
    let result = Toplevel::new(async move |root: &mut SubsystemHandle| {
        root.start(SubsystemBuilder::new("Journal", async |_: &mut SubsystemHandle| {
            run_journal(lines).await
        }));
        root.start(SubsystemBuilder::new("Db", async |subsys: &mut SubsystemHandle| {
            db.run(subsys).await
        }));
        root.start(SubsystemBuilder::new("Sweeper", async |subsys: &mut SubsystemHandle| {
            keep_sweeping(subsys, journal).await
        }));
    })
    .catch_signals()
    .handle_shutdown_requests(Duration::from_secs(10))
    .await;
    if let Err(error) = &result {
        error.get_subsystem_errors().iter().for_each(|error| eprintln!("{error:?}"));
    }
    Ok(result?)
}
