//! `#[watch]`, `#[needs]` and `#[after]`.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;
pub(crate) mod place;
pub(crate) mod sentence;
