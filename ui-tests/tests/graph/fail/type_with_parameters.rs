//! A generic type with other parameters than the field has.
use rxd::{Context, Runner};

#[rxd::service]
struct Pool<T: Send + 'static>(T);

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service]
#[needs(Pool<u8>)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    pool: Pool<u16>,
    api: Api,
}

fn main() {
    let _ = D::GRAPH;
}
