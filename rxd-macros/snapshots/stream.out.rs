struct Pool<T>(
    T,
)
where
    T: Send;
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::watch::stream; }
}
::rxd::__private::show_known! {
    Mode Any Action Changing State Run
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T> ::rxd::__private::Declared for Pool<T>
where
    T: Send,
    Pool<T>: 'static,
{
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Pool")
        .generic();
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
            "pool",
        )
        .edges(
            &[
                ::rxd::__private::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Changing,
                        ::rxd::State::Run,
                        &[::rxd::__private::target_name("health")],
                    )
                    .stream("health"),
            ],
        );
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T, __D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Pool<T>
where
    T: Send,
    Pool<T>: 'static,
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
