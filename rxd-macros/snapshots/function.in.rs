#[rxd::service(name = "sweeper")]
/// Sweeps the cache.
#[needs("db")]
pub async fn cache_sweeper<T: Store>(cx: &Context, cache: &mut Cache<T>, limits: &Limits, every: Duration) -> rxd::Result {
    Ok(())
}
