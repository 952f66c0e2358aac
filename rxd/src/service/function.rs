//! A closure as the runner of a service: see [`Service::from_fn`](crate::Service::from_fn).

use crate::error::Result;
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::future::Future;

/// Runs a closure, which is called anew for each incarnation.
pub(crate) struct FunctionRunner<F>(pub(crate) F);

impl<F, Fut> Runner for FunctionRunner<F>
where
    F: FnMut(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result> + Send,
{
    async fn run(&mut self, cx: &Context) -> Result {
        (self.0)(cx.clone()).await
    }
}
