#[rxd::service(blocking)]
struct Port<T>(T);
