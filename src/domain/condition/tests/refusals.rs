//! Bounds of conditions, and what is said of texts that are none.

use super::{compile, refused};

#[test]
fn bounds_are_kept() {
    let many = |n: usize, sign: &str| vec!["account.is_won"; n].join(sign);
    // 125 short parts and the chain itself.
    assert!(compile(&format!("{}&&true&&true", many(117, "&&"))).is_ok());
    let longest = format!("true{}", " ".repeat(1996));
    assert!(compile(&longest).is_ok());
    assert_eq!(refused(&format!("{longest} ")), "must be at most 2000 bytes long");
    let trues = |n| vec!["true"; n].join("&&");
    assert!(compile(&trues(127)).is_ok());
    assert_eq!(
        refused(&trues(128)),
        "line 1, column 763: is too much: a condition has at most 128 parts"
    );
    // Brackets alone are no parts.
    let brackets = |n| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(compile(&brackets(16)).is_ok());
    assert_eq!(
        refused(&brackets(17)),
        "line 1, column 17: brackets nest at most 16 deep"
    );
    assert_eq!(
        refused(&brackets(200)),
        "line 1, column 17: brackets nest at most 16 deep"
    );
    let nested = |n: usize| {
        (1..n).fold("true".to_owned(), |inner, at| {
            format!("(true {} {inner})", if at % 2 == 0 { "&&" } else { "||" })
        })
    };
    assert!(compile(&nested(8)).is_ok());
    assert_eq!(
        refused(&nested(9)),
        "line 1, column 65: is too deep: a condition has at most 8 parts within parts"
    );
    let list = |n: usize| {
        format!(
            "account.won_count in [{}]",
            (0..n).map(|n| (n % 10).to_string()).collect::<Vec<_>>().join(",")
        )
    };
    assert!(compile(&list(500)).is_ok());
    assert_eq!(refused(&list(501)), "line 1, column 22: a list has 1 to 500 values");
    let negated = |n| format!("{}true", "!".repeat(n));
    assert!(compile(&negated(31)).is_ok());
    assert!(refused(&negated(32)).contains("is too long without && or ||"));
    for chain in [
        "!".repeat(1000) + "true",
        "-".repeat(1000) + "1 == account.won_count",
        vec!["1"; 900].join("<"),
        vec!["a"; 900].join("."),
        vec!["1"; 900].join("+"),
        vec!["1"; 300].join(" in "),
    ] {
        assert!(
            refused(&chain).contains("is too long without && or ||"),
            "{}",
            refused(&chain)
        );
    }
}

