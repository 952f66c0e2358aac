//! Generic services, and enums.

use rxd::{Context, Runner};
use std::fmt::Debug;
use std::marker::PhantomData;

#[rxd::service]
struct Pool<T, const N: usize = 3>
where
    T: Send + 'static,
{
    items: [Option<T>; N],
}

impl<T, const N: usize> Runner for Pool<T, N>
where
    T: Send + 'static,
{
    async fn run(&mut self, _: &Context) -> rxd::Result {
        self.items = std::array::from_fn(|_| None);
        Ok(())
    }
}

// A runner for some of its parameters only.
#[rxd::service]
#[needs("numbers")]
#[watch(any, entering, Exit, "texts", stream(ended))]
struct Tuple<T: Debug>(PhantomData<T>)
where
    T: Default;

impl<T: Debug + Default + Send + 'static> Runner for Tuple<T> {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _: rxd::Watch = Self::ended(cx);
        Ok(())
    }
}

#[rxd::service]
enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<L: Send + 'static, R: Send + 'static> Runner for Either<L, R> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    #[service(name = "numbers")]
    numbers: Pool<u8>,
    #[service(name = "texts")]
    texts: Option<Pool<String, 5>>,
    tuple: Tuple<u8>,
    #[service(name = "left")]
    left: Either<u8, String>,
    #[service(name = "right")]
    right: Either<u8, String>,
}

fn main() {
    let edge = Edge {
        numbers: Pool { items: [None; 3] },
        texts: None,
        tuple: Tuple(PhantomData),
        left: Either::Left(1),
        right: Either::Right(String::new()),
    };
    let names: Vec<_> = Edge::GRAPH.nodes.iter().map(|node| (node.name, node.optional)).collect();
    assert_eq!(names, [("numbers", false), ("texts", true), ("tuple", false), ("left", false), ("right", false)]);
    let _ = edge.into_daemon();
}
