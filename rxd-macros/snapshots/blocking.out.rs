struct Port<T>(T);
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::blocking; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T> ::rxd::__private::Declared for Port<T>
where
    Port<T>: 'static,
{
    type Kind = ::rxd::__private::BlockingKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Port")
        .generic();
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
        "port",
    );
}
#[doc(hidden)]
#[allow(deprecated)]
impl<T, __D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Port<T>
where
    Port<T>: 'static,
{
    type Runner = ::rxd::__private::OfGenericBlocking<Self>;
    const OK: () = {
        (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
    };
}
