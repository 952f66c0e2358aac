//! The random numbers of jitter: from one generator for each thread, which tests seed.
//!
//! They spread restarts and need be neither unpredictable nor perfect. The generator is SplitMix64.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish());
}

/// A number in `[0, 1)`.
pub(crate) fn fraction() -> f64 {
    // The 53 bits that a float holds.
    (next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Has this thread's numbers depend on the seed only.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn seed(seed: u64) {
    STATE.set(seed);
}

fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers that the generator's authors give for this seed.
    #[test]
    fn numbers_are_those_of_the_published_generator() {
        seed(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| next()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn fractions_are_spread_evenly_below_one() {
        seed(1);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            tenths[(fraction() * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1_150).contains(count)), "{tenths:?}");
    }

    #[test]
    fn seed_repeats_the_numbers_and_threads_differ_without_one() {
        let numbers = |from| {
            seed(from);
            [fraction(), fraction()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        let others = [(); 2].map(|()| std::thread::spawn(next).join().unwrap());
        assert_ne!(others[0], others[1]);
    }
}
