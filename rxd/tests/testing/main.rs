//! The test kit, used as a user's own tests use it.

mod agent;
mod expect;
mod explore;
mod harness;
mod isolated;
mod topics;
