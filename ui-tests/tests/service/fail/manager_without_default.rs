//! A manager that does not implement `Default`.

use rxd::manager::Table;
use rxd::{Context, Manager, Runner};

struct Own {
    limit: u8,
}

impl Manager for Own {
    const TABLE: Table = rxd::manager::continuous::TABLE;
}

#[rxd::service(manager(Own))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let (poller, own) = (Poller { client: 1 }, Own { limit: 2 });
    assert!(poller.client < own.limit);
}
