//! The other attributes of the item are kept.

#![deny(warnings)]
#![deny(missing_docs)]
#![allow(dead_code)]

use rxd::{Context, Runner};

/// A service.
#[derive(Clone)]
#[rxd::service]
#[derive(Debug)]
#[must_use]
#[cfg_attr(all(), watch(any, entering, Run, "health"))]
#[cfg_attr(any(), watch(this is never read))]
pub struct Poller {
    /// A field.
    #[doc(hidden)]
    pub client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

/// What is watched.
#[rxd::service]
#[derive(Debug)]
pub struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

/// A daemon.
#[rxd::daemon]
#[derive(Debug)]
pub struct Edge {
    /// A service of it.
    #[allow(unused)]
    pub poller: Poller,
    health: Health,
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(format!("{:?}", poller.clone()), "Poller { client: 1 }");
    assert_eq!(Edge::GRAPH.nodes[0].edges.len(), 1);
    assert_eq!(format!("{:?}", Edge { poller, health: Health }), "Edge { poller: Poller { client: 1 }, health: Health }");
}
