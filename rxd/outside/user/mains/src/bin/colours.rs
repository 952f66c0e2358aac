//! Colours that are requested, whatever standard error is.

fn main() -> rxd::Result {
    let _log = rxd::log::builder().colours(true).init()?;
    tracing::info!("in colour");
    Ok(())
}
