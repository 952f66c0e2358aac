struct Workers {
    first: Worker,
    #[cfg(feature = "metrics")]
    metrics: Metrics,
    second: Option<Worker>,
}
::rxd::__private::show! {
    { let _ = ::rxd::__private::editor::daemon::signals; } { let _ =
    ::rxd::__private::editor::field::name; } { let _ =
    ::rxd::__private::editor::field::name; }
}
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::Graphed for Workers {
    const ANALYSIS: &'static ::rxd::__private::Analysis<'static> = {
        static GRAPH: ::rxd::Graph<'static> = Workers::GRAPH;
        static INDEX: ::rxd::__private::Index<
            { 2 + ::core::cfg!(all(feature = "metrics")) as usize },
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
                ],
                &[#[cfg(not(all(feature = "metrics")))] ("metrics", "Metrics")],
            );
        &ANALYSIS
    };
}
#[automatically_derived]
#[allow(dead_code, deprecated)]
impl Workers {
    /// The services and their watches, as the compiler has checked them.
    const GRAPH: ::rxd::Graph<'static> = ::rxd::__private::choose! {
        { ::rxd::Graph { daemon : "Workers", nodes : & [::rxd::__private::Node { name :
        "worker-1", .. < < Worker as ::rxd::__private::Field < Workers, 0 >> ::Service as
        ::rxd::__private::Checked < Workers, 0 >> ::NODE }, #[cfg(feature = "metrics")] <
        < Metrics as ::rxd::__private::Field < Workers, { 1 } >> ::Service as
        ::rxd::__private::Checked < Workers, { 1 } >> ::NODE, ::rxd::__private::Node {
        name : "worker-2", optional : true, .. < < Worker as ::rxd::__private::Field <
        Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as usize } >> ::Service as
        ::rxd::__private::Checked < Workers, { 1 + ::core::cfg!(all(feature = "metrics"))
        as usize } >> ::NODE }] } } { ::core::unreachable!() }
    };
    /// The daemon as a builder, for what is known only at run time.
    fn into_daemon(self) -> ::rxd::Daemon {
        ::rxd::__private::choose! {
            { { let daemon = ::rxd::Daemon::new("workers")
            .signals([::rxd::Signal::INTERRUPT, ::rxd::Signal::TERMINATE]); let daemon =
            daemon.add(< < < Worker as ::rxd::__private::Field < Workers, 0 >> ::Service
            as ::rxd::__private::Checked < Workers, 0 >> ::Itself as
            ::rxd::__private::IntoService > ::service(::core::option::Option::Some(self
            .first)).named("worker-1")); #[cfg(feature = "metrics")] let daemon = daemon
            .add(< < < Metrics as ::rxd::__private::Field < Workers, { 1 } >> ::Service
            as ::rxd::__private::Checked < Workers, { 1 } >> ::Itself as
            ::rxd::__private::IntoService > ::service(::core::option::Option::Some(self
            .metrics))); let daemon = daemon.add(< < < Worker as ::rxd::__private::Field
            < Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as usize } >>
            ::Service as ::rxd::__private::Checked < Workers, { 1 +
            ::core::cfg!(all(feature = "metrics")) as usize } >> ::Itself as
            ::rxd::__private::IntoService > ::optional(self.second).named("worker-2"));
            daemon } } { ::core::unreachable!() }
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
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::InDaemon<Workers, 0> for Worker {}
#[cfg(feature = "metrics")]
#[automatically_derived]
#[doc(hidden)]
#[allow(deprecated)]
impl ::rxd::__private::InDaemon<Workers, { 1 }> for Metrics {}
#[allow(deprecated)]
const _: () = ::rxd::__private::choose! {
    { { (::rxd::__private::check_types:: < < < Worker as ::rxd::__private::Field <
    Workers, 0 >> ::Service as ::rxd::__private::Checked < Workers, 0 >> ::Itself,
    Workers, _ >) (); (::rxd::__private::check_field) (< Workers as
    ::rxd::__private::Graphed > ::ANALYSIS, 0, < < Worker as ::rxd::__private::Field <
    Workers, 0 >> ::Service as ::rxd::__private::Checked < Workers, 0 >> ::MODULE); < <
    Worker as ::rxd::__private::Field < Workers, 0 >> ::Service as
    ::rxd::__private::Checked < Workers, 0 >> ::OK } } { () }
};
#[cfg(feature = "metrics")]
#[allow(deprecated)]
const _: () = ::rxd::__private::choose! {
    { { (::rxd::__private::check_types:: < < < Metrics as ::rxd::__private::Field <
    Workers, { 1 } >> ::Service as ::rxd::__private::Checked < Workers, { 1 } >>
    ::Itself, Workers, _ >) (); (::rxd::__private::check_field) (< Workers as
    ::rxd::__private::Graphed > ::ANALYSIS, 1, < < Metrics as ::rxd::__private::Field <
    Workers, { 1 } >> ::Service as ::rxd::__private::Checked < Workers, { 1 } >>
    ::MODULE); < < Metrics as ::rxd::__private::Field < Workers, { 1 } >> ::Service as
    ::rxd::__private::Checked < Workers, { 1 } >> ::OK } } { () }
};
#[allow(deprecated)]
const _: () = ::rxd::__private::choose! {
    { { (::rxd::__private::check_types:: < < < Worker as ::rxd::__private::Field <
    Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as usize } >> ::Service as
    ::rxd::__private::Checked < Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as
    usize } >> ::Itself, Workers, _ >) (); (::rxd::__private::check_field) (< Workers as
    ::rxd::__private::Graphed > ::ANALYSIS, 1 + ::core::cfg!(all(feature = "metrics")) as
    usize, < < Worker as ::rxd::__private::Field < Workers, { 1 +
    ::core::cfg!(all(feature = "metrics")) as usize } >> ::Service as
    ::rxd::__private::Checked < Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as
    usize } >> ::MODULE); < < Worker as ::rxd::__private::Field < Workers, { 1 +
    ::core::cfg!(all(feature = "metrics")) as usize } >> ::Service as
    ::rxd::__private::Checked < Workers, { 1 + ::core::cfg!(all(feature = "metrics")) as
    usize } >> ::OK } } { () }
};
