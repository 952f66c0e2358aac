//! Services on a thread of their own, as the builder and generated code make them.

use crate::daemon::checked::{Checked, Graphed, IntoService};
use crate::daemon::service::{ErasedRunner, OfKind, Service, ServiceConfig, SpawnOn};
use crate::engine::{EngineState, OverriddenMethods, serve};
use crate::graph::declaration::{Declared, DeclaredKind};
use crate::service::context::Context;
use crate::service::runner::Runner;
use crate::service::thread::blocking::BlockingRunner;
use crate::service::thread::local::LocalRunner;
use crate::service::thread::{ThreadEnd, ThreadRunner};
use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;

/// A service on a thread of its own, until its task is spawned; `None` if it is switched off.
struct ThreadService(Option<(ThreadRunner, ThreadEnd)>, OverriddenMethods);

impl ErasedRunner for ThreadService {
    fn is_off(&self) -> bool {
        self.0.is_none()
    }

    fn spawn(&mut self, engine: EngineState, on: SpawnOn<'_>, span: tracing::Span) {
        if let Some((runner, end)) = self.0.take() {
            let engine = serve(Some(runner), engine, self.1);
            let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                engine.await;
                // The value is dropped on its thread: until then the service has not ended.
                end.wait().await;
            });
            on.spawn(task, span);
        }
    }
}

fn local<T: LocalRunner>(config: ServiceConfig, make: Option<impl FnOnce() -> T + Send + 'static>) -> Service {
    config.with(ThreadService(make.map(ThreadRunner::local), OverriddenMethods::of_local::<T>()))
}

fn blocking<T: BlockingRunner>(config: ServiceConfig, value: Option<T>) -> Service {
    config.with(ThreadService(value.map(ThreadRunner::blocking), OverriddenMethods::ALL))
}

/// Stands for type `T` with the key `thread` or `blocking` as a runner, as [`Checked::Runner`]
/// requires one.
#[derive(Debug)]
pub struct OnThread<T>(Infallible, PhantomData<fn() -> T>);

impl<T: 'static> Runner for OnThread<T> {
    async fn run(&mut self, _: &Context) -> crate::Result {
        match self.0 {}
    }
}

#[diagnostic::do_not_recommend]
impl<S: Checked<D, Runner = OnThread<S>>, D: Graphed> IntoService<S, D> for OnThread<S> {
    const SERVICE: fn(Option<S>) -> Service = match S::ON_THREAD {
        Some(service) => service,
        None => unreachable!(),
    };
}

/// Stands for generic type `T` with the key `thread`. See [`OfGenericType`].
///
/// [`OfGenericType`]: super::checked::OfGenericType
#[derive(Debug)]
pub struct OfGenericLocal<T>(OnThread<T>);

impl<T: 'static> Runner for OfGenericLocal<T> {
    async fn run(&mut self, _: &Context) -> crate::Result {
        match self.0.0 {}
    }
}

impl<S: LocalRunner + MovesToThread + Declared, D> IntoService<S, D> for OfGenericLocal<S> {
    const SERVICE: fn(Option<S>) -> Service = local_service::<S>;
}

/// Stands for generic type `T` with the key `blocking`.
#[derive(Debug)]
pub struct OfGenericBlocking<T>(OnThread<T>);

impl<T: 'static> Runner for OfGenericBlocking<T> {
    async fn run(&mut self, _: &Context) -> crate::Result {
        match self.0.0 {}
    }
}

impl<S: BlockingRunner + Declared, D> IntoService<S, D> for OfGenericBlocking<S> {
    const SERVICE: fn(Option<S>) -> Service = blocking_service::<S>;
}

/// The [`Declared::Kind`] of a service with the key `thread`. `G` has the generic types that it
/// watches.
#[derive(Debug)]
pub struct LocalKind<G = ()>(PhantomData<fn() -> G>);

impl<G> DeclaredKind for LocalKind<G> {
    type GenericTargets = G;
    type Configured = ();
}

