struct Everything;
crate::renamed::__private::show! {
    { let _ = crate ::renamed::__private::editor::service::manager; } { use crate
    ::renamed::__private::editor::manager::*; let _ : my::FailFast; } { let _ = crate
    ::renamed::__private::editor::service::delay; } { let _ = LIMIT; } { let _ = crate
    ::renamed::__private::editor::service::delays; } { let _ = crate
    ::renamed::__private::editor::service::timeouts; } { let _ = crate
    ::renamed::__private::editor::service::backoff; } { let _ = crate
    ::renamed::__private::editor::backoff::base; } { let _ = crate
    ::renamed::__private::editor::backoff::factor; } { let _ = crate
    ::renamed::__private::editor::backoff::max; } { let _ = crate
    ::renamed::__private::editor::backoff::jitter; } { let _ = crate
    ::renamed::__private::editor::service::restarts; } { let _ = crate
    ::renamed::__private::editor::restarts::max; } { let _ = crate
    ::renamed::__private::editor::restarts::within; } { let _ = crate
    ::renamed::__private::editor::service::on_failure; } { let _ = crate
    ::renamed::__private::editor::service::heartbeat; } { let _ = crate
    ::renamed::__private::editor::service::config; } { let _ = my::Config; } { let _ =
    crate ::renamed; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl crate::renamed::__private::Declared for Everything {
    type Kind = crate::renamed::__private::ConfiguredKind<Self>;
    const SERVICE_TYPE: crate::renamed::__private::ServiceType = (crate::renamed::__private::service_type::<
        Self,
    >)(::core::module_path!(), "Everything");
    const DECLARATION: crate::renamed::__private::Declaration = crate::renamed::__private::declaration(
            "everything",
        )
        .manager::<my::FailFast>()
        .options(const {
            &crate::renamed::Options::DEFAULT
                .delay(LIMIT)
                .backoff(
                    crate::renamed::Backoff::DEFAULT
                        .base(::core::time::Duration::from_millis(100))
                        .factor(2.0)
                        .max(::core::time::Duration::from_secs(30))
                        .jitter(0.2),
                )
                .restarts(5, ::core::time::Duration::from_secs(60))
                .on_failure(crate::renamed::OnFailure::Shutdown)
                .heartbeat(::core::time::Duration::from_secs(2))
                .delay_of(
                    crate::renamed::State::Run,
                    ::core::time::Duration::from_secs(1),
                )
                .timeout_of(
                    crate::renamed::State::Init,
                    ::core::time::Duration::from_secs(5),
                )
                .timeout_of(
                    crate::renamed::State::Stop,
                    ::core::time::Duration::from_secs(90),
                )
        });
}
#[doc(hidden)]
#[allow(deprecated)]
impl<__D: crate::renamed::__private::Graphed> crate::renamed::__private::Checked<__D>
for Everything {
    type Runner = crate::renamed::__private::OfConfigured<Self>;
    const OK: () = {
        (crate::renamed::__private::check_option)(
            <Everything as crate::renamed::__private::Declared>::DECLARATION.options,
            crate::renamed::__private::OptionKey::MaxRestarts,
        );
        (crate::renamed::__private::check_service::<Self>)(__D::ANALYSIS);
    };
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl crate::renamed::__private::DeclaredConfig for Everything {
    fn into_configured(this: ::core::option::Option<Self>) -> crate::renamed::Service {
        crate::renamed::__private::configured_service::<Self, my::Config>(this)
    }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl<__C: 'static> crate::renamed::__private::TakesFrom<__C> for Everything
where
    my::Config: crate::renamed::ConfigPart<__C>,
{
    fn add_part(config: &mut crate::renamed::__private::DaemonConfig) {
        crate::renamed::__private::add_part::<my::Config, __C>(config)
    }
}
