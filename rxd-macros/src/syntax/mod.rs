//! What all attributes have in common: argument lists, words, durations, names, items.

pub(crate) mod args;
pub(crate) mod duration;
pub(crate) mod item;
pub(crate) mod keys;
pub(crate) mod name;
pub(crate) mod near;
pub(crate) mod span;
pub(crate) mod tables;
pub(crate) mod words;
