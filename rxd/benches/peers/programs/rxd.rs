use rxd::{Context, Runner};

#[rxd::service]
struct A;

#[rxd::service]
struct B;

#[rxd::service]
#[needs("a", "b")]
struct C;

impl Runner for A {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

impl Runner for B {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

impl Runner for C {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::daemon]
struct Three {
    a: A,
    b: B,
    c: C,
}

#[tokio::main]
async fn main() -> rxd::Result {
    Three { a: A, b: B, c: C }.run().await?;
    Ok(())
}