#[test]
fn problems_say_where_and_what_was_expected() {
    for (text, problem) in [
        ("", "must not be empty; true is the condition that all accounts meet"),
        (" \n", "must not be empty; true is the condition that all accounts meet"),
        ("(true]", "line 1, column 6: expected ')' first"),
        ("true & false", "line 1, column 6: & is no operator; write &&"),
        ("true | false", "line 1, column 6: | is no operator; write ||"),
        (
            "industry == \"x\"",
            "line 1, column 1: unknown name industry; write account.industry",
        ),
        (
            "true &&\n  size > 1",
            "line 2, column 3: unknown name size; write account.custom.size",
        ),
        (
            "account.size > 1",
            "line 1, column 1: unknown field account.size; write account.custom.size",
        ),
        (
            "account.grade == A",
            "line 1, column 18: unknown name A; fields begin with account., and texts stand in quotes",
        ),
        (
            "account.custom.weight > 1",
            "line 1, column 1: unknown custom field weight; there are note, size, signed, tier, in",
        ),
        (
            "account.custom.old == \"x\"",
            "line 1, column 1: custom field old is disabled",
        ),
        (
            "account.custom == \"x\"",
            "line 1, column 1: account.custom is no value; name a custom field, such as account.custom.size",
        ),
        (
            "account == \"x\"",
            "line 1, column 1: account is no value; name a field of it, such as account.grade",
        ),
        (
            "account.grade.size == \"x\"",
            "line 1, column 1: account.grade has no field size",
        ),
        (
            "account[\"grade\"] == \"x\"",
            "line 1, column 1: only account.custom[\"name\"] has such brackets",
        ),
        (
            "\"é\" == account.grade && account.grade == 1",
            "line 1, column 42: account.grade is text; expected text in quotes",
        ),
        (
            "account.grade",
            "line 1, column 1: account.grade is no yes or no by itself; compare it, or ask has(account.grade)",
        ),
        (
            "account.grade == \"\"",
            "line 1, column 18: is empty, and empty means not set; ask has(account.grade) or !has(account.grade)",
        ),
        (
            "account.grade == account.region",
            "line 1, column 18: one side of a comparison is a value; two fields cannot be compared",
        ),
        (
            "1 == 1",
            "line 1, column 1: one side of a comparison is a field such as account.grade",
        ),
        (
            "account.won_count == \"2\"",
            "line 1, column 22: account.won_count is a whole number; expected one, such as 3",
        ),
        (
            "account.won_count > 1.5",
            "line 1, column 21: account.won_count is a whole number; expected one, such as 3",
        ),
        (
            "account.won_count > 99999999999999999999",
            "line 1, column 21: this number is out of range: whole numbers are -9223372036854775808 to 9223372036854775807",
        ),
        (
            "account.custom.size > 1e999",
            "line 1, column 23: this number is out of range",
        ),
        (
            "account.custom.size > 9007199254740993",
            "line 1, column 23: account.custom.size is a number; expected one such as 3 or 1.5, where whole ones are at most 9007199254740992 from 0",
        ),
        (
            "account.status == \"LOST\"",
            "line 1, column 19: account.status is one of UNACTIVATED, REPORTING, UNASSIGNED, ASSIGNED, CANCELED, MERGED, DELETED, not \"LOST\"",
        ),
        (
            "account.deal_status in [\"WON\", \"won\"]",
            "line 1, column 32: account.deal_status is one of OPEN, WON, REPEATEDLY_WON, not \"won\"",
        ),
        (
            "account.custom.tier == \"bronze\"",
            "line 1, column 24: account.custom.tier is one of \"gold\", \"silver\", not \"bronze\"",
        ),
        (
            "account.status < \"WON\"",
            "line 1, column 1: account.status is one of a list of names, of which none is less than another; there are == and !=",
        ),
        (
            "account.owner == \"a b\"",
            "line 1, column 18: the id of a user must be printable ASCII without blanks",
        ),
        (
            "account.pool == \"x\"",
            "line 1, column 17: the id of a pool must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
        ),
        (
            "account.create_time < \"2026-01-01\"",
            "line 1, column 23: account.create_time is a time; expected timestamp(\"2026-03-01T10:00:00+08:00\"), now, now - duration(\"P90D\") or now + duration(\"P90D\")",
        ),
        (
            "account.create_time < timestamp(\"2026-02-30T00:00:00Z\")",
            "line 1, column 33: expected a time between the years 1 and 9999 in RFC 3339 form, such as \"2026-03-01T10:00:00+08:00\"",
        ),
        (
            "account.create_time < now - duration(\"P3M\")",
            "line 1, column 38: expected a length of time such as \"P90D\", \"P2W\", \"PT12H\" or \"24h\", of at most 36500 days; for months there is created_within_months",
        ),
        (
            "account.create_time < now - 5",
            "line 1, column 29: expected duration(\"P90D\")",
        ),
        (
            "account.tags == \"vip\"",
            "line 1, column 1: account.tags is a list of texts; write \"vip\" in account.tags",
        ),
        (
            "\"A\" in account.grade",
            "line 1, column 8: account.grade is text; in asks lists",
        ),
        (
            "account.grade in \"A\"",
            "line 1, column 18: expected a list such as [\"A\", \"B\"]",
        ),
        ("account.grade in []", "line 1, column 18: a list has 1 to 500 values"),
        (
            "account.won_count.contains(\"1\")",
            "line 1, column 1: contains is for text, and account.won_count is a whole number",
        ),
        (
            "account.name.matches(\"a.*\")",
            "line 1, column 21: there are no regular expressions; there are startsWith, contains and endsWith",
        ),
        (
            "account.tags.exists(t, t == \"x\")",
            "line 1, column 20: there are no macros such as exists, all, map and filter; write \"vip\" in account.tags, and || for several",
        ),
        (
            "has(account.departments)",
            "line 1, column 4: whether there are departments cannot be asked; write has(account.owner), or \"id\" in account.departments",
        ),
        (
            "has(1)",
            "line 1, column 5: has() asks for one field, such as has(account.grade)",
        ),
        (
            "created_within_months(0)",
            "line 1, column 23: created_within_months takes a whole number of months, 1 to 120",
        ),
        (
            "older_than_months(121)",
            "line 1, column 19: older_than_months takes a whole number of months, 1 to 120",
        ),
        (
            "account.won_count < null",
            "line 1, column 21: is neither less nor greater than anything; there are == and !=",
        ),
        (
            "account.won_count * 2 > 3",
            "line 1, column 19: there is no arithmetic but now - duration(\"P90D\") and now + duration(\"P90D\")",
        ),
        (
            "true ? true : false",
            "line 1, column 6: there is no ?:; write && and ||",
        ),
        ("account.grade = \"A\"", "line 1, column 15: = is no operator; write =="),
        (
            "account.grade == \"A\" and true",
            "line 1, column 22: cannot be read from here on: and true",
        ),
        ("account.grade ==", "line 1, column 17: ends too early"),
        (
            "(account.is_won",
            "line 1, column 1: this bracket is not closed; expected ')'",
        ),
        ("account.is_won)", "line 1, column 15: closes no bracket"),
        ("account.grade == \"A", "line 1, column 18: this string does not end"),
        (
            "account.grade == r\"A\"",
            "line 1, column 18: strings have nothing before their quote",
        ),
        (
            "account.grade == \"\"\"A\"\"\"",
            "line 1, column 18: strings have one quote at each end, not three",
        ),
        (
            "account.grade == \"\\q\"",
            "line 1, column 18: this string cannot be read; after \\ comes one of \\ \" ' n r t, or a character's number as in \\u00e9",
        ),
        (
            "account.grade == \u{201c}A\u{201d}",
            "line 1, column 18: '\u{201c}' stands only in strings",
        ),
        (
            "account.grade == \"\\u0000\"",
            "line 1, column 18: no text has a character 0",
        ),
    ] {
        assert_eq!(refused(text), problem, "{text}");
    }
    assert!(
        refused("account.foo == 1")
            .starts_with("line 1, column 1: unknown field account.foo; there are name, kind, grade")
    );
    assert!(
        refused("lower(account.name) == \"a\"")
            .starts_with("line 1, column 6: unknown function lower; there are has(account.f)")
    );
    assert!(refused("account.name.size() == 1").starts_with("line 1, column 18: unknown function size; there are"));
    assert!(refused("_lower(account.name) == 'x'").starts_with("line 1, column 7: unknown function _lower; there are"));
    assert!(refused("_same(account.name, 'x')").starts_with("line 1, column 6: unknown function _same; there are"));
    assert!(refused("account.tags.filter(t, true) == 1").starts_with("line 1, column 20: there are no macros"));
}
