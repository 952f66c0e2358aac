//! No value can forge a record: each is one line.

use crate::capture::capture;
use proptest::prelude::*;
use rxd::log::{Level, LevelHandle};

const FORGED: &str = "x\n2026-01-01T00:00:00Z  INFO api: all is well\r\x1b[2J\u{9b}1m\u{2028}\u{202e}";

#[test]
fn value_with_line_breaks_or_escapes_forges_no_record() {
    let levels = LevelHandle::new(Level::Info);
    let (lines, _guard) = capture(&levels);
    let error: &(dyn std::error::Error + 'static) = &std::io::Error::other(FORGED);
    tracing::info!("{FORGED}");
    tracing::info!(value = FORGED);
    tracing::info!(value = %FORGED);
    tracing::info!(value = ?std::path::Path::new(FORGED));
    tracing::info!(error);
    tracing::info_span!("request", id = %FORGED).in_scope(|| tracing::info!("in a span"));
    tracing::error_span!(target: "rxd", "service", service = %FORGED).in_scope(|| tracing::info!("in a service"));
    let lines = lines.take();
    assert_eq!(lines.len(), 7, "{lines:#?}");
    for line in lines {
        assert!(!line.contains(['\r', '\x1b', '\u{9b}', '\u{2028}', '\u{202e}']), "{line}");
        assert!(line.contains("x\\n2026"), "{line}");
    }
}

proptest! {
    #[test]
    fn any_text_in_a_record_stays_on_one_line(text in ".*", other in any::<String>()) {
        let levels = LevelHandle::new(Level::Info);
        let (lines, _guard) = capture(&levels);
        tracing::info!(a = %text, b = text, "{other}");
        prop_assert_eq!(lines.take().len(), 1);
    }

    /// A text that is not a level is quoted in the error, on one line.
    #[test]
    fn any_text_is_a_level_or_an_error(text in any::<String>()) {
        if let Err(error) = text.parse::<Level>() {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            prop_assert!(first.ends_with('`'), "{}", first);
        }
    }

    #[test]
    fn any_list_of_levels_is_read_or_refused(text in "([a-z\\[\\]:]{0,6}=?(info|debug|x|),?){0,4}") {
        let levels = LevelHandle::new(Level::Info);
        let layer = rxd::log::builder().level_handle(levels).console(false).levels(text).layer::<tracing_subscriber::Registry>();
        drop(layer);
    }
}

#[test]
fn list_of_levels_sets_the_default_services_and_targets() {
    let levels = LevelHandle::new(Level::Info);
    let list = "warn, hyper=error,[api]=debug ,rxd=trace";
    let made = rxd::log::builder()
        .level_handle(levels.clone())
        .console(false)
        .levels(list)
        .layer::<tracing_subscriber::Registry>();
    drop(made.unwrap());
    assert_eq!(levels.get("api").level, Level::Debug);
    assert_eq!(levels.get("db").level, Level::Warn);
    assert_eq!(levels.get(rxd::log::LevelTarget::Internal).level, Level::Trace);
    let made =
        rxd::log::builder().level_handle(levels).console(false).levels("loud").layer::<tracing_subscriber::Registry>();
    let text = made.err().unwrap().to_string();
    assert!(text.contains("`loud`") && text.ends_with("to log all of a target, write `loud=trace`"), "{text}");
}

#[test]
fn t_list_of_levels_that_the_program_says_is_an_error_if_it_cannot_be_read() {
    for (list, fault) in [
        ("=2", "`2`"),
        ("info/re", "no level is called `info/re`"),
        ("app[span]=debug", "`app[span]` is not a target"),
        ("debug;a=warn", "`debug;a` is not a target"),
    ] {
        let builder = rxd::log::builder().level_handle(LevelHandle::new(Level::Info)).console(false).levels(list);
        let text = builder.layer::<tracing_subscriber::Registry>().err().unwrap().to_string();
        assert!(text.starts_with(&format!("failed to read the log levels `{list}`: ")), "{text}");
        assert!(text.contains(fault), "{text}");
    }
}
