//! Services whose methods block, on a thread of their own.

use super::{Call, Calls, ThreadEnd, ThreadKind, ThreadMethod, ThreadRunner, ThreadRuntime, ThreadScope};
use crate::error::Result;
use crate::in_span::in_span;
use crate::service::thread::blocking_context::BlockingContext;

/// The methods of a service that blocks, on a thread of its own. Only [`run`](BlockingRunner::run)
/// must be written.
///
/// For clients without async: a database driver, a serial port, a device that is polled. Declare it
/// with `#[rxd::service(blocking)]`, or call [`Service::blocking`](crate::Service::blocking).
///
/// * The thread has the service's name. It is started for Init, and kept for all incarnations: they
///   share the value, as those of a [`Runner`](crate::Runner) do. The value is dropped on it.
/// * Nothing can end a method from outside. Let it wait by [`BlockingContext::sleep`], look at
///   [`is_cancelled`](BlockingContext::is_cancelled) in each loop, and give the client a limit that is
///   shorter than that of Stop.
/// * A method that has not returned at its limit has failed. The service stays where it is until the
///   method returns, since two incarnations never overlap. At the deadline of the shutdown it is
///   abandoned, the report says that it blocks, and the process can end.
/// * It delays no other service, whatever it does.
/// * In a test with paused time, the thread's clock continues. To test what depends on the time, put a
///   [fake](https://docs.rs/rxd/latest/rxd/docs/testing/index.html) in place of such a service.
///
/// ```
/// use rxd::{BlockingContext, BlockingRunner};
/// use std::time::Duration;
///
/// # struct Port;
/// # impl Port {
/// #     fn open() -> std::io::Result<Port> { Ok(Port) }
/// #     fn read(&mut self, _: Duration) -> std::io::Result<Vec<u8>> { Ok(Vec::new()) }
/// # }
/// #[rxd::service(blocking)]
/// struct Sensor {
///     port: Option<Port>,
/// }
///
/// impl BlockingRunner for Sensor {
///     fn init(&mut self, _cx: &BlockingContext) -> rxd::Result {
///         self.port = Some(Port::open()?);
///         Ok(())
///     }
///
///     fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
///         let port = self.port.as_mut().ok_or("run without init")?;
///         while !cx.is_cancelled() {
///             println!("{:?}", port.read(Duration::from_secs(1))?);
///             cx.sleep(Duration::from_secs(5))?;
///         }
///         Ok(())
///     }
/// }
///
/// #[rxd::daemon]
/// struct App {
///     sensor: Sensor,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// # let handle = App { sensor: Sensor { port: None } }.start().await?;
/// # handle.wait_for("sensor", rxd::State::Run).await?;
/// # handle.shutdown();
/// # handle.wait().await.into_result()?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// A panic in a method, or in the drop of the value, is a failure of this service, as for a
/// [`Runner`](crate::Runner).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a service that blocks, but has no methods for it",
    label = "`BlockingRunner` is not implemented for it",
    note = "write `impl rxd::BlockingRunner for {Self} {{ fn run(&mut self, cx: &rxd::BlockingContext) -> rxd::Result {{ .. }} }}`",
    note = "an `impl rxd::Runner` is for a service without the key `blocking`"
)]
pub trait BlockingRunner: Send + 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &BlockingContext) -> Result {
        let _ = cx;
        Ok(())
    }

    /// Prepares to run. After it has returned, the service waits for its gates. Default: nothing.
    fn idle(&mut self, cx: &BlockingContext) -> Result {
        let _ = cx;
        Ok(())
    }

    /// Does the work. When it returns, the service leaves [`State::Run`](crate::State::Run).
    fn run(&mut self, cx: &BlockingContext) -> Result;

    /// Releases what `init` acquired. See [`Runner::stop`](crate::Runner::stop). Default: nothing.
    fn stop(&mut self, cx: &BlockingContext) -> Result {
        let _ = cx;
        Ok(())
    }

    /// Applies a new configuration. See [`Runner::reload`](crate::Runner::reload). Default: nothing.
    ///
    /// Whether it is written can only be found out by a call. So the first reload takes also a
    /// service without it out of `run`, and calls that again. SIGHUP skips it after that.
    fn reload(&mut self, cx: &BlockingContext) -> Result {
        cx.note_default_reload();
        Ok(())
    }
}

impl ThreadRunner {
    /// Of a service that blocks.
    pub(crate) fn blocking<T: BlockingRunner>(value: T) -> (Self, ThreadEnd) {
        ThreadRunner::new(
            ThreadKind::Blocking,
            Box::new(move |scope, runtime, calls| serve(&scope, &runtime, calls, value)),
        )
    }
}

/// The thread of a service.
fn serve<T: BlockingRunner>(scope: &ThreadScope, runtime: &ThreadRuntime, mut calls: Calls, mut service: T) {
    let ThreadRuntime::OfDaemon(runtime) = runtime else { unreachable!("it is chosen for this kind") };
    let _current = runtime.enter();
    in_span(scope.span.clone(), || {
        while let Some(Call { method, cx, reply, counted }) = calls.blocking_recv() {
            let cx = BlockingContext::new(cx);
            let answer = scope.guarded(|| match method {
                ThreadMethod::Init => service.init(&cx),
                ThreadMethod::Idle => service.idle(&cx),
                ThreadMethod::Run => service.run(&cx),
                ThreadMethod::Stop => service.stop(&cx),
                ThreadMethod::Reload => service.reload(&cx),
            });
            if cx.has_default_reload() {
                scope.core.cannot_reload(scope.id);
            }
            drop(cx);
            scope.answer(reply, counted, answer);
        }
        scope.drop_on_thread(service);
    });
}
