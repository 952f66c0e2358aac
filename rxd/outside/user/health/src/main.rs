//! The health check of the guide over a redis, word for word, with the parts that the guide leaves
//! out.

use rxd::{Context, Runner};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone)]
struct Pool {
    addr: SocketAddr,
}

impl Pool {
    /// A naive client: it waits for its answer for ever.
    async fn ping(&self) -> rxd::Result {
        let mut stream = TcpStream::connect(self.addr).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        if &answer != b"+PONG\r\n" {
            return Err("the database did not answer PONG".into());
        }
        Ok(())
    }
}

include!("block.rs");

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        println!("api enters Run");
        cx.cancelled().await;
        println!("api leaves Run");
        Ok(())
    }
}

#[rxd::daemon]
struct Agent {
    health: DbHealth,
    api: Api,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    let addr = std::env::var("REDIS")?.parse()?;
    Agent { health: DbHealth { pool: Pool { addr } }, api: Api }.run().await?;
    Ok(())
}
