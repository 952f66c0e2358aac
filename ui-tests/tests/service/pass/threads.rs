//! Services on threads of their own, next to others: their attributes declare the same.

use rxd::{BlockingContext, BlockingRunner, Context, LocalRunner};
use std::rc::Rc;

#[rxd::service(thread, restarts(max = 5, within = "1m"))]
#[watch(any, entering, Run, "port")]
struct Gui;

impl LocalRunner for Gui {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let rc = Rc::new(1);
        cx.cancelled().await;
        drop(rc);
        Ok(())
    }
}

#[rxd::service(blocking)]
struct Port;

impl BlockingRunner for Port {
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        while cx.sleep(std::time::Duration::from_secs(1)).is_ok() {}
        Ok(())
    }
}

#[rxd::service(thread)]
#[needs(Gui)]
async fn scripts(cx: &Context) -> rxd::Result {
    let rc = Rc::new(1);
    cx.cancelled().await;
    drop(rc);
    Ok(())
}

#[rxd::daemon]
struct D {
    gui: Gui,
    port: Port,
    scripts: Scripts,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> rxd::Result {
    let handle = D { gui: Gui, port: Port, scripts: Scripts }.start().await?;
    handle.wait_for("scripts", rxd::State::Run).await?;
    handle.shutdown();
    handle.wait().await.into_result()?;
    Ok(())
}
