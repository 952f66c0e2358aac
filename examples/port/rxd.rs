//! A gateway to a line-based backend, with rxd. `tokio.rs` beside it is the same program without.
#![allow(clippy::print_stdout, reason = "the lines are the program's output")]

use rxd::intracom::{Group, Request, StaticTopic, Subscription};
use rxd::{Context, Runner};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(2);
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

type Backend = Lines<BufReader<TcpStream>>;
type Get = Request<String, String>;

static GETS: StaticTopic<Get> = StaticTopic::new("gets");

/// Owns the connection, and is in Run while it holds.
#[rxd::service(backoff(base = "50ms"), restarts(max = 4, within = "5s"), on_failure = "shutdown")]
#[needs(Journal)]
struct Db {
    addr: String,
    journal: Sender<String>,
    session: Option<(Backend, Subscription<Get>)>,
}

impl Runner for Db {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let backend = cx.or_cancelled(connect(&self.addr)).await??;
        println!("db connected");
        self.journal.send(format!("connected to {}", self.addr)).await?;
        self.session = Some((backend, GETS.subscribe(&cx.intracom(), Group::named("db"))?));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let (mut backend, mut gets) = self.session.take().ok_or("run without init")?;
        let mut pings = cx.every(Duration::from_millis(200));
        loop {
            tokio::select! {
                Some(get) = gets.recv() => {
                    let value = ask(&mut backend, &format!("get {}", get.question())).await?;
                    get.reply(value);
                }
                true = pings.tick() => drop(ask(&mut backend, "ping").await?),
                else => break, // cancelled: the API has ended
            }
        }
        println!("db closed");
        Ok(())
    }
}

async fn connect(addr: &str) -> rxd::Result<Backend> {
    let stream = timeout(LIMIT, TcpStream::connect(addr)).await?;
    let stream = stream.map_err(|error| format!("cannot connect to {addr}: {error}"))?;
    let mut backend = BufReader::new(stream).lines();
    ask(&mut backend, "ping").await?;
    Ok(backend)
}

async fn ask(backend: &mut Backend, question: &str) -> rxd::Result<String> {
    backend.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
    let answer = timeout(LIMIT, backend.next_line()).await??;
    Ok(answer.ok_or("the backend closed the connection")?)
}

/// Its connections are tasks of the service, and end before `stop` is called.
#[rxd::service(restarts(max = 4, within = "5s"), on_failure = "shutdown")]
#[needs(Db)]
struct Api {
    addr: String,
    journal: Sender<String>,
}

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let bound = TcpListener::bind(&self.addr).await;
        let listener = bound.map_err(|error| format!("cannot bind {}: {error}", self.addr))?;
        println!("api listening on {}", listener.local_addr()?);
        while let Ok(accepted) = cx.or_cancelled(listener.accept()).await {
            let connection = serve(accepted?.0, cx.clone(), self.journal.clone());
            cx.spawn_contained("connection", connection);
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        println!("api stopped");
        Ok(())
    }
}

/// Serves a client. At the stop, an open request has as long as the limit.
async fn serve(client: TcpStream, cx: Context, journal: Sender<String>) {
    let drained = async {
        cx.cancelled().await;
        sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        _ = answer(client, &cx, journal) => {}
        () = drained => {}
    }
}

async fn answer(client: TcpStream, cx: &Context, journal: Sender<String>) -> rxd::Result {
    let gets = GETS.open(&cx.intracom())?;
    let mut lines = BufReader::new(client).lines();
    while let Some(line) = cx.or_cancelled(lines.next_line()).await?? {
        let answer = match line.strip_prefix("get ") {
            Some(key) => format!("{key}={}\n", gets.ask(key.to_owned()).await?),
            None => "error: write `get KEY`\n".to_owned(),
        };
        lines.get_mut().write_all(answer.as_bytes()).await?;
        journal.send(line).await?;
    }
    Ok(())
}

#[rxd::service(backoff(base = "50ms"))]
#[needs(Journal)]
async fn sweeper(cx: &Context, sweeps: &mut u64, journal: Sender<String>) -> rxd::Result {
    let mut every = cx.every(Duration::from_millis(100));
    while every.tick().await {
        *sweeps += 1;
        if *sweeps == 3 && std::env::var_os("SWEEPER_PANICS").is_some() {
            panic!("the third sweep");
        }
        journal.send(format!("sweep {sweeps}")).await?;
    }
    println!("sweeper stopped after {sweeps} sweeps");
    Ok(())
}

/// Stops last, since all the others need it.
#[rxd::service]
async fn journal(cx: &Context, lines: &mut Receiver<String>) -> rxd::Result {
    let (mut batch, mut written) = (Vec::new(), 0);
    while let Ok(1..) = cx.or_cancelled(lines.recv_many(&mut batch, 1024)).await {
        written += write(&mut batch);
    }
    batch.extend(std::iter::from_fn(|| lines.try_recv().ok())); // what the others have left
    written += write(&mut batch);
    println!("journal flushed {written}");
    Ok(())
}

fn write(batch: &mut Vec<String>) -> usize {
    print!("{}", batch.iter().map(|line| format!("journal: {line}\n")).collect::<String>());
    batch.drain(..).count()
}

#[rxd::daemon(shutdown_timeout = "10s")]
struct Gateway {
    journal: Journal,
    db: Db,
    api: Api,
    sweeper: Sweeper,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    let args: Vec<String> = std::env::args().collect();
    let [_, addr, backend] = args.try_into().map_err(|_| "usage: gateway ADDR BACKEND")?;
    let (journal, lines) = channel(1024);
    Gateway {
        db: Db { addr: backend, journal: journal.clone(), session: None },
        api: Api { addr, journal: journal.clone() },
        sweeper: Sweeper::new(0, journal),
        journal: Journal::new(lines),
    }
    .run()
    .await?;
    Ok(())
}
