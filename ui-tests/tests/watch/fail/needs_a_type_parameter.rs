//! A dependency on a type parameter.

use rxd::{Context, Runner};

#[rxd::service]
#[rxd::needs(T)]
struct Pool<T>(T);

impl<T: Send + 'static> Runner for Pool<T> {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Pool(1);
}
