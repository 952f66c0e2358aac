//! The registration of the kinds of services that operators may add.

use super::service::Service;
use crate::admin::Admin;
use crate::admin::kinds::AddFailed;
use crate::error;
use crate::panic;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Admin {
    /// Lets operators add services of this kind while the daemon runs, by `rxdctl add tenant acme
    /// region=eu` or `POST /services`, and remove those again.
    ///
    /// `make` gets the name that the operator has chosen and the arguments, by their keys. It returns the
    /// service; the name of that is replaced by the chosen one. Then the service is
    /// [added](crate::DaemonHandle::add), and whatever refuses that is the answer.
    ///
    /// * An error that it returns is the answer to the operator, with status 400: say which argument is
    ///   wrong.
    /// * A panic is an answer with status 500. Nothing is added, and the daemon goes on.
    /// * It runs on a thread that tokio keeps for code that blocks; the request waits for it, and nothing
    ///   else does. What takes long belongs into the service's `init` all the same.
    /// * A name of a kind that is no valid name, or is registered twice, is an error of the start.
    /// * Services of the program itself cannot be removed by operators, nor can those that the program
    ///   adds. What operators have added is not kept over a restart of the process.
    ///
    /// Without a kind, no operator can add anything.
    ///
    /// ```
    /// use rxd::admin::Admin;
    /// use rxd::{Context, Service};
    ///
    /// async fn serve(cx: Context, region: String) -> rxd::Result {
    ///     println!("{} serves {region}", cx.name());
    ///     cx.cancelled().await;
    ///     Ok(())
    /// }
    ///
    /// let admin = Admin::new("127.0.0.1:1337").addable("tenant", |name, args| {
    ///     let region = args.get("region").ok_or("`region` is missing")?;
    ///     Ok(Service::from_fn_with(name.to_owned(), region.clone(), serve).needs(["db"]).group("by-hand"))
    /// });
    /// # let _ = admin;
    /// ```
    pub fn addable<F>(mut self, kind: impl Into<String>, make: F) -> Self
    where
        F: Fn(&str, &BTreeMap<String, String>) -> error::Result<Service> + Send + Sync + 'static,
    {
        let add = move |handle: &crate::handle::DaemonHandle, name: &str, args: &BTreeMap<String, String>| {
            let made = panic::catch(|| make(name, args)).map_err(AddFailed::Panicked)?;
            let service = made.map_err(AddFailed::Refused)?.named(name.to_owned());
            handle.add_service(service, None).map(drop).map_err(AddFailed::NotAdded)
        };
        self.kinds.add(kind.into(), Arc::new(add));
        self
    }
}
