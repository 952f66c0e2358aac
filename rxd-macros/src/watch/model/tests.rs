//! Watches, and the errors about them.

use super::*;
use crate::watch::attr::take_after_service;

fn check(attrs: &str) -> (ServiceWatches, Vec<(String, String)>) {
    let item: syn::ItemStruct = syn::parse_str(&format!("{attrs} struct Poller;")).expect("a struct");
    let (mut attrs, mut errors) = (item.attrs, Errors::default());
    let written = take_after_service(&mut attrs, &mut errors);
    let owner = WatchOwner { name: "poller", ident: &item.ident, generics: &item.generics };
    (ServiceWatches::check(written, &owner, &mut errors), errors.messages())
}

/// The messages, each with the text at its span.
fn faults(attrs: &str) -> Vec<String> {
    check(attrs).1.into_iter().map(|(message, at)| format!("{message} @ {at}")).collect()
}

#[test]
fn watch_with_a_reaction_is_read() {
    let (watches, errors) = check("#[watch(any, exited, rxd::State::Run, \"a\", B, then(stop))]");
    assert!(errors.is_empty(), "{errors:?}");
    let watch = &watches.valid[0];
    let sentence = watch.sentence.as_ref().expect("a sentence");
    assert_eq!([&sentence.mode, &sentence.action, &sentence.state].map(ToString::to_string), ["Any", "Exited", "Run"]);
    assert_eq!(watch.targets.iter().map(WatchTarget::display_text).collect::<Vec<_>>(), ["a", "B"]);
    assert!(watch.effect.as_ref().is_some_and(|effect| effect == "Stop") && !watch.is_gate());
}

#[test]
fn options_before_the_sentence_are_read() {
    let (watches, errors) = check("#[watch(then(init), any, within = \"5s\", entering, Run, \"a\")]");
    assert!(errors.is_empty(), "{errors:?}");
    assert!(watches.valid[0].is_gate() && watches.valid[0].within.is_some());
}

#[test]
fn watch_with_a_typo_in_each_word_is_one_error_for_each() {
    let found = faults("#[watch(ayn, entring, Rum, healt, thn(stop), within = 5)]");
    let expected = [
        "unknown mode `ayn` @ ayn",
        "unknown action `entring` @ entring",
        "unknown state `Rum` @ Rum",
        "`healt` is neither a name nor a type @ healt",
        "unknown key `thn` @ thn",
        "`within` is a number without a unit @ 5",
    ];
    assert_eq!(found, expected);
}

#[test]
fn watch_without_a_word_is_one_error() {
    assert_eq!(faults("#[watch(entering, Run, \"a\")]"), ["expected `any` or `all` first @ entering"]);
    assert_eq!(faults("#[watch(any, entering, \"a\")]"), ["expected a state @ \"a\""]);
    assert_eq!(faults("#[watch(any, entering, Run)]"), ["this `#[watch]` names no service @ watch"]);
    assert_eq!(faults("#[watch(any, @, Run, \"a\")]"), ["expected a word, a string or a path @ @"]);
}

#[test]
fn watches_that_contradict_an_earlier_one_are_errors() {
    let twice = "#[watch(any, entering, Run, \"a\")] #[watch(all, entering, Run, \"a\", then(run))]";
    let at = "all, entering, Run, \"a\", then(run)";
    assert_eq!(faults(twice), [format!("this `#[watch]` is written twice @ {at}")]);
    let both = "#[needs(\"a\", \"b\")] #[after(\"b\")]";
    assert_eq!(faults(both), ["`#[needs]` and `#[after]` contradict each other about `b` @ \"b\""]);
    let streams = "#[watch(any, entering, Run, \"a\", stream(x))] #[watch(any, exited, Run, \"a\", stream(x))]";
    assert_eq!(faults(streams), ["two streams are called `x` @ x"]);
    let different = "#[watch(any, entering, Run, \"a\", \"b\")] #[watch(all, entering, Run, \"a\", \"b\")]";
    assert!(faults(different).is_empty());
}

#[test]
fn watch_with_a_fault_keeps_its_stream() {
    let (watches, errors) = check("#[watch(any, entering, Rum, \"a\", stream(late))]");
    assert_eq!((errors.len(), watches.valid.len()), (1, 0));
    assert_eq!(watches.unresolved, ["late"]);
}

#[test]
fn watch_of_its_own_service_is_an_error() {
    assert_eq!(faults("#[needs(\"poller\")]"), ["service `poller` waits for itself @ \"poller\""]);
    assert_eq!(faults("#[after(Poller)]"), ["service `poller` waits for itself @ Poller"]);
    let reaction = "#[watch(any, exited, Run, Self, then(exit))]";
    assert_eq!(faults(reaction), ["service `poller` watches itself @ Self"]);
    assert!(faults("#[needs(other::Poller)]").is_empty());
}
