//! The macros of rxd.
