//! Values that a service provides to those that need it.

use crate::board::Id;
use crate::error::Error;
use crate::graph::Target;
use crate::graph::declaration::Declared;
use crate::lifecycle::state::State;
use crate::panic::emit;
use crate::service::context::Context;
use crate::watch::unknown_service;
use std::any::type_name;
use std::sync::Arc;

/// A service that makes a value for others: a connection pool, a client.
///
/// `#[rxd::service(provides(PgPool))]` implements it. A service that needs this one asks for the
/// value by `#[needs(Db, value(pool))]`, which gives it the function `Self::pool(cx)`.
///
/// ```
/// use rxd::{Context, Runner};
///
/// /// It may be cloned, as handles of pools and clients are.
/// #[derive(Clone)]
/// struct Pool(&'static str);
///
/// #[rxd::service(provides(Pool))]
/// struct Db;
///
/// impl Runner for Db {
///     async fn init(&mut self, cx: &Context) -> rxd::Result {
///         cx.provide::<Self>(Pool("a connection"));
///         Ok(())
///     }
///
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         cx.cancelled().await;
///         Ok(())
///     }
/// }
///
/// #[rxd::service(manager = "until_success")]
/// #[needs(Db, value(pool))]
/// struct Api;
///
/// impl Runner for Api {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         let pool = Self::pool(cx)?;
///         assert_eq!(pool.0, "a connection");
///         cx.daemon().shutdown();
///         Ok(())
///     }
/// }
///
/// #[rxd::daemon]
/// struct App {
///     db: Db,
///     api: Api,
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// #     App { db: Db, api: Api }.run().await?;
/// #     Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "service `{Self}` provides no value",
    label = "provides nothing",
    note = "write `#[rxd::service(provides(Value))]` on it, with the type of the value, and call `cx.provide::<Self>(value)` in its `init`"
)]
pub trait Provides {
    /// The type of the value.
    type Value: Clone + Send + Sync + 'static;
}

impl Context {
    /// Provides a value to the services that need this one. `S` is the type of this service.
    ///
    /// * Others get a clone of it while this service is in Run. To have it there from the first
    ///   instant of Run, provide it in [`init`](crate::Runner::init).
    /// * It is taken back, and dropped, when the service leaves Run, or fails before it. What was
    ///   cloned before cannot be taken back.
    /// * A second call replaces the value.
    /// * A context that is cancelled provides nothing any more: a task that is late cannot replace
    ///   the value of the next incarnation.
    /// * In a test, a runner that stands in for the service provides it in the same way.
    /// * A service that names the type of another one provides nothing by that; the log says so.
    pub fn provide<S: Provides + Declared>(&self, value: S::Value) {
        if self.is_cancelled() {
            return;
        }
        let of_type = self.core().find(Target::of_type(S::SERVICE_TYPE).lookup_hash());
        if !of_type.is_empty() && !self.core().with_family(self.id()).iter().any(|id| of_type.contains(id)) {
            let name = S::SERVICE_TYPE.text;
            emit!(
                WARN, target: "rxd", service = %self.name(),
                "provides the value of `{name}`, but is not of that type: nobody gets it; \
                 write `cx.provide::<Self>(value)`, and name this service in `#[needs(..)]` of the others"
            );
            return;
        }
        let before = self.core().provided.put(self.id(), Arc::new(value));
        // Without the lock: this may drop a value of the user's.
        drop(before);
    }
}

/// A clone of what the service of type `S` provides.
///
/// # Errors
///
/// If it is not in Run, or has provided nothing.
pub fn provided<S: Provides + Declared>(cx: &Context) -> Result<S::Value, Error> {
    let (core, target) = (cx.core(), Target::of_type(S::SERVICE_TYPE));
    match core.find(target.lookup_hash()).first() {
        Some(&id) if core.families.of(id).is_some() => Err(Error::msg(format_args!(
            "`{}` is a family: each of its members may provide another value\nhelp: let the members pass their values \
             on by a topic, or take one by the member's name",
            core.name(id)
        ))),
        Some(&id) => provided_to::<S>(cx, id),
        None => Err(Error::msg(format_args!("daemon `{}` has no service of type `{}`", core.daemon, target.text))),
    }
}

/// A clone of what the service of type `S` with this name provides.
///
/// # Errors
///
/// As [`provided`], and if the service of this name is of another type.
pub fn provided_by<S: Provides + Declared>(cx: &Context, name: &str) -> Result<S::Value, Error> {
    match cx.core().id(name) {
        Some(id) => provided_to::<S>(cx, id),
        None => Err(unknown_service(cx.core(), name)),
    }
}

fn provided_to<S: Provides + Declared>(cx: &Context, id: Id) -> Result<S::Value, Error> {
    let core = cx.core();
    let name = core.name(id);
    if !core.board.status(id).is_in(State::Run) {
        return Err(Error::msg(format_args!("service `{name}` is not in Run, so it provides nothing")));
    }
    let Some(value) = core.provided.get(id) else {
        return Err(Error::msg(format_args!(
            "service `{name}` has provided nothing: call `cx.provide::<{}>(value)` in its `init`",
            S::SERVICE_TYPE.text
        )));
    };
    match value.downcast_ref::<S::Value>() {
        Some(value) => Ok(value.clone()),
        None => Err(Error::msg(format_args!("service `{name}` provides no `{}`", type_name::<S::Value>()))),
    }
}
