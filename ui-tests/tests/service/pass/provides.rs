//! Provided values: of a generic service, of a function, by an alias, to a function.

use rxd::{Context, Runner};
use std::sync::Arc;

#[rxd::service(name = "db", provides(Arc<Vec<T>>))]
struct Db<T: Send + Sync + 'static>(T);

impl<T: Clone + Send + Sync + 'static> Runner for Db<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.provide::<Self>(Arc::new(vec![self.0.clone()]));
        cx.cancelled().await;
        Ok(())
    }
}

type Bytes = Db<u8>;

#[rxd::service(provides((u8, &'static str)))]
async fn pair(cx: &Context) -> rxd::Result {
    cx.provide::<Pair>((1, "one"));
    cx.cancelled().await;
    Ok(())
}

#[rxd::service]
#[needs(Db<u8>, value(bytes))]
#[needs(Pair, value(pair_of), within = "1m")]
async fn api(cx: &Context) -> rxd::Result {
    let bytes: Arc<Vec<u8>> = Api::bytes(cx)?;
    let (number, _) = Api::pair_of(cx)?;
    assert_eq!(*bytes, [number]);
    cx.daemon().shutdown();
    Ok(())
}

#[rxd::daemon]
struct App {
    bytes: Bytes,
    pair: Pair,
    api: Api,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    App { bytes: Db(1), pair: Pair, api: Api }.run().await.unwrap();
}
