//! An alias hides the parameters of a generic type.
use rxd::{Context, Runner};

#[rxd::service]
struct Pool<T: Send + 'static>(T);

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

type BytePool = Pool<u8>;

#[rxd::service]
#[needs(BytePool)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    pool: Pool<u8>,
    api: Api,
}

fn main() {
    let _ = D::GRAPH;
}
