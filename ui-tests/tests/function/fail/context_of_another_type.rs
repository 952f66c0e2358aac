//! The first argument is a reference to something else.


struct Cache(u8);

#[rxd::service]
async fn sweeper(cache: &Cache) -> rxd::Result {
    let _ = cache.0;
    Ok(())
}

#[rxd::daemon]
struct D {
    sweeper: Sweeper,
}

fn main() {
    let _ = D::GRAPH;
}
