struct Poller {
    client: Client,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::service::name; } { let _ =
    ::rxd::__private::editor::service::manager; } { let _ =
    ::rxd::__private::editor::service::startup_delay; } { use
    ::rxd::__private::editor::watch::*; let _ : Health; } { let _ =
    ::rxd::__private::editor::watch::then; } { let _ =
    ::rxd::__private::editor::watch::within; }
}
::rxd::__private::show_known! {
    Mode Any Action Entering State Run Mode Any Action Exited State Run
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Declared for Poller {
    type Kind = ::rxd::__private::TaskKind;
    const SERVICE_TYPE: ::rxd::__private::ServiceType = (::rxd::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Poller");
    const DECLARATION: ::rxd::__private::Declaration = ::rxd::__private::declaration(
            "poller",
        )
        .manager::<::rxd::manager::until_success>()
        .options(const {
            &::rxd::Options::DEFAULT
                .startup_delay(::core::time::Duration::from_millis(100))
        })
        .edges(
            &[
                ::rxd::__private::watch(
                    ::rxd::Mode::Any,
                    ::rxd::Action::Entering,
                    ::rxd::State::Run,
                    &[::rxd::__private::target_name("health")],
                ),
                ::rxd::__private::watch(
                        ::rxd::Mode::Any,
                        ::rxd::Action::Exited,
                        ::rxd::State::Run,
                        &[
                            ::rxd::__private::target_of_type(
                                <Health as ::rxd::__private::Watched>::SERVICE_TYPE,
                            ),
                        ],
                    )
                    .then(::rxd::Effect::Stop),
                ::rxd::__private::needs(
                        &[
                            ::rxd::__private::target_name("db"),
                            ::rxd::__private::target_name("cache"),
                        ],
                    )
                    .within(const { ::core::time::Duration::from_secs(30) }),
                ::rxd::__private::after(&[::rxd::__private::target_name("migrate")]),
            ],
        );
}
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: ::rxd::__private::Graphed> ::rxd::__private::Checked<__D> for Poller {
    type Runner = Self;
    const OK: () = {
        let edge = ::rxd::__private::check_edge;
        let target = ::rxd::__private::check_target;
        let fields = (::rxd::__private::check_service::<Self>)(__D::ANALYSIS);
        (edge)(fields, 0);
        (target)(fields, 0, 0);
        (edge)(fields, 1);
        (target)(fields, 1, 0);
        (edge)(fields, 2);
        (target)(fields, 2, 0);
        (target)(fields, 2, 1);
        (edge)(fields, 3);
        (target)(fields, 3, 0);
    };
}
