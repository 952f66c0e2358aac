#[rxd::service(thread, name = "gui")]
struct Window {
    title: String,
}
