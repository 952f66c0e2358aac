//! Services that take a configuration, as the builder and generated code make them, and the setters of
//! the daemon's builder for it.

use super::Daemon;
use crate::daemon::checked::IntoService;
use crate::daemon::config::{ConfigDemand, Configuration, DaemonConfig};
use crate::daemon::service::{ErasedRunner, OfKind, Service, ServiceConfig, SpawnOn};
use crate::engine::{EngineState, OverriddenMethods, serve};
use crate::error::{AnyError, Result};
use crate::graph::declaration::{Declared, DeclaredKind};
use crate::service::configure::{ConfigPart, Configure};
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::borrow::Cow;
use std::convert::Infallible;
use std::marker::PhantomData;

/// A runner that has its service take the value in force: before `init`, and at a reload.
struct ConfiguredRunner<R, P> {
    inner: R,
    /// The generation that it has applied; zero if there is none, or if it has failed to.
    applied: u64,
    /// Whether `init` was called in this incarnation, so that `stop` has to be.
    is_initialised: bool,
    takes: PhantomData<fn(&P)>,
}

impl<R: Configure<P>, P: Send + Sync + 'static> ConfiguredRunner<R, P> {
    /// Applies the value in force.
    async fn apply(&mut self, cx: &Context, only_if_new: bool) -> Result {
        let missing = || AnyError::msg("there is no configuration in force");
        let config = cx.core().extensions.get::<Configuration>().ok_or_else(missing)?;
        let value = config.take(cx.id()).ok_or_else(missing)?;
        if only_if_new && value.number == self.applied {
            return Ok(());
        }
        self.applied = 0;
        self.inner.apply(config.part::<P>(&value).ok_or_else(missing)?, cx).await?;
        self.applied = value.number;
        Ok(())
    }
}

/// Which of these methods are called is decided by those of `R`: see
/// [`OverriddenMethods::of_configured`].
impl<R: Configure<P>, P: Send + Sync + 'static> Runner for ConfiguredRunner<R, P> {
    async fn init(&mut self, cx: &Context) -> Result {
        self.is_initialised = false;
        self.apply(cx, true).await?;
        self.is_initialised = true;
        self.inner.init(cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.inner.idle(cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.inner.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        if self.is_initialised { self.inner.stop(cx).await } else { Ok(()) }
    }

    async fn reload(&mut self, cx: &Context) -> Result {
        self.apply(cx, false).await?;
        self.inner.reload(cx).await
    }
}

/// Such a service, until its task is spawned; `None` if it is switched off.
struct ConfiguredService<R, P>(Option<ConfiguredRunner<R, P>>);

impl<R: Configure<P>, P: Send + Sync + 'static> ErasedRunner for ConfiguredService<R, P> {
    fn is_off(&self) -> bool {
        self.0.is_none()
    }

    fn config_demand(&self) -> Option<ConfigDemand> {
        Some(ConfigDemand::of::<R, P>())
    }

    fn spawn(&mut self, engine: EngineState, on: SpawnOn<'_>, span: tracing::Span) {
        if self.0.is_some() {
            on.spawn(serve(self.0.take(), engine, OverriddenMethods::of_configured::<R>()), span);
        }
    }
}

fn configured<R: Configure<P>, P: Send + Sync + 'static>(config: ServiceConfig, runner: Option<R>) -> Service {
    let runner = runner.map(|inner| ConfiguredRunner { inner, applied: 0, is_initialised: false, takes: PhantomData });
    config.taking_config().with(ConfiguredService(runner))
}

