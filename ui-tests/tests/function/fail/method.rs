//! A method.

use rxd::Context;

struct Sweeper;

impl Sweeper {
    #[rxd::service]
    async fn sweep(&self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

fn main() {
    let _ = Sweeper;
}
