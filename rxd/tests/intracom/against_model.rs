//! G38, G39: every policy keeps exactly what its model keeps, for every capacity, from empty or
//! full, under any interleaving of publishing, trying, abandoning, receiving, joining, leaving,
//! closing and the passing of time.

use super::model::{Setup, Step, ms, run};
use proptest::prelude::*;
use rxd::intracom::Policy;

/// Under an interpreter a thousand messages are too many.
const CAPACITIES: &[usize] = if cfg!(miri) { &[1, 2, 10] } else { &[1, 2, 10, 1000] };

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Block),
        Just(Policy::DropOldest),
        Just(Policy::DropNewest),
        prop::sample::select(vec![0, 1, 25, 100]).prop_map(|limit| Policy::DropOldestAfter(ms(limit))),
        prop::sample::select(vec![0, 1, 25, 100]).prop_map(|limit| Policy::DropNewestAfter(ms(limit))),
    ]
}

fn setups() -> impl Strategy<Value = Setup> {
    (policies(), prop::sample::select(CAPACITIES), any::<bool>()).prop_map(|(policy, capacity, full)| Setup {
        policy,
        capacity,
        full,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Publish),
        3 => Just(Step::Try),
        1 => Just(Step::Abandon),
        8 => (0..4usize, 0..3usize).prop_map(|(group, member)| Step::Receive { group, member }),
        4 => prop::sample::select(vec![1, 24, 25, 26, 39, 40, 60]).prop_map(Step::Advance),
        1 => (0..4usize).prop_map(|group| Step::Join { group }),
        1 => (0..4usize, 0..3usize).prop_map(|(group, member)| Step::Leave { group, member }),
        1 => setups().prop_map(Step::Begin),
    ]
}

/// As many cases as `PROPTEST_CASES` says, or as fit a run of all tests.
fn cases(few: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(few);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn g39_groups_under_any_steps_keep_what_their_models_keep(
        setups in prop::collection::vec(setups(), 1..4),
        steps in prop::collection::vec(steps(), 0..60),
        keep_last: bool,
    ) {
        run(&setups, &steps, keep_last);
    }
}

#[test]
fn f62_policies_with_any_capacity_and_fill_equal_their_models() {
    let mut runner = proptest::test_runner::TestRunner::new(cases(10));
    let limit = ms(25);
    for policy in [
        Policy::Block,
        Policy::DropOldest,
        Policy::DropNewest,
        Policy::DropOldestAfter(limit),
        Policy::DropNewestAfter(limit),
    ] {
        for &capacity in CAPACITIES {
            for full in [false, true] {
                let setup = Setup { policy, capacity, full };
                let steps = prop::collection::vec(steps(), 20..40);
                runner
                    .run(&steps, |steps| {
                        run(&[setup], &steps, false);
                        Ok(())
                    })
                    .unwrap();
            }
        }
    }
}
