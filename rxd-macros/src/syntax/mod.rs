//! Syntax that all attributes share: argument lists, tables of keys, words, durations, names,
//! items, spans.

pub(crate) mod args;
pub(crate) mod duration;
mod habits;
pub(crate) mod item;
pub(crate) mod keys;
pub(crate) mod name;
pub(crate) mod near;
pub(crate) mod number;
pub(crate) mod span;
pub(crate) mod tables;
pub(crate) mod words;
