/// Ends at the first failure.
#[derive(
    ::core::clone::Clone,
    ::core::marker::Copy,
    ::core::fmt::Debug,
    ::core::default::Default,
)]
pub struct FailFast;
#[automatically_derived]
impl ::rxd::Manager for FailFast {
    const TABLE: ::rxd::__private::Table = ::rxd::__private::Table::new(
        [::rxd::State::Idle, ::rxd::State::Exit],
        [::rxd::State::Run, ::rxd::State::Exit],
        [::rxd::State::Stop, ::rxd::State::Exit],
        [::rxd::State::Init, ::rxd::State::Exit],
    );
}