impl Service {
    /// A continuous service of this name that takes a configuration of type `C`: what
    /// [`Daemon::config`] loads, or a [part](Daemon::config_part) of it.
    ///
    /// ```
    /// use rxd::{Configure, Context, Daemon, Runner, Service};
    ///
    /// struct Config {
    ///     greeting: String,
    /// }
    ///
    /// #[derive(Default)]
    /// struct Greeter(String);
    ///
    /// impl Configure<Config> for Greeter {
    ///     async fn apply(&mut self, new: &Config, _: &Context) -> rxd::Result {
    ///         self.0.clone_from(&new.greeting);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl Runner for Greeter {
    ///     async fn run(&mut self, _: &Context) -> rxd::Result {
    ///         println!("{}", self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// let greeter = Service::configured::<Config>("greeter", Greeter::default());
    /// Daemon::new("hello")
    ///     .config(|| -> rxd::Result<Config> { Ok(Config { greeting: "hello".into() }) })
    ///     .add(greeter.manager(rxd::manager::until_success))
    ///     .run()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn configured<C: Send + Sync + 'static>(name: impl Into<Cow<'static, str>>, runner: impl Configure<C>) -> Self {
        configured(ServiceConfig::new(name.into()), Some(runner))
    }
}

impl Daemon {
    /// Has `load` called for the configuration of the services: at the start, and at each reload.
    ///
    /// * The services that take it implement [`Configure`](crate::Configure), which also says what a
    ///   reload does. The others have nothing to do with it.
    /// * At the start `load` is the first prestart stage, `config`. Its error, and a service that
    ///   refuses the value, fail the start ([`Error::is_prestart`](crate::Error::is_prestart)).
    /// * At a reload its error fails the reload, and the old value stays in force. So does a call
    ///   that takes longer than [`shutdown_timeout`](Daemon::shutdown_timeout).
    /// * It runs on a thread of tokio's pool for blocking work, so it may read files. For async work
    ///   call `Handle::current().block_on(..)` of tokio in it. A call that never returns keeps its
    ///   thread. A panic in it is contained, and counts as its error.
    /// * The value is never printed. Errors are, so they should not quote a secret: those of `toml`
    ///   quote the line that is wrong.
    ///
    /// A second call replaces the function.
    pub fn config<C, E>(mut self, load: impl Fn() -> Result<C, E> + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
        E: Into<AnyError>,
    {
        self.config.get_or_insert_default().load_by(load);
        self
    }

    /// Reloads when this file changes, as SIGHUP does. For several files, call it several times.
    ///
    /// * A change is a new length, a new time of its last write, or a link that leads elsewhere, as one
    ///   of Kubernetes does. The file may be missing for a while, and may be replaced by another one.
    /// * The daemon waits until the file's folder has been quiet for 100 ms, at most 2 s. So a file
    ///   that is written in several steps is loaded once; one that takes longer may be loaded half, and
    ///   is then loaded again. Have `load` fail on half a file, or replace it by a rename.
    /// * The folder has to exist at the start, and to stay. Of a link, so has that of the file to which
    ///   it leads at the start; a later one is not watched, only that the link leads elsewhere is seen.
    /// * Nobody waits for this reload: what comes of it is in the log and in the status.
    ///
    /// # Errors
    ///
    /// A folder that cannot be watched is an error of [`start`](Daemon::start).
    #[cfg(feature = "config-watch")]
    pub fn watch_config(mut self, file: impl Into<std::path::PathBuf>) -> Self {
        self.config.get_or_insert_default().files.push(file.into());
        self
    }

    /// Says where the part `P` of a configuration `C` is, for services that take a `P`.
    ///
    /// A daemon that `#[rxd::daemon]` declares does this for each `P` that implements
    /// [`ConfigPart`].
    ///
    /// ```
    /// use rxd::Daemon;
    ///
    /// # struct PollerConfig;
    /// struct AgentConfig {
    ///     poller: PollerConfig,
    /// }
    ///
    /// # fn load() -> rxd::Result<AgentConfig> { Ok(AgentConfig { poller: PollerConfig }) }
    /// let daemon = Daemon::new("agent").config(load).config_part(|whole: &AgentConfig| &whole.poller);
    /// # let _ = daemon;
    /// ```
    pub fn config_part<C: 'static, P: 'static>(mut self, part: fn(&C) -> &P) -> Self {
        self.config.get_or_insert_default().add_part(part);
        self
    }
}

#[cfg(feature = "systemd")]
impl Daemon {
    /// Whether it loads a configuration.
    pub(super) fn has_config(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.has_source())
    }
}

// ---- generated code ----------------------------------------------------------------------------

