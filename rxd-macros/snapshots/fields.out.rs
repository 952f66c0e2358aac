struct Workers {
    first: Worker,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    second: Option<Worker>,
    probes: Vec<Probe>,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::daemon::signals; } { let _ =
    ::rxd::__private::editor::daemon::config; } { let _ = settings::load; } { let _ =
    ::rxd::__private::editor::field::name; } { let _ =
    ::rxd::__private::editor::field::name; }
}
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Graphed for Workers {
    const ANALYSIS: &'static ::rxd::__private::Analysis<'static> = {
        static GRAPH: ::rxd::Graph<'static> = Workers::GRAPH;
        static INDEX: ::rxd::__private::Index<
            { 3 + ::core::cfg!(all(feature = "metrics")) as usize },
        > = ::rxd::__private::Index::new(&GRAPH);
        static ANALYSIS: ::rxd::__private::Analysis<'static> = INDEX
            .of(&GRAPH)
            .declared_in(
                ::core::module_path!(),
                &[
                    ("first", true),
                    #[cfg(feature = "metrics")]
                    ("metrics", false),
                    ("second", true),
                    ("probes", true),
                ],
                &[#[cfg(not(all(feature = "metrics")))] ("metrics", "Metrics")],
            );
        &ANALYSIS
    };
}
#[allow(dead_code, deprecated)]
impl Workers {
    /// The services and their watches, as the compiler has checked them.
    const GRAPH: ::rxd::Graph<'static> = ::rxd::__private::choose! {
        { ::rxd::Graph { daemon : "Workers", nodes : & [::rxd::__private::Node { name :
        "worker-1", .. < Worker as ::rxd::__private::Field < Workers >>::NODE },
        #[cfg(feature = "metrics")] < Metrics as ::rxd::__private::Field < Workers
        >>::NODE, ::rxd::__private::Node { name : "worker-2", optional : true, .. <
        Worker as ::rxd::__private::Field < Workers >>::NODE }, ::rxd::__private::Node {
        name : "probes", family : ::core::option::Option::Some("probe"), .. < Probe as
        ::rxd::__private::Field < Workers >>::NODE },] } } { ::core::unreachable!() }
    };
    /// The daemon as a builder, for what is known only at run time.
    fn into_daemon(self) -> ::rxd::Daemon {
        ::rxd::__private::choose! {
            { { let config = (::rxd::__private::config_source) (settings::load); let
            config = config.for_service:: < < Worker as ::rxd::__private::Field < Workers
            >>::Service > (); #[cfg(feature = "metrics")] let config = config
            .for_service:: < < Metrics as ::rxd::__private::Field < Workers >>::Service >
            (); let config = config.for_service:: < < Worker as ::rxd::__private::Field <
            Workers >>::Service > (); let config = config.for_service:: < < Probe as
            ::rxd::__private::Field < Workers >>::Service > (); let daemon =
            ::rxd::__private::with_config(::rxd::Daemon::new("workers"), config)
            .signals([::rxd::Signal::INTERRUPT, #[cfg(unix)] ::rxd::Signal::HANGUP]); let
            daemon = daemon.add((::rxd::__private::field::< < Worker as
            ::rxd::__private::Field < Workers >>::Runner, < Worker as
            ::rxd::__private::Field < Workers >>::Service, Workers >) (self.first)
            .named("worker-1")); #[cfg(feature = "metrics")] let daemon = daemon
            .add((::rxd::__private::field::< < Metrics as ::rxd::__private::Field <
            Workers >>::Runner, < Metrics as ::rxd::__private::Field < Workers
            >>::Service, Workers >) (self.metrics)); let daemon = daemon
            .add((::rxd::__private::optional_field::< < Worker as ::rxd::__private::Field
            < Workers >>::Runner, < Worker as ::rxd::__private::Field < Workers
            >>::Service, Workers >) (self.second).named("worker-2")); let daemon = daemon
            .family((::rxd::__private::family_field::< < Probe as ::rxd::__private::Field
            < Workers >>::Runner, < Probe as ::rxd::__private::Field < Workers
            >>::Service, Workers >) (("probes", "probe"), self.probes, { use
            ::rxd::__private::ByIndex as _; use ::rxd::__private::ByNothing as _;
            (&::rxd::__private::MakerOf::< < Probe as ::rxd::__private::Field < Workers
            >>::Service >::new()).maker() })); daemon } } { ::core::unreachable!() }
        }
    }
    ::rxd::__private::with_systemd! {
        #[doc = r" The systemd unit that matches this declaration."] fn unit(self) ->
        ::rxd::systemd::Unit { self.into_daemon().unit() }
    }
    /// Runs the daemon until it is stopped.
    ///
    /// # Errors
    ///
    /// If it could not start, if a service failed for good, or if one was abandoned.
    async fn run(self) -> ::core::result::Result<(), ::rxd::Error> {
        self.into_daemon().run().await
    }
    /// Runs the daemon until it is stopped, prints its error, and returns its exit status. The
    /// process ends within 1 s, whatever its runtime still waits for.
    async fn main(self) -> ::std::process::ExitCode {
        self.into_daemon().main().await
    }
    /// Starts the daemon, and returns at once.
    ///
    /// # Errors
    ///
    /// If it cannot start.
    async fn start(self) -> ::core::result::Result<::rxd::DaemonHandle, ::rxd::Error> {
        self.into_daemon().start().await
    }
}
::rxd::__private::choose! {
    { #[allow(deprecated)] const _ : () = { #[doc(hidden)] impl
    ::rxd::__private::InDaemon < Workers, 0 > for Worker {} #[cfg(feature = "metrics")]
    #[doc(hidden)] impl ::rxd::__private::InDaemon < Workers, { 1 } > for Metrics {}
    #[doc(hidden)] impl ::rxd::__private::InDaemon < Workers, { 2 +
    ::core::cfg!(all(feature = "metrics")) as usize } > for Probe {} const _ : () = {
    (::rxd::__private::check_field::< < Worker as ::rxd::__private::Field < Workers
    >>::Service, Workers, _ >) (0); < < Worker as ::rxd::__private::Field < Workers
    >>::Service as ::rxd::__private::Checked < Workers >>::OK }; #[cfg(feature =
    "metrics")] const _ : () = { (::rxd::__private::check_field::< < Metrics as
    ::rxd::__private::Field < Workers >>::Service, Workers, _ >) (1); < < Metrics as
    ::rxd::__private::Field < Workers >>::Service as ::rxd::__private::Checked < Workers
    >>::OK }; const _ : () = { (::rxd::__private::check_field::< < Worker as
    ::rxd::__private::Field < Workers >>::Service, Workers, _ >) (1 +
    ::core::cfg!(all(feature = "metrics")) as usize); < < Worker as
    ::rxd::__private::Field < Workers >>::Service as ::rxd::__private::Checked < Workers
    >>::OK }; const _ : () = { (::rxd::__private::check_field::< < Probe as
    ::rxd::__private::Field < Workers >>::Service, Workers, _ >) (2 +
    ::core::cfg!(all(feature = "metrics")) as usize); < < Probe as
    ::rxd::__private::Field < Workers >>::Service as ::rxd::__private::Checked < Workers
    >>::OK }; }; } {}
}
#[cfg(not(unix))]
::core::compile_error! {
    "there is no signal `hangup` on this system\nhelp: write `interrupt` or `terminate`; for a list that depends on the system, call `Daemon::signals` of the builder"
}
