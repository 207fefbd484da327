//! What is said of texts that are almost conditions, and how conditions are written.

use super::{at, compile, fields, refused, schema_of};
use crate::domain::{
    condition::{Condition, tree::Moment},
    configured::Configured,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use uuid::Uuid;

/// The problem stands where the part begins that it is about.
#[test]
fn what_is_meant_is_said_where_it_stands() {
    let one_side = "one side of a comparison is a field such as account.grade";
    for (text, column, problem) in [
        (
            "account.custom[\"size\"]",
            1,
            "account.custom.size is no yes or no by itself; compare it",
        ),
        (
            "timestamp(\"2026-01-01T00:00:00Z\")",
            10,
            "timestamp is a value; compare a field to it",
        ),
        (
            "has(account.grade, 1)",
            4,
            "has() asks for one field, such as has(account.grade)",
        ),
        (
            "matches(account.name, \"a\")",
            8,
            "there are no regular expressions; there are startsWith, contains and endsWith",
        ),
        (
            "account.won_count + 1",
            19,
            "there is no arithmetic but now - duration(\"P90D\") and now + duration(\"P90D\")",
        ),
        ("break == 1", 1, "this word is reserved; texts stand in quotes"),
        ("account.grade == {}", 18, "there are no maps and no messages"),
        (
            "has(account.grade).contains(\"x\")",
            4,
            "expected a field such as account.grade",
        ),
        (
            "f(account.custom, \"size\").contains(\"x\")",
            2,
            "expected a field such as account.grade",
        ),
        (
            "account.won_count == true",
            22,
            "account.won_count is a whole number; expected one, such as 3",
        ),
        (
            "account.create_time < now - timestamp(\"P1D\")",
            38,
            "expected duration(\"P90D\")",
        ),
        (
            "true &&account.custom[\"size\"].contains(\"x\")",
            8,
            "contains is for text, and account.custom.size is a number",
        ),
        ("true && (\"a\" in account.tags) == 1", 10, one_side),
        ("true && account.name.contains(\"a\") == 1", 9, one_side),
        (
            "true && created_within_months(1, 2) == 3",
            30,
            "expected one value in these brackets",
        ),
        ("true && (account.won_count > 1) == 1", 10, one_side),
        ("true && !account.is_won == 1", 9, one_side),
    ] {
        assert_eq!(refused(text), format!("line 1, column {column}: {problem}"), "{text}");
    }
}

/// A negation is a part like any other.
#[test]
fn negations_are_counted() {
    let negated = |n| format!("{}account.is_won{}", "!(".repeat(n), ")".repeat(n));
    assert!(compile(&negated(7)).is_ok());
    assert!(refused(&negated(8)).ends_with("is too deep: a condition has at most 8 parts within parts"));
}

/// Of many choices, and of many fields, the first twenty are named, and it is said that there are more.
#[test]
fn what_there_is_is_named_up_to_twenty() {
    let refused = |fields: &[_], text: &str| {
        let problem = Condition::compile(text, &schema_of(fields)).expect_err(text);
        problem.to_string()
    };
    for (number, end) in [(20, "\"c19\", not \"x\""), (21, "\"c19\", 1 more, not \"x\"")] {
        let mut fields = fields();
        let tier = fields.iter_mut().find(|field| field.config.name == "tier").unwrap();
        let mut config = tier.config.clone();
        config.choices = (0..number).map(|at| format!("c{at}")).collect();
        *tier = Arc::new(tier.with(config, DateTime::UNIX_EPOCH));
        let said = refused(&fields, "account.custom.tier == \"x\"");
        assert!(said.ends_with(end), "{said}");
    }
    for (number, end) in [(20, "f19"), (21, "f19 and more")] {
        let field = |at: u128| {
            let mut config = fields()[0].config.clone();
            config.name = format!("f{at}");
            Arc::new(Configured::new(Uuid::from_u128(at), config, DateTime::UNIX_EPOCH))
        };
        let fields: Vec<_> = (0..number).map(field).collect();
        let said = refused(&fields, "account.custom.x == 1");
        assert!(said.ends_with(end), "{said}");
    }
}

/// What was read is kept as it was written, and can be written in one way.
#[test]
fn conditions_are_written_as_they_are_read() {
    for (text, written) in [
        ("account.custom[\"in\"] != null", "account.custom[\"in\"] != null"),
        ("account.custom.size != null", "has(account.custom.size)"),
        ("account.custom[\"in\"] == \"x\"", "account.custom[\"in\"] == \"x\""),
        ("account.custom.size == -0.0", "account.custom.size == 0.0"),
        ("account.create_time < now", "account.create_time < now"),
        (
            "account.create_time < now + duration(\"P0D\")",
            "account.create_time < now",
        ),
        (
            "account.create_time < now + duration(\"24h\")",
            "account.create_time < now + duration(\"PT86400S\")",
        ),
        (
            "account.create_time < now - duration(\"24h\")",
            "account.create_time < now - duration(\"PT86400S\")",
        ),
        (
            "account.name.contains('a\\tb\\r\\n')",
            "account.name.contains(\"a\\tb\\r\\n\")",
        ),
    ] {
        let read = compile(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!((read.as_str(), read.tree().to_string()), (text, written.to_owned()));
    }
}

/// A moment that would lie outside the range of times is the last one in it, on its side.
#[test]
fn moments_stay_in_range() {
    let now = at("2026-07-01T12:00:00Z");
    let length = |days| Moment::FromNow(TimeDelta::days(days));
    assert_eq!(length(1).at(now), at("2026-07-02T12:00:00Z"));
    let in_micros = |time: DateTime<Utc>| DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap();
    assert_eq!(
        length(36_500).at(DateTime::<Utc>::MAX_UTC),
        in_micros(DateTime::<Utc>::MAX_UTC)
    );
    assert_eq!(
        length(-36_500).at(DateTime::<Utc>::MIN_UTC),
        in_micros(DateTime::<Utc>::MIN_UTC)
    );
}
