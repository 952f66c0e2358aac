#[rxd::service]
#[watch(any, changing, Run, "health", stream(health))]
struct Pool<T>(T)
where
    T: Send;
