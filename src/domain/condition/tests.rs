//! What the language says, case by case; what it refuses, and in which words.

use super::{
    Condition, Problem, Record, Schema, Standard,
    field::Field,
    tree::{Comparison, Node, Test, Value},
};
use crate::domain::{
    account::{Account, AccountKind, Extras, Profile},
    configured::Configured,
    custom_field::{CustomField, FieldType, FieldValue},
    ids::{AccountId, UserId},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn fields() -> Vec<Arc<Configured<CustomField>>> {
    let field = |at: u128, name: &str, field_type, choices: &[&str], enabled| {
        let config = CustomField {
            name: name.into(),
            display_name: name.into(),
            field_type,
            choices: choices.iter().map(ToString::to_string).collect(),
            required: false,
            enabled,
        };
        Arc::new(Configured::new(Uuid::from_u128(at), config, DateTime::UNIX_EPOCH))
    };
    vec![
        field(1, "note", FieldType::Text, &[], true),
        field(2, "size", FieldType::Number, &[], true),
        field(3, "signed", FieldType::Time, &[], true),
        field(4, "tier", FieldType::Choice, &["gold", "silver"], true),
        field(5, "old", FieldType::Text, &[], false),
        field(6, "in", FieldType::Text, &[], true),
    ]
}

pub(super) fn schema_of(fields: &[Arc<Configured<CustomField>>]) -> Schema<'_> {
    Schema::new(fields)
}

fn compile(text: &str) -> Result<Condition, Problem> {
    Condition::compile(text, &schema_of(&fields()))
}

