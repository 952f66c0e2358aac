#[allow(clippy::ptr_arg)]
/// Sweeps the cache.
pub async fn cache_sweeper<T: Store>(
    cx: &Context,
    cache: &mut Cache<T>,
    limits: &Limits,
    every: Duration,
) -> rxd::Result {
    Ok(())
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::name; }
}
/// Sweeps the cache.
pub struct CacheSweeper<T: Store> {
    cache: Cache<T>,
    limits: Limits,
    every: Duration,
}
#[automatically_derived]
#[allow(dead_code, clippy::too_many_arguments)]
impl<T: Store> CacheSweeper<T> {
    ///The service that calls `cache_sweeper` with these arguments.
    #[must_use]
    pub fn new(cache: Cache<T>, limits: Limits, every: Duration) -> Self {
        CacheSweeper {
            cache,
            limits,
            every,
        }
    }
}
#[automatically_derived]
impl<T: Store> ::core::fmt::Debug for CacheSweeper<T> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("CacheSweeper")
    }
}
#[automatically_derived]
#[allow(deprecated)]
impl<T: Store> ::rxd::Runner for CacheSweeper<T>
where
    T: ::core::marker::Send + 'static,
    Cache<T>: ::core::marker::Send,
    Limits: ::core::marker::Send + ::core::marker::Sync,
    Duration: ::core::marker::Send,
{
    async fn run(&mut self, cx: &::rxd::Context) -> ::rxd::Result {
        ::rxd::__private::function_result::<
            rxd::Result,
        >(
            cache_sweeper::<
                T,
            >(
                    cx,
                    &mut self.cache,
                    &self.limits,
                    ::rxd::__private::cloned::<Duration>(&self.every),
                )
                .await,
        )
    }
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T: Store> ::rxd::__private::Declared for CacheSweeper<T>
where
    CacheSweeper<T>: 'static,
{
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "CacheSweeper")
        .generic();
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
            "sweeper",
        )
        .edges(&[::rxd::__private::needs(&[::rxd::__private::target_name("db")])]);
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T: Store, __D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D>
for CacheSweeper<T>
where
    CacheSweeper<T>: 'static,
{
    type Runner = ::rxd::__private::OfGenericType<Self>;
    const OK: () = {
        let edge = ::rxd::__private::check_edge;
        let target = ::rxd::__private::check_target;
        let fields = (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
        (edge)(fields, 0);
        (target)(fields, 0, 0);
    };
}
