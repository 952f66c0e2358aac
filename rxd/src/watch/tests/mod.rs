//! Watches and streams against a model, over random lives of random services.

mod model;
mod polled;
mod world;
