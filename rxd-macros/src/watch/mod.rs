//! `#[watch]`, `#[needs]` and `#[after]`: what one service waits for, and what it reacts to.

pub(crate) mod ast;
pub(crate) mod attr;
pub(crate) mod expand;
mod misread;
pub(crate) mod model;
pub(crate) mod sentence;
