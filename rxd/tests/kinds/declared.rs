//! `#[rxd::service(thread)]` and `#[rxd::service(blocking)]`: as the builder's, with the keys and
//! watches of any service.

use rxd::{BlockingContext, BlockingRunner, Context, LocalRunner, State};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[rxd::service(thread, name = "gui", timeouts(Stop = "2s"))]
#[needs(Port)]
struct Gui;

impl LocalRunner for Gui {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        assert_eq!(thread::current().name(), Some("gui"));
        let state = Rc::new(RefCell::new(0));
        cx.cancelled().await;
        *state.borrow_mut() += 1;
        Ok(())
    }
}

#[rxd::service(heartbeat = "2s", blocking)]
struct Port;

impl BlockingRunner for Port {
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        assert_eq!(thread::current().name(), Some("port"));
        while cx.sleep(MS).is_ok() {
            cx.heartbeat();
        }
        Ok(())
    }
}

/// A function on a thread of its own. Its future need not be `Send`.
#[rxd::service(thread)]
#[needs("gui")]
async fn scripts(cx: &Context, limit: u32) -> Result<(), std::io::Error> {
    let state = Rc::new(limit);
    cx.cancelled().await;
    assert_eq!(*state, 7);
    Ok(())
}

#[rxd::service(thread)]
struct Generic<T>(PhantomData<T>);

impl<T: Send + 'static> LocalRunner for Generic<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[rxd::service(blocking)]
struct GenericBlocking<T>(PhantomData<T>);

impl<T: Send + 'static> BlockingRunner for GenericBlocking<T> {
    fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
        while cx.sleep(MS).is_ok() {}
        Ok(())
    }
}

#[rxd::daemon(signals(), shutdown_timeout = "5s")]
struct App {
    gui: Gui,
    port: Port,
    scripts: Scripts,
    generic: Generic<u8>,
    generic_blocking: GenericBlocking<u8>,
    #[service(name = "off")]
    off: Option<Gui>,
}

#[tokio::test]
async fn declared_services_on_threads_run_and_stop_in_order() {
    let app = App {
        gui: Gui,
        port: Port,
        scripts: Scripts::new(7),
        generic: Generic(PhantomData),
        generic_blocking: GenericBlocking(PhantomData),
        off: None,
    };
    let handle = app.start().await.unwrap();
    for name in ["gui", "port", "scripts", "generic", "generic-blocking"] {
        handle.wait_for(name, State::Run).await.unwrap();
    }
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");

    // The builder takes them as they are.
    let daemon = rxd::Daemon::new("d").add(Gui).add(rxd::Service::declared(Port)).signals([]);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("gui", State::Run).await.unwrap();
    handle.shutdown();
    let report = handle.wait().await;
    assert!(report.is_ok(), "{report}");
}
