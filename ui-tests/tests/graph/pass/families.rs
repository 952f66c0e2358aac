//! Families of services: what watches may ask of them.

use rxd::{Context, FromIndex, Graph, Runner};

#[rxd::service]
struct Worker(usize);

impl FromIndex for Worker {
    fn from_index(index: usize) -> Self {
        Worker(index)
    }
}

#[rxd::service]
#[needs(Worker)]
struct ByType;

#[rxd::service]
#[needs("workers")]
#[watch(any, exited, Run, "workers", then(stop), lasts = "5s")]
struct ByName;

// One may run while another does not.
#[rxd::service]
#[watch(any, entering, Run, Worker)]
#[watch(any, not_in, Run, "workers")]
struct Some;

#[rxd::service]
struct Pool<T: Send + 'static>(T);

#[rxd::service]
#[needs(Pool<u8>)]
struct OfGeneric;

macro_rules! runners {
    ($($service:ty),*) => {$(
        impl Runner for $service {
            async fn run(&mut self, cx: &Context) -> rxd::Result {
                cx.cancelled().await;
                Ok(())
            }
        }
    )*};
}

runners!(Worker, ByType, ByName, Some, OfGeneric, Pool<u8>);

#[rxd::daemon]
struct D {
    workers: Vec<Worker>,
    by_type: ByType,
    by_name: ByName,
    some: Some,
    #[cfg(all())]
    byte_pools: std::vec::Vec<Pool<u8>>,
    of_generic: OfGeneric,
    single: Option<Vecs>,
}

#[rxd::service]
struct Vecs;

runners!(Vecs);

fn main() {
    const GRAPH: Graph<'static> = D::GRAPH;
    assert_eq!((GRAPH.nodes[0].name, GRAPH.nodes[0].family), ("workers", Option::Some("worker")));
    assert_eq!((GRAPH.nodes[4].name, GRAPH.nodes[4].family), ("byte-pools", Option::Some("byte-pool")));
    let workers = (0..2).map(Worker::from_index).collect::<Vec<_>>();
    assert_eq!(workers[1].0, 1);
    let byte_pools = vec![Pool(7)];
    assert_eq!(byte_pools[0].0, 7);
    let daemon =
        D { workers, by_type: ByType, by_name: ByName, some: Some, byte_pools, of_generic: OfGeneric, single: None };
    assert!(daemon.into_daemon().check().is_ok());
}
