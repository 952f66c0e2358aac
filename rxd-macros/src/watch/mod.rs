//! `#[watch]`, `#[needs]` and `#[after]`.

pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;
pub(crate) mod place;
mod sentence;
