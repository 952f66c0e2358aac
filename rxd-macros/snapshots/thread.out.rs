struct Window {
    title: String,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::thread; } { let _ =
    ::rxd::__private::editor::service::name; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Window {
    type Kind = ::rxd::__private::LocalKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Window");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
        "gui",
    );
}
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Window {
    type Runner = ::rxd::__private::OnThread<Self>;
    const ON_THREAD: ::core::option::Option<
        fn(::core::option::Option<Self>) -> ::rxd::Service,
    > = ::core::option::Option::Some(::rxd::__private::local_service::<Self>);
    const OK: () = {
        (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
    };
}
