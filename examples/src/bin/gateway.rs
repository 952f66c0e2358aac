//! An HTTP gateway over redis: one service holds the connection, another serves the API.
//!
//! What to watch for: redis may hang, be killed, and come back, and the gateway needs no restart.
//!
//! * `redis` connects in `init`, and provides its connection. In Run it sends a ping each second. A
//!   ping that is not answered within a second ends Run: the connection is made anew after the
//!   back-off.
//! * `api` needs `redis`, and gets the connection from it. It binds its port only once redis answers
//!   (`then(init)`), and closes it when redis does not, so a load balancer sends its requests
//!   elsewhere.
//! * On SIGTERM requests in progress are answered, and nobody else is accepted.
//!
//! ```text
//! redis-server --port 6379 &
//! cargo run -p examples --bin gateway
//! curl -X PUT -d hello localhost:8080/greeting && curl localhost:8080/greeting
//! kill -STOP %1; curl localhost:8080/greeting; kill -CONT %1
//! ```
//!
//! <http://127.0.0.1:1338/> shows both services while that happens.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use clap::Parser;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use rxd::http::Server;
use rxd::{Context, Runner};
use std::time::Duration;

/// How long redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for redis, within its limit.
async fn answered<T>(what: impl Future<Output = redis::RedisResult<T>>) -> rxd::Result<T> {
    match tokio::time::timeout(PATIENCE, what).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(format!("redis did not answer within {PATIENCE:?}").into()),
    }
}

/// The connection to redis, in Run while redis answers.
#[rxd::service(provides(MultiplexedConnection), backoff(base = "200ms", max = "2s"))]
struct Redis {
    url: String,
    connection: Option<MultiplexedConnection>,
}

impl Runner for Redis {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        let client = redis::Client::open(&*self.url)?;
        let connection = cx.or_cancelled(answered(client.get_multiplexed_async_connection())).await??;
        self.connection = Some(connection.clone());
        cx.provide::<Self>(connection);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let connection = self.connection.as_mut().ok_or("run without init")?;
        let mut every = cx.every(Duration::from_secs(1));
        while every.tick().await {
            cx.or_cancelled(answered(connection.ping::<String>())).await??;
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> rxd::Result {
        self.connection = None;
        Ok(())
    }
}

/// The HTTP API.
#[rxd::service(delegate)]
#[needs(Redis, value(redis))]
#[watch(any, entering, Run, Redis, then(init))]
struct Api(Server);

impl Api {
    fn new(addr: String) -> Self {
        Api(Server::with(|cx| Ok(routes(Api::redis(cx)?))).listen(addr))
    }
}

fn routes(redis: MultiplexedConnection) -> Router {
    Router::new().route("/{key}", get(read).put(write)).route("/{key}/later", get(read_later)).with_state(redis)
}

async fn read(State(mut redis): State<MultiplexedConnection>, Path(key): Path<String>) -> Result<String, Failure> {
    answered(redis.get::<_, Option<String>>(key)).await?.ok_or(Failure(StatusCode::NOT_FOUND, String::new()))
}

/// A slow request.
async fn read_later(redis: State<MultiplexedConnection>, key: Path<String>) -> Result<String, Failure> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    read(redis, key).await
}

async fn write(
    State(mut redis): State<MultiplexedConnection>,
    Path(key): Path<String>,
    value: String,
) -> Result<StatusCode, Failure> {
    answered(redis.set::<_, _, ()>(key, value)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a request has no answer.
struct Failure(StatusCode, String);

impl From<rxd::AnyError> for Failure {
    fn from(error: rxd::AnyError) -> Self {
        Failure(StatusCode::BAD_GATEWAY, format!("{error:#}\n"))
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        (self.0, self.1).into_response()
    }
}

#[rxd::daemon(name = "gateway")]
struct Gateway {
    redis: Redis,
    api: Api,
}

/// An HTTP API over redis.
#[derive(Parser)]
struct Args {
    /// Where to serve.
    #[arg(long, default_value = "127.0.0.1:8080")]
    addr: String,
    /// Where redis is.
    #[arg(long, default_value = "redis://127.0.0.1:6379/")]
    redis: String,
    /// Where the page and the API for operators are.
    #[arg(long, default_value = "127.0.0.1:1338")]
    admin: String,
}

#[tokio::main]
async fn main() -> rxd::Result {
    let Args { addr, redis, admin } = Args::parse();
    examples::log_to_stderr();
    let gateway = Gateway { redis: Redis { url: redis, connection: None }, api: Api::new(addr) };
    gateway.into_daemon().admin(admin).run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxd::State;
    use rxd::testing::{Behavior, FakeService, Harness};

    /// Without redis there is no API, and both come by themselves.
    #[tokio::test(start_paused = true)]
    async fn api_is_in_run_only_while_redis_is() {
        let gateway = Gateway { redis: Redis { url: String::new(), connection: None }, api: Api::new(String::new()) };
        let redis = FakeService::new().on(State::Run, [Behavior::Fail.after(PATIENCE), Behavior::UntilCancelled]);
        let running =
            Harness::new(gateway.into_daemon()).fake("redis", redis).fake("api", FakeService::new()).start().await;
        running.until("api", State::Run).await;
        running.until("api", State::Idle).await;
        running.until("api", State::Run).await;
        let ended = running.shutdown().await;
        assert!(ended.report.is_ok());
        assert_eq!(ended.trace.states_of("redis").matches("init+").count(), 2);
    }
}
