//! Bounds of human text and of numbers, checked in one way everywhere.

use super::refusal::Violations;
use unicode_normalization::UnicodeNormalization;

/// Longest name of a thing, in characters.
pub const NAME_MAX: usize = 255;
/// Longest short value that lists are filtered by, in characters.
pub const LABEL_MAX: usize = 64;
/// Range of day counts.
pub const DAYS: std::ops::RangeInclusive<u32> = 1..=9999;
/// Range of month counts.
pub const MONTHS: std::ops::RangeInclusive<u32> = 1..=120;
/// Range of limits; 0 is legal and means none.
pub const LIMITS: std::ops::RangeInclusive<u32> = 0..=9999;

/// Notes text that is too long, has control characters, or blanks at its ends.
pub fn check_text(violations: &mut Violations, field: &str, text: &str, max: usize) {
    if text.chars().count() > max {
        violations.add(field, format!("must be at most {max} characters long"));
    }
    if text.chars().any(char::is_control) {
        violations.add(field, "must not contain control characters");
    }
    if text.trim() != text {
        violations.add(field, "must not begin or end with white space");
    }
}

/// As [`check_text`], and there must be some.
pub fn check_required_text(violations: &mut Violations, field: &str, text: &str, max: usize) {
    if text.is_empty() {
        violations.add(field, "must not be empty");
    }
    check_text(violations, field, text, max);
}

/// Notes a number outside its range.
pub fn check_range(
    violations: &mut Violations,
    field: &str,
    value: Option<u32>,
    range: &std::ops::RangeInclusive<u32>,
) {
    if value.is_some_and(|value| !range.contains(&value)) {
        violations.add(field, format!("must be between {} and {}", range.start(), range.end()));
    }
}

/// Notes a list that is too long.
pub fn check_len(violations: &mut Violations, field: &str, len: usize, max: usize) {
    if len > max {
        violations.add(field, format!("must have at most {max} entries"));
    }
}

/// Notes every entry that was there before, by its place.
pub fn check_unique<T: Ord>(violations: &mut Violations, field: &str, entries: impl IntoIterator<Item = T>) {
    let mut seen = std::collections::BTreeSet::new();
    for (at, entry) in entries.into_iter().enumerate() {
        if !seen.insert(entry) {
            violations.add(format!("{field}[{at}]"), "is there twice");
        }
    }
}

/// The form of a name in which duplicates, order and prefixes are told: compatibility forms folded, lower case, white
/// space collapsed.
#[must_use]
pub fn name_key(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).collect();
    // Lower case can bring composed forms apart; one more pass makes the result its own key.
    let folded: String = folded.nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::name_key;
    use proptest::prelude::*;

    #[test]
    fn names_that_read_the_same_have_one_key() {
        assert_eq!(name_key("  ACME\u{3000}Ｉｎｃ.  "), "acme inc.");
        assert_eq!(name_key("Café"), name_key("Cafe\u{301}"));
        assert_ne!(name_key("Café"), name_key("Cafe"));
        assert_ne!(name_key("Straße"), name_key("Strasse"));
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(name in "\\PC{0,40}") {
            let key = name_key(&name);
            prop_assert_eq!(name_key(&key), key);
        }
    }
}
