//! Two daemons with the same services, each with its graph.

use rxd::{Context, Runner};

macro_rules! service {
    ($(#[$attr:meta])* $ident:ident) => {
        #[rxd::service]
        $(#[$attr])*
        pub struct $ident;

        impl Runner for $ident {
            async fn run(&mut self, _: &Context) -> rxd::Result {
                Ok(())
            }
        }
    };
}

service!(Api);
service!(
    #[watch(any, entering, Run, "api")]
    Health
);

#[rxd::daemon]
struct Edge {
    api: Api,
    health: Health,
}

#[rxd::daemon(name = "the.second_one")]
pub(crate) struct Other {
    pub health: Health,
    pub(crate) api: Option<Api>,
}

mod inner {
    #[rxd::daemon]
    pub struct Third {
        pub api: super::Api,
        pub health: std::option::Option<super::Health>,
    }
}

fn main() {
    let names = |graph: rxd::Graph<'static>| graph.nodes.iter().map(|node| node.name).collect::<Vec<_>>();
    assert_eq!(names(Edge::GRAPH), ["api", "health"]);
    assert_eq!(names(Other::GRAPH), ["health", "api"]);
    assert_eq!(names(inner::Third::GRAPH), ["api", "health"]);
    assert!(inner::Third::GRAPH.nodes[1].optional);
    let _ = Edge { api: Api, health: Health }.into_daemon();
    let _ = Other { api: None, health: Health }.into_daemon();
    let _ = inner::Third { api: Api, health: None }.into_daemon();
}
