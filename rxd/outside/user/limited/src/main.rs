//! Sets a level that the build does not contain.

use rxd::log::{Level, level_handle};

fn main() -> rxd::Result {
    let _log = rxd::log::init()?;
    tracing::info!("limited to {:?} at first", level_handle().get("api").limited_to);
    for level in [Level::Debug, Level::Trace] {
        level_handle().set("api", level);
        tracing::info!("limited to {:?}", level_handle().get("api").limited_to);
    }
    tracing::debug!("not in the build");
    Ok(())
}