/// A declared service with the key `config`. Its type is in the body only, so it need not be as
/// public as the service.
pub trait DeclaredConfig: Declared + Sized {
    /// Makes the service; `None` is one that is switched off.
    fn into_configured(this: Option<Self>) -> Service;
}

/// The service of a type with `config = P`.
pub fn configured_service<R: Configure<P> + Declared, P: Send + Sync + 'static>(this: Option<R>) -> Service {
    configured(ServiceConfig::declared::<R>(), this)
}

/// The [`Declared::Kind`] of service `S` with the key `config`. `G` has the generic types that it
/// watches.
#[derive(Debug)]
pub struct ConfiguredKind<S, G = ()>(PhantomData<fn() -> (S, G)>);

impl<S, G> DeclaredKind for ConfiguredKind<S, G> {
    type GenericTargets = G;
    type Configured = S;
}

impl<R: DeclaredConfig, G> OfKind<ConfiguredKind<R, G>> for R {
    fn into_service(self) -> Service {
        R::into_configured(Some(self))
    }
}

/// Stands for type `T` with the key `config` as a runner, as
/// [`Checked::Runner`](super::checked::Checked::Runner) requires one.
#[derive(Debug)]
pub struct OfConfigured<T>(Infallible, PhantomData<fn() -> T>);

impl<T: 'static> Runner for OfConfigured<T> {
    async fn run(&mut self, _: &Context) -> Result {
        match self.0 {}
    }
}

impl<S: DeclaredConfig, D> IntoService<S, D> for OfConfigured<S> {
    const SERVICE: fn(Option<S>) -> Service = S::into_configured;
}

/// A [`DeclaredKind::Configured`] that takes its configuration from a `C`.
pub trait TakesFrom<C> {
    /// Says where its part is.
    fn add_part(config: &mut DaemonConfig);
}

impl<C> TakesFrom<C> for () {
    fn add_part(_: &mut DaemonConfig) {}
}

/// Says that `P` is a part of `C`.
pub fn add_part<P: ConfigPart<C> + 'static, C: 'static>(config: &mut DaemonConfig) {
    config.add_part::<C, P>(P::part);
}

/// What `config = load` of a daemon may name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not load a configuration",
    label = "not a function that returns a `Result`",
    note = "write `fn load() -> rxd::Result<MyConfig> {{ .. }}`, without `async`, and `config = load`; `MyConfig` is `Send` and `Sync`"
)]
pub trait LoadsConfig {
    /// What it loads.
    type Config;

    /// Gives it to the daemon.
    fn give_to(self, config: &mut DaemonConfig);
}

#[diagnostic::do_not_recommend]
impl<F, C, E> LoadsConfig for F
where
    F: Fn() -> Result<C, E> + Send + Sync + 'static,
    C: Send + Sync + 'static,
    E: Into<AnyError>,
{
    type Config = C;

    fn give_to(self, config: &mut DaemonConfig) {
        config.load_by(self);
    }
}

/// The configuration of a declared daemon, which loads a `C`.
#[derive(Debug)]
pub struct DeclaredSource<C>(DaemonConfig, PhantomData<fn() -> C>);

/// The configuration that this function loads.
pub fn config_source<L: LoadsConfig>(load: L) -> DeclaredSource<L::Config> {
    let mut config = DaemonConfig::default();
    load.give_to(&mut config);
    DeclaredSource(config, PhantomData)
}

impl<C> DeclaredSource<C> {
    /// Adds what service `S` takes of it.
    // A method, since a function would let the bound decide what `C` is.
    #[must_use]
    pub fn for_service<S>(mut self) -> Self
    where
        S: Declared<Kind: DeclaredKind<Configured: TakesFrom<C>>>,
    {
        <S::Kind as DeclaredKind>::Configured::add_part(&mut self.0);
        self
    }
}

/// The daemon with this configuration.
pub fn with_config<C>(mut daemon: Daemon, source: DeclaredSource<C>) -> Daemon {
    // Nothing else of it is set yet.
    daemon.config = Some(Box::new(source.0));
    daemon
}
