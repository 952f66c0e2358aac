struct Poller {
    client: Client,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::name; } { let _ =
    ::rxd::__private::editor::service::manager; } { let _ =
    ::rxd::__private::editor::service::startup_delay; } { use
    ::rxd::__private::editor::watch:: *; let _ : Health; } { let _ =
    ::rxd::__private::editor::watch::then; } { let _ =
    ::rxd::__private::editor::watch::within; }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Poller {
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::ServiceType::of::<
        Self,
    >)(::core::concat!(::core::module_path!(), "::Poller"), "Poller");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::Declaration::new(
            "poller",
        )
        .manager::<::rxd::manager::until_success>()
        .options(const {
            &::rxd::Options::DEFAULT
                .startup_delay(::core::time::Duration::from_millis(100))
        })
        .edges(const {
            &[
                ::rxd::__private::Edge::watch(
                    ::rxd::Mode::Any,
                    ::rxd::Action::Entering,
                    ::rxd::State::Run,
                    const { &[::rxd::__private::Target::name("health")] },
                ),
                ::rxd::__private::Edge::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Exited,
                        ::rxd::State::Run,
                        const {
                            &[
                                ::rxd::__private::Target::of_type(
                                    <Health as ::rxd::__private::Watched>::SERVICE_TYPE,
                                ),
                            ]
                        },
                    )
                    .then(::rxd::Effect::Stop),
                ::rxd::__private::Edge::needs(const {
                        &[
                            ::rxd::__private::Target::name("db"),
                            ::rxd::__private::Target::name("cache"),
                        ]
                    })
                    .within(::core::time::Duration::from_secs(30)),
                ::rxd::__private::Edge::after(const {
                    &[::rxd::__private::Target::name("migrate")]
                }),
            ]
        });
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<
    __D: ::rxd::__private::Graphed,
    const __ME: usize,
> ::rxd::__private::Checked<__D, __ME> for Poller {
    type Itself = Self;
    const MODULE: &'static str = ::core::module_path!();
    const OK: () = {
        if ::rxd::__private::is_in_crate_of(__D::ANALYSIS, ::core::module_path!()) {
            (::rxd::__private::check_service)(__D::ANALYSIS, __ME);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 0);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 0, 0);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 1);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 1, 0);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 2);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 2, 0);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 2, 1);
            (::rxd::__private::check_edge)(__D::ANALYSIS, __ME, 3);
            (::rxd::__private::check_target)(__D::ANALYSIS, __ME, 3, 0);
        }
    };
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::IntoService for Poller {
    type Itself = Self;
    fn service(this: ::core::option::Option<Self>) -> ::rxd::Service {
        ::rxd::__private::service::<Self>(this)
    }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<__D> ::rxd::__private::WatchesIn<__D, ()> for Poller {}
