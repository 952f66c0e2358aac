//! "did you mean ..?": the nearest of several words, and lists of words for messages.

/// The word of `all` that is nearest to `written`, if it is near enough to have been meant.
pub(crate) fn nearest_word<'a>(written: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    // A third of the letters may be wrong, and at least one.
    let limit = (written.chars().count() / 3).max(1);
    all.into_iter()
        .map(|word| (edit_distance(&written, &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= limit)
        // Of words at the same distance, the first one: they are in the order of the documentation.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The number of letters that must be added, dropped, replaced or swapped with their neighbour.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            // Two neighbours that are swapped count once.
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The help for an unknown word: the nearest word, or all words.
pub(crate) fn did_you_mean(written: &str, all: &[&str]) -> String {
    match nearest_word(written, all.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("it is {}", quoted_alternatives(all)),
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn quoted_list(all: &[&str]) -> String {
    all.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `` `a`, `b` or `c` ``
pub(crate) fn quoted_alternatives(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [before @ .., last] => format!("{} or `{last}`", quoted_list(before)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_of_a_typo_is_the_word_that_was_meant() {
        let all = ["continuous", "until_success"];
        assert_eq!(nearest_word("until_sucess", all), Some("until_success"));
        assert_eq!(nearest_word("Continous", all), Some("continuous"));
        assert_eq!(nearest_word("forever", all), None);
        assert_eq!(nearest_word("Rnu", ["Init", "Run"]), Some("Run"));
        assert_eq!(nearest_word("run", ["Init", "Run"]), Some("Run"));
    }

    #[test]
    fn edit_distance_counts_swapped_neighbours_once() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
        assert_eq!(edit_distance("abc", "acb"), 1);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
