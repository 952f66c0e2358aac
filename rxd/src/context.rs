//! What a service's methods are handed.

/// A service's view of its daemon.
#[derive(Debug)]
pub struct Context {}