impl<T: LocalRunner + MovesToThread + Declared, G> OfKind<LocalKind<G>> for T {
    fn into_service(self) -> Service {
        local_service(Some(self))
    }
}

/// The [`Declared::Kind`] of a service with the key `blocking`. `G` has the generic types that it
/// watches.
#[derive(Debug)]
pub struct BlockingKind<G = ()>(PhantomData<fn() -> G>);

impl<G> DeclaredKind for BlockingKind<G> {
    type GenericTargets = G;
    type Configured = ();
}

impl<T: BlockingRunner + Declared, G> OfKind<BlockingKind<G>> for T {
    fn into_service(self) -> Service {
        blocking_service(Some(self))
    }
}

/// What can be moved to a thread of its own. Implemented for everything that is `Send`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be moved to its thread, because it is not `Send`",
    label = "made on another thread than its methods run on",
    note = "make the part that is not `Send` in `init`, or the whole value on its thread, by `rxd::Service::local(name, || ..)` in the builder"
)]
pub trait MovesToThread {
    /// The value, as its thread makes it.
    fn maker(self) -> impl FnOnce() -> Self + Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> MovesToThread for T {
    fn maker(self) -> impl FnOnce() -> Self + Send + 'static {
        move || self
    }
}

/// The declared service of a value with the key `thread`.
pub fn local_service<T: LocalRunner + MovesToThread + Declared>(value: Option<T>) -> Service {
    local(ServiceConfig::declared::<T>(), value.map(T::maker))
}

/// The declared service of a value with the key `blocking`.
pub fn blocking_service<T: BlockingRunner + Declared>(value: Option<T>) -> Service {
    blocking(ServiceConfig::declared::<T>(), value)
}

impl Service {
    /// A continuous service of this name, without watches, on a thread of its own. `make` makes its
    /// value there, so neither that nor the futures of its methods need be `Send`.
    ///
    /// `make` is called once, for the first Init. If it panics, that is a failure of the service, and
    /// so is each Init after that: what can fail belongs into `init`. See [`LocalRunner`] for what
    /// such a service can do.
    ///
    /// ```
    /// use rxd::{Context, Daemon, LocalRunner, Service};
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// struct Gui {
    ///     clicks: Rc<Cell<u32>>,
    /// }
    ///
    /// impl LocalRunner for Gui {
    ///     async fn run(&mut self, cx: &Context) -> rxd::Result {
    ///         self.clicks.set(self.clicks.get() + 1);
    ///         cx.cancelled().await;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// let gui = Service::local("gui", || Gui { clicks: Rc::default() });
    /// let handle = Daemon::new("desk").add(gui).start().await?;
    /// handle.wait_for("gui", rxd::State::Run).await?;
    /// # handle.shutdown();
    /// # handle.wait().await.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn local<T: LocalRunner>(
        name: impl Into<Cow<'static, str>>,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Service {
        local(ServiceConfig::new(name.into()), Some(make))
    }

    /// A continuous service of this name, without watches, that blocks a thread of its own. See
    /// [`BlockingRunner`].
    ///
    /// ```
    /// use rxd::{BlockingContext, BlockingRunner, Daemon, Service};
    /// use std::time::Duration;
    ///
    /// struct Poller;
    ///
    /// impl BlockingRunner for Poller {
    ///     fn run(&mut self, cx: &BlockingContext) -> rxd::Result {
    ///         loop {
    ///             std::fs::metadata("/")?;
    ///             cx.sleep(Duration::from_secs(1))?; // ends early when cancelled
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// let handle = Daemon::new("agent").add(Service::blocking("poller", Poller)).start().await?;
    /// handle.wait_for("poller", rxd::State::Run).await?;
    /// # handle.shutdown();
    /// # handle.wait().await.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn blocking(name: impl Into<Cow<'static, str>>, value: impl BlockingRunner) -> Service {
        blocking(ServiceConfig::new(name.into()), Some(value))
    }
}
