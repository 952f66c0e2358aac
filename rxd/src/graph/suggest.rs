//! "Did you mean": the name that was probably meant, for messages of the compiler and at run time.

use crate::text::add_item;

/// Names of more bytes are not compared: no service can have one.
const MAX_NAME_BYTES: usize = 64;

/// A name that is more edits away is another word.
const MAX_EDITS: usize = 3;

/// The number of edits outside the band: more than any result that counts.
const OUTSIDE_BAND: usize = MAX_NAME_BYTES;

/// How many edits (a character put in, left out, replaced, or swapped with the next; upper and
/// lower case are the same) turn one name into the other, if they are few enough for it to be a
/// slip.
pub(super) const fn edits(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let longer = if a.len() > b.len() { a.len() } else { b.len() };
    let most = if longer < 6 {
        1
    } else if longer < 9 {
        2
    } else {
        MAX_EDITS
    };
    if longer > MAX_NAME_BYTES || a.len().abs_diff(b.len()) > most {
        return None;
    }
    // Optimal string alignment, in three rows of the usual table. Only the band around the diagonal
    // is filled, in which a result of up to `most` edits must lie, so that a search of a thousand
    // names stays within the compiler's step limit. Right of the band every row still holds
    // `OUTSIDE_BAND`; left of it stands what an earlier row has written, and is overwritten.
    let mut rows = [[OUTSIDE_BAND; MAX_NAME_BYTES + 1]; 3];
    let mut i = 0;
    while i <= a.len() {
        let row = i % 3;
        let low = i.saturating_sub(most);
        let high = least(i + most, b.len());
        if low > 0 {
            rows[row][low - 1] = OUTSIDE_BAND;
        }
        let mut k = low;
        while k <= high {
            rows[row][k] = if i == 0 || k == 0 {
                i + k
            } else {
                let (above, above2) = ((i + 2) % 3, (i + 1) % 3);
                let (x, y) = (a[i - 1].to_ascii_lowercase(), b[k - 1].to_ascii_lowercase());
                let mut best = rows[above][k - 1] + if x == y { 0 } else { 1 };
                best = least(best, least(rows[above][k], rows[row][k - 1]) + 1);
                if i > 1 && k > 1 && x == b[k - 2].to_ascii_lowercase() && y == a[i - 2].to_ascii_lowercase() {
                    best = least(best, rows[above2][k - 2] + 1);
                }
                best
            };
            k += 1;
        }
        i += 1;
    }
    let edits = rows[a.len() % 3][b.len()];
    if edits <= most { Some(edits) } else { None }
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut nearest: Option<(usize, &str)> = None;
    for other in names {
        let Some(edits) = edits(name, other) else { continue };
        if nearest.is_none_or(|(least, _)| edits < least) {
            nearest = Some((edits, other));
        }
    }
    nearest.map(|(_, near)| near)
}

/// The message at run time about a name that no service of the daemon has.
pub(crate) fn unknown_service<'a>(daemon: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
    format!("daemon `{daemon}` has no service `{name}`\nhelp: {}", known_names(name, names))
}

/// The message at run time about a name that no group of the daemon has.
pub(crate) fn unknown_group<'a>(daemon: &str, name: &str, groups: impl Iterator<Item = &'a str>) -> String {
    let mut groups = groups.peekable();
    let help = match groups.peek() {
        Some(_) => known_names(name, groups),
        None => format!("put services into one: `group = \"{name}\"` in `#[rxd::service(..)]`, or `Service::group`"),
    };
    format!("daemon `{daemon}` has no group `{name}`\nhelp: {help}")
}

/// The nearest name, and the names that there are: at most 16, then how many more.
pub(crate) fn known_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let mut list = String::new();
    for name in names.iter().take(16) {
        add_item(&mut list, &format!("`{name}`"));
    }
    let more = names.len().saturating_sub(16);
    let more = if more > 0 { format!(", .. and {more} more") } else { String::new() };
    format!("{near}it has: {list}{more}")
}

#[cfg(test)]
mod tests {
    use super::{edits, known_names, least, nearest};
    use proptest::prelude::*;

    #[test]
    fn typing_slip_is_within_the_edit_limit() {
        assert_eq!(edits("helth", "health"), Some(1));
        assert_eq!(edits("haelth", "health"), Some(1));
        assert_eq!(edits("Health", "health"), Some(0));
        assert_eq!(edits("polllerr", "poller"), Some(2));
        assert_eq!(edits("db", "bd"), Some(1));
        assert_eq!(edits("configuration", "confgiuratoin"), Some(2));
    }

    #[test]
    fn other_word_is_beyond_the_edit_limit() {
        assert_eq!(edits("db", "api"), None);
        assert_eq!(edits("health", "wealthy-man"), None);
        assert_eq!(edits("cache", "catch"), None);
        assert_eq!(edits("", "ab"), None);
        assert_eq!(edits(&"x".repeat(65), &"x".repeat(65)), None);
    }

    #[test]
    fn name_of_64_bytes_is_compared() {
        assert_eq!(edits(&"x".repeat(64), &"x".repeat(64)), Some(0));
        assert_eq!(edits(&"x".repeat(63), &"x".repeat(64)), Some(1));
        assert_eq!(edits(&"x".repeat(64), &"x".repeat(61)), Some(3));
        assert_eq!(edits(&"x".repeat(64), &"x".repeat(60)), None);
    }

    #[test]
    fn known_names_are_listed_up_to_16() {
        let names: Vec<String> = (0..18).map(|n| format!("service-{n}")).collect();
        let names = || names.iter().map(String::as_str);
        assert_eq!(nearest("servce-17", names()), Some("service-17"));
        assert_eq!(known_names("x", names().take(2)), "it has: `service-0`, `service-1`");
        assert!(known_names("x", names().take(16)).ends_with("`service-15`"));
        assert!(known_names("x", names()).ends_with("`service-15`, .. and 2 more"));
    }

    /// The textbook's table, whole: optimal string alignment.
    fn full_table(a: &str, b: &str) -> usize {
        let (a, b) = (a.to_ascii_lowercase().into_bytes(), b.to_ascii_lowercase().into_bytes());
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for k in 0..=b.len() {
                table[i][k] = if i == 0 || k == 0 {
                    i + k
                } else {
                    let replaced = table[i - 1][k - 1] + usize::from(a[i - 1] != b[k - 1]);
                    let mut best = least(replaced, least(table[i - 1][k], table[i][k - 1]) + 1);
                    if i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] {
                        best = least(best, table[i - 2][k - 2] + 1);
                    }
                    best
                };
            }
        }
        table[a.len()][b.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn band_of_the_table_equals_the_full_table(a in "[abB]{0,12}", cut in 0..12usize, with in "[abc]{0,4}", rest in 0..12usize) {
            // Mostly a slip away from the first.
            let b = format!("{}{with}{}", &a[..cut.min(a.len())], &a[rest.min(a.len())..]);
            let most = match a.len().max(b.len()) {
                0..6 => 1,
                6..9 => 2,
                _ => 3,
            };
            let expected = Some(full_table(&a, &b)).filter(|edits| *edits <= most);
            prop_assert_eq!(edits(&a, &b), expected, "{} {}", a, b);
            prop_assert_eq!(edits(&b, &a), expected, "{} {}", b, a);
        }
    }
}
