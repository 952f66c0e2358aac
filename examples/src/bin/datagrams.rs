//! Datagrams to files: one service receives them, another writes them, and a file that has grown
//! large is put aside for the next one.
//!
//! What to watch for: nothing that was received is lost when the daemon stops.
//!
//! * The receiver binds its port in `init`, so it is in Run only once it can receive. It publishes
//!   each datagram on a topic.
//! * The writer has a thread of its own, since files block. It is before the receiver in the graph,
//!   so it stops after it: it closes the file once the topic is empty.
//! * The group between the two holds 1,024 datagrams. If the disk is slower than the network, the
//!   receiver waits for it, and the system drops what does not fit into the socket's buffer.
//!
//! ```text
//! cargo run -p examples --bin datagrams -- --dir /tmp/datagrams --max-bytes 2000
//! for i in $(seq 1000); do echo "reading $i" > /dev/udp/127.0.0.1/8125; done    # in bash
//! ls /tmp/datagrams
//! ```

use clap::Parser;
use rxd::intracom::{Group, StaticTopic, Subscription};
use rxd::{BlockingContext, BlockingRunner, Context, Runner};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tokio::net::UdpSocket;

static LINES: StaticTopic<String> = StaticTopic::new("lines");

/// Receives datagrams, and publishes each as a line.
#[rxd::service]
#[needs(Writer)]
struct Receiver {
    addr: String,
    socket: Option<UdpSocket>,
}

impl Runner for Receiver {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        let socket = UdpSocket::bind(&self.addr).await;
        let socket = socket.map_err(|error| format!("failed to bind {}: {error}", self.addr))?;
        tracing::info!("receiving on {}", socket.local_addr()?);
        self.socket = Some(socket);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let socket = self.socket.as_ref().ok_or("run without init")?;
        let lines = LINES.open(&cx.intracom())?;
        let (mut buffer, mut count) = (vec![0; 64 * 1024], 0);
        while let Ok(received) = cx.or_cancelled(socket.recv(&mut buffer)).await {
            let text = String::from_utf8_lossy(&buffer[..received?]);
            for line in text.lines() {
                // Not `or_cancelled`: what was received is to be written.
                lines.publish(line.to_owned()).await?;
                count += 1;
            }
            cx.status(format!("{count} lines"));
        }
        tracing::info!(count, "received lines");
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.socket = None;
        Ok(())
    }
}

/// Writes the lines, on a thread of its own.
#[rxd::service(blocking)]
struct Writer {
    dir: PathBuf,
    max_bytes: u64,
    lines: Option<Subscription<String>>,
}

impl BlockingRunner for Writer {
    /// Subscribes here and not in `run`: who needs this service can rely on the subscription.
    fn init(&mut self, cx: &BlockingContext) -> rxd::Result {
        fs::create_dir_all(&self.dir)?;
        let group = Group::named("writer").capacity(1024);
        // By the daemon's topics, not by the context's: it goes on receiving when it is to stop.
        self.lines = Some(LINES.subscribe(&cx.context().daemon().intracom(), group)?);
        Ok(())
    }

    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        let lines = self.lines.as_mut().ok_or("run without init")?;
        let mut file = RollingFile::open(&self.dir, self.max_bytes)?;
        let mut count = 0_u64;
        loop {
            let next = match lines.try_recv() {
                Ok(line) => Some(line),
                // Nothing is left for now: what is there should be on the disk.
                Err(_) => {
                    file.flush()?;
                    if cx.is_cancelled() {
                        break;
                    }
                    cx.or_cancelled(lines.recv()).unwrap_or(None)
                }
            };
            if let Some(line) = next {
                file.write_line(&line)?;
                count += 1;
            }
        }
        tracing::info!(count, "wrote lines");
        Ok(())
    }

    fn stop(&mut self, _: &BlockingContext) -> rxd::Result {
        self.lines = None;
        Ok(())
    }
}

/// A file that is put aside once it is large: `lines.log` becomes `lines-3.log`.
struct RollingFile {
    dir: PathBuf,
    max_bytes: u64,
    file: BufWriter<File>,
    bytes: u64,
    /// How many were put aside.
    aside: u32,
}

impl RollingFile {
    fn open(dir: &Path, max_bytes: u64) -> std::io::Result<Self> {
        let path = dir.join("lines.log");
        let file = File::options().append(true).create(true).open(&path)?;
        let bytes = file.metadata()?.len();
        let aside = (1..).find(|i| !dir.join(format!("lines-{i}.log")).exists()).unwrap_or(1) - 1;
        Ok(RollingFile { dir: dir.to_owned(), max_bytes, file: BufWriter::new(file), bytes, aside })
    }

    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        let length = line.len() as u64 + 1;
        if self.bytes > 0 && self.bytes + length > self.max_bytes {
            self.flush()?;
            let aside = self.dir.join(format!("lines-{}.log", self.aside + 1));
            fs::rename(self.dir.join("lines.log"), aside)?;
            *self = RollingFile::open(&self.dir, self.max_bytes)?;
        }
        self.bytes += length;
        writeln!(self.file, "{line}")
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[rxd::daemon(name = "datagrams", admin = "127.0.0.1:1339")]
struct Datagrams {
    receiver: Receiver,
    writer: Writer,
}

/// Receives lines by UDP, and writes them to files.
#[derive(Parser)]
struct Args {
    /// Where to receive.
    #[arg(long, default_value = "127.0.0.1:8125")]
    addr: String,
    /// Where the files are.
    #[arg(long, default_value = "datagrams")]
    dir: PathBuf,
    /// How large a file may become.
    #[arg(long, default_value_t = 1024 * 1024)]
    max_bytes: u64,
    /// Where the page and the API for operators are.
    #[arg(long, default_value = "127.0.0.1:1339")]
    admin: String,
}

impl Args {
    fn daemon(self) -> rxd::Daemon {
        let receiver = Receiver { addr: self.addr, socket: None };
        let writer = Writer { dir: self.dir, max_bytes: self.max_bytes, lines: None };
        Datagrams { receiver, writer }.into_daemon().admin(self.admin)
    }
}

#[tokio::main]
async fn main() -> rxd::Result {
    let args = Args::parse();
    examples::log_to_stderr();
    args.daemon().run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State;
    use rxd::testing::{Behavior, FakeService, Harness};

    /// A fake takes the receiver's place. The writer is real, and writes all that it published.
    #[tokio::test(start_paused = true)]
    async fn writer_that_stops_writes_what_is_left_and_rolls() {
        let dir = std::env::temp_dir().join(format!("rxd-datagrams-{}", std::process::id()));
        let writer = Writer { dir: dir.clone(), max_bytes: 30, lines: None };
        let publishes = Behavior::call(|cx: Context| async move {
            let lines = LINES.open(&cx.intracom())?;
            for i in 0..10 {
                lines.publish(format!("line {i}")).await?;
            }
            cx.daemon().shutdown();
            cx.cancelled().await;
            Ok(())
        });
        let receiver = FakeService::new().on(State::Run, [publishes]);
        let daemon = Datagrams { receiver: Receiver { addr: String::new(), socket: None }, writer }.into_daemon();
        let ended = Harness::new(daemon).fake("receiver", receiver).start().await.wait().await;
        assert!(ended.report.is_ok(), "{}", ended.report);
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let all = ["lines-1.log", "lines-2.log", "lines.log"].map(read);
        assert_eq!(all[0], "line 0\nline 1\nline 2\nline 3\n");
        assert_eq!(all.concat().lines().count(), 10);
        fs::remove_dir_all(dir).unwrap();
    }
}