fn refused(text: &str) -> String {
    compile(text)
        .map(|read| read.tree().to_string())
        .expect_err(text)
        .to_string()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn account() -> Account {
    let profile = Profile {
        kind: AccountKind::Company,
        name: "Köln \"50%\" GmbH".into(),
        grade: "A".into(),
        industry: "education".into(),
        source: String::new(),
        region: "east".into(),
        phone: String::new(),
        email: String::new(),
        website: String::new(),
        address: "1 Main St\n2nd floor".into(),
        location: None,
        remark: String::new(),
        external_id: None,
    };
    Account {
        owner: Some(UserId::parse("ann").unwrap()),
        won_count: 2,
        last_follow_up_time: Some(at("2026-06-01T00:00:00Z")),
        ..Account::new(AccountId(Uuid::nil()), profile, None, at("2026-05-15T10:00:00Z"))
    }
}

fn extras() -> Extras {
    Extras {
        tags: vec!["VIP".into(), "vip".into()],
        fields: [
            (Uuid::from_u128(1), FieldValue::Text("hello".into())),
            (Uuid::from_u128(2), FieldValue::Number(1.5)),
            (Uuid::from_u128(4), FieldValue::Text("gold".into())),
            (Uuid::from_u128(5), FieldValue::Text("left over".into())),
        ]
        .into(),
    }
}

fn holds(text: &str) -> bool {
    let (account, extras) = (account(), extras());
    let record = Record {
        account: &account,
        extras: &extras,
        owner: None,
    };
    let condition = compile(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    condition.holds(&record, at("2026-07-01T12:00:00Z"), Tz::UTC)
}

/// R131, D26.
#[test]
fn conditions_say_which_accounts_are_meant() {
    for text in [
        "true",
        "account.industry == \"education\" && \"vip\" in account.tags",
        "account.grade in ['A', 'B']",
        "account.grade >= \"A\" && account.grade < \"B\"",
        "\"B\" > account.grade",
        "account.name.startsWith(\"Köln\") && account.name.contains(\"50%\") && account.name.endsWith(\"GmbH\")",
        "account.address.contains(\"\\n2nd\")",
        "account.kind == \"COMPANY\" && account.status != \"ASSIGNED\"",
        "account.deal_status == \"OPEN\" && !account.is_won && account.is_won == false && account.is_won != true",
        "account.won_count >= 2 && account.won_count in [1, 2] && account.won_count > -1",
        "account.owner == \"ann\" && account.owner != null && has(account.owner)",
        "account.creator == null && !has(account.creator)",
        "account.last_follow_up_time < now - duration(\"P29D\")",
        "!(account.last_follow_up_time < now - duration(\"P31D\"))",
        "now - duration(\"24h\") > account.last_follow_up_time",
        "account.create_time == timestamp(\"2026-05-15T12:00:00+02:00\")",
        "account.create_time < now && account.create_time < now + duration(\"P2W\")",
        "created_within_months(2) && older_than_months(1)",
        "account.custom.size > 1 && account.custom[\"size\"] == 1.5",
        "account.custom.tier == \"gold\" && account.custom.tier in [\"silver\", \"gold\"]",
        "account.custom.note.startsWith(\"he\")",
        "account.custom[\"in\"] == null",
        "!(true && false) || false",
        "account.grade == \"x\" ||\n  // of the last resort\n account.grade == \"A\""
            .replace("// of the last resort", "")
            .as_str(),
    ] {
        assert!(holds(text), "{text}");
    }
}

/// What is not set equals nothing and is neither less nor greater than anything. Texts are compared exactly.
#[test]
fn what_is_not_set_is_asked_for_by_has() {
    for text in [
        "account.source == \"web\"",
        "account.source < \"web\"",
        "account.source >= \"a\"",
        "account.source.contains(\"e\")",
        "account.source in [\"web\"]",
        "has(account.source)",
        "account.pool == \"01890a5d-ac96-774b-bcce-b302099a8057\"",
        "account.last_won_time < now",
        "account.last_won_time >= now - duration(\"P36500D\")",
        "account.custom.signed < now",
        "has(account.custom.signed)",
        "\"sales\" in account.departments",
        "account.grade == \"a\"",
        "account.name.contains(\"köln\")",
        "account.name.contains(\"Koln\")",
        "\"Vip\" in account.tags",
        "account.name.contains(\"50_\")",
        "account.name.contains(\"50%%\")",
    ] {
        assert!(!holds(text), "{text}");
        assert!(holds(&format!("!({text})")), "{text}");
    }
    assert!(holds(
        "account.source != \"web\" && account.last_won_time != now && has(account.tags)"
    ));
}

/// SPEC 3.6, R149.
#[test]
fn months_are_those_of_the_calendar() {
    let extras = Extras::default();
    for (created, now, n, within) in [
        ("2026-05-15T00:00:00Z", "2026-11-15T23:59:59Z", 6, true),
        ("2026-05-14T23:59:59Z", "2026-11-15T00:00:00Z", 6, false),
        ("2026-02-28T00:00:00Z", "2026-08-31T00:00:00Z", 6, true),
        ("2026-02-27T23:59:59Z", "2026-08-31T00:00:00Z", 6, false),
        ("2026-02-28T00:00:00Z", "2026-05-31T00:00:00Z", 3, true),
        ("2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z", 12, true),
    ] {
        let account = Account {
            create_time: at(created),
            ..account()
        };
        let record = Record {
            account: &account,
            extras: &extras,
            owner: None,
        };
        for (text, expected) in [
            (format!("created_within_months({n})"), within),
            (format!("older_than_months({n})"), !within),
        ] {
            let condition = compile(&text).unwrap();
            assert_eq!(
                condition.holds(&record, at(now), Tz::UTC),
                expected,
                "{text} {created} {now}"
            );
        }
    }
}

#[test]
fn time_alone_changes_answers() {
    let (account, extras) = (account(), extras());
    let record = Record {
        account: &account,
        extras: &extras,
        owner: None,
    };
    let now = at("2026-07-01T12:00:00Z");
    for (text, next) in [
        ("account.grade == \"A\"", None),
        (
            "account.last_follow_up_time < now - duration(\"P40D\")",
            Some("2026-07-11T00:00:00.000001Z"),
        ),
        (
            "account.last_follow_up_time <= now - duration(\"P40D\")",
            Some("2026-07-11T00:00:00Z"),
        ),
        ("account.last_follow_up_time < now - duration(\"P20D\")", None),
        ("account.last_won_time < now - duration(\"P40D\")", None),
        ("created_within_months(6)", Some("2026-11-16T00:00:00Z")),
        ("older_than_months(6)", Some("2026-11-16T00:00:00Z")),
        ("created_within_months(1)", None),
        // The earlier change leaves the answer as it is.
        (
            "false && account.last_follow_up_time < now - duration(\"P40D\") || older_than_months(6)",
            Some("2026-11-16T00:00:00Z"),
        ),
    ] {
        let condition = compile(text).unwrap();
        assert_eq!(condition.next_change(&record, now, Tz::UTC), next.map(at), "{text}");
    }
    let utc = compile("created_within_months(6)").unwrap();
    assert_eq!(
        utc.next_change(&record, now, Tz::Asia__Shanghai),
        Some(at("2026-11-15T16:00:00Z"))
    );
}

#[test]
fn a_condition_says_what_it_reads() {
    let condition =
        compile("has(account.grade) && (\"a\" in account.tags || account.custom.size > 1) && created_within_months(2)")
            .unwrap();
    let names: Vec<_> = condition.fields().iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "account.grade",
            "account.tags",
            "account.create_time",
            "account.custom.size"
        ]
    );
    assert!(condition.uses_extras() && condition.depends_on_time() && !condition.uses_departments());
    assert!(condition.reads_custom(Uuid::from_u128(2)) && !condition.reads_custom(Uuid::from_u128(1)));
    let hidden: Vec<_> = condition.fields().iter().map(Field::hidden_as).collect();
    assert_eq!(hidden, ["grade", "tags", "create_time", "custom_fields"]);
    let plain =
        compile("account.owner == \"ann\" && account.create_time < timestamp(\"2026-01-01T00:00:00Z\")").unwrap();
    assert!(!plain.uses_extras() && !plain.depends_on_time());
    assert!(compile("\"sales\" in account.departments").unwrap().uses_departments());
}

