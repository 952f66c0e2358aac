//! The test kit, as those who test a daemon of their own use it.

mod agent;
mod alone;
mod doubles;
mod expecting;
mod explore;
mod live;
