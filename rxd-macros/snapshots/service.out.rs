struct Health {
    target: SocketAddr,
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Health {
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::ServiceType::of::<
        Self,
    >)(::core::concat!(::core::module_path!(), "::Health"), "Health");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::Declaration::new(
        "health",
    );
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<
    __D: ::rxd::__private::Graphed,
    const __ME: usize,
> ::rxd::__private::Checked<__D, __ME> for Health {
    type Itself = Self;
    const MODULE: &'static str = ::core::module_path!();
    const OK: () = {
        if ::rxd::__private::is_in_crate_of(__D::ANALYSIS, ::core::module_path!()) {
            (::rxd::__private::check_service)(__D::ANALYSIS, __ME);
        }
    };
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::IntoService for Health {
    type Itself = Self;
    fn service(this: ::core::option::Option<Self>) -> ::rxd::Service {
        ::rxd::__private::service::<Self>(this)
    }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<__D> ::rxd::__private::WatchesIn<__D, ()> for Health {}