#[test]
fn chains_are_flat_and_double_negations_gone() {
    let grade = |text: &str| {
        let value = Value::Text(text.into());
        Node::Test(Test::Compare(
            Field::Standard(Standard::Grade),
            Comparison::Equal,
            value,
        ))
    };
    let [a, b, c] = ["A", "B", "C"].map(|text| format!("account.grade == \"{text}\""));
    let read = |text: String| compile(&text).unwrap().tree().clone();
    let flat = Node::Any(vec![grade("A"), grade("B"), grade("C")]);
    assert_eq!(read(format!("{a} || {b} || {c}")), flat);
    assert_eq!(read(format!("{a} || ({b} || {c})")), flat);
    assert_eq!(read(format!("!(!({a}))")), grade("A"));
    assert_eq!(
        read(format!("{a} || {b} && {c}")),
        Node::Any(vec![grade("A"), Node::All(vec![grade("B"), grade("C")])])
    );
}

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
        "line 1, column 81: is too deep: a condition has at most 8 parts within parts"
    );
    let list = |n: usize| {
        format!(
            "account.won_count in [{}]",
            (0..n).map(|n| (n % 10).to_string()).collect::<Vec<_>>().join(",")
        )
    };
    assert!(compile(&list(500)).is_ok());
    assert_eq!(refused(&list(501)), "line 1, column 22: a list has 1 to 500 values");
    for chain in [
        "!".repeat(1000) + "true",
        "-".repeat(1000) + "1 == account.won_count",
        vec!["1"; 900].join("<"),
        vec!["a"; 900].join("."),
        vec!["1"; 900].join("+"),
        vec!["1"; 500].join(" in "),
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
            "account.custom.sice > 1",
            "line 1, column 1: unknown custom field sice; there are note, size, signed, tier, in",
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
    assert!(
        refused("account.name.size() == 1").contains("unknown function size")
            || refused("account.name.size() == 1").contains("expected")
    );
}

/// What was written once is still read when fields have gone out of use and choices have gone.
#[test]
fn a_stored_condition_outlives_what_it_was_written_for() {
    let mut fields = fields();
    let text = "account.custom.tier == \"gold\" || has(account.custom.note)";
    assert!(Condition::compile(text, &schema_of(&fields)).is_ok());
    for field in &mut fields {
        let mut config = field.config.clone();
        config.choices.retain(|choice| choice != "gold");
        config.enabled = config.name != "note" && config.enabled;
        *field = Arc::new(field.with(config, DateTime::UNIX_EPOCH));
    }
    assert!(Condition::compile(text, &schema_of(&fields)).is_err());
    let (account, mut extras) = (account(), extras());
    let holds = |extras: &Extras| {
        let restored = Condition::restore(text, &schema_of(&fields)).unwrap();
        restored.holds(
            &Record {
                account: &account,
                extras,
                owner: None,
            },
            at("2026-07-01T12:00:00Z"),
            Tz::UTC,
        )
    };
    assert!(holds(&extras));
    extras.fields.remove(&Uuid::from_u128(4));
    // The value of the disabled field is left over and no value any more.
    assert!(extras.fields.contains_key(&Uuid::from_u128(1)) && !holds(&extras));
    fields.retain(|field| field.config.name != "tier");
    assert!(Condition::restore(text, &schema_of(&fields)).is_err());
}
