//! Which methods a service overrides.

use super::Method;
use crate::service::context::Context;
use crate::service::runner::{DefaultMethod, Runner};
use crate::service::thread::local::LocalRunner;
use std::any::TypeId;

/// The methods that a service overrides. The others do nothing, and are not called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OverriddenMethods(u8);

impl OverriddenMethods {
    /// For a service whose overridden methods nothing can tell apart from the others.
    pub(crate) const ALL: Self = OverriddenMethods(0b1_1111);

    /// Of a service on a thread of its own. Its thread is started in Init, whether or not that is
    /// overridden.
    pub(crate) fn of_local<R: LocalRunner>() -> Self {
        let own = [
            (Method::Init, true),
            (Method::Idle, is_overridden(R::idle)),
            (Method::Run, true),
            (Method::Stop, is_overridden(R::stop)),
            (Method::Reload, is_overridden(R::reload)),
        ];
        OverriddenMethods::of_methods(own)
    }

    #[inline(always)]
    pub(crate) fn of<R: Runner>() -> Self {
        let own = [
            (Method::Init, is_overridden(R::init)),
            (Method::Idle, is_overridden(R::idle)),
            (Method::Run, true),
            (Method::Stop, is_overridden(R::stop)),
            (Method::Reload, is_overridden(R::reload)),
        ];
        OverriddenMethods::of_methods(own)
    }

    /// Of a service that takes a configuration: in Init, and at a reload, whether or not it
    /// overrides these.
    pub(crate) fn of_configured<R: Runner>() -> Self {
        let OverriddenMethods(own) = OverriddenMethods::of::<R>();
        OverriddenMethods(own | 1 << Method::Init as u8 | 1 << Method::Reload as u8)
    }

    // Inline, so that it is a constant for each type.
    #[inline(always)]
    fn of_methods(own: [(Method, bool); 5]) -> Self {
        OverriddenMethods(own.iter().fold(0, |all, &(call, own)| all | u8::from(own) << call as u8))
    }

    pub(super) fn has(self, call: Method) -> bool {
        self.0 & 1 << call as u8 != 0
    }
}

/// Whether a service overrides this method: the default one returns [`DefaultMethod`], which is
/// private to rxd. The method is not called to find out. For `'static` references it returns a
/// `'static` type, which has a [`TypeId`].
fn is_overridden<R: 'static, F: 'static>(_: fn(&'static mut R, &'static Context) -> F) -> bool {
    TypeId::of::<F>() != TypeId::of::<DefaultMethod>()
}
