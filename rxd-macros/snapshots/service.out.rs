struct Health {
    target: SocketAddr,
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Health {
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Health");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
        "health",
    );
}
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Health {
    type Runner = Self;
    const OK: () = {
        (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
    };
}
