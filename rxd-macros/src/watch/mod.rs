//! `#[watch]`, `#[needs]` and `#[after]`.

pub(crate) mod ast;
pub(crate) mod attr;
pub(crate) mod expand;
pub(crate) mod model;
pub(crate) mod sentence;
