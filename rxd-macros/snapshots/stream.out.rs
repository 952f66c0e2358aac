struct Pool<T>(
    T,
)
where
    T: Send;
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::watch::stream; }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<T> ::rxd::__private::Declared for Pool<T>
where
    T: Send,
    Pool<T>: 'static,
{
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::ServiceType::of::<
        Self,
    >)(::core::concat!(::core::module_path!(), "::Pool"), "Pool")
        .generic();
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::Declaration::new(
            "pool",
        )
        .edges(const {
            &[
                ::rxd::__private::Edge::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Changing,
                        ::rxd::State::Run,
                        const { &[::rxd::__private::Target::name("health")] },
                    )
                    .stream("health"),
            ]
        });
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<
    T,
    __D: ::rxd::__private::Graphed,
    const __ME: usize,
> ::rxd::__private::Checked<__D, __ME> for Pool<T>
where
    T: Send,
    Pool<T>: 'static,
{
    type Itself = Self;
    const MODULE: &'static str = ::core::module_path!();
    const OK: () = {
        if ::rxd::__private::is_in_crate_of(__D::ANALYSIS, ::core::module_path!()) {
            (::rxd::__private::check_service)(__D::ANALYSIS, __ME);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 0);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 0, 0);
        }
    };
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<T> ::rxd::__private::IntoService for Pool<T>
where
    T: Send,
    Pool<T>: ::rxd::Runner,
{
    type Itself = Self;
    fn service(this: ::core::option::Option<Self>) -> ::rxd::Service {
        ::rxd::__private::service::<Self>(this)
    }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<T, __D> ::rxd::__private::WatchesIn<__D, ()> for Pool<T>
where
    T: Send,
    Pool<T>: 'static,
{}
#[automatically_derived]
#[allow(deprecated)]
impl<T> Pool<T>
where
    T: Send,
    Pool<T>: 'static,
{
    ::rxd::__private::choose! {
        { #[doc = "The watch that `stream(health)` declares."] fn health(cx : &
        ::rxd::Context) -> ::rxd::Watch { ::rxd::__private::stream(cx, & < Self as
        ::rxd::__private::Declared > ::DECLARATION.edges[0]) } } { #[doc =
        "The watch that `stream(health)` declares."] fn health(cx : & ::rxd::Context) ->
        ::rxd::Watch { ::rxd::__private::stream(cx, & < Self as
        ::rxd::__private::Declared > ::DECLARATION.edges[0]) } }
    }
}
