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
    directory::User,
    ids::{AccountId, DepartmentId, PoolId, UserId},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;
use uuid::Uuid;

mod refusals;
mod words;

pub(in crate::domain) fn fields() -> Vec<Arc<Configured<CustomField>>> {
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

/// What is said of a text that is no condition.
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

/// Of an account in a pool, whose owner works in a department.
#[test]
fn pools_and_departments_are_asked_for() {
    let pool = "01890a5d-ac96-774b-bcce-b302099a8057";
    let account = Account {
        pool_id: Some(PoolId(pool.parse().unwrap())),
        ..account()
    };
    let owner = User {
        id: UserId::parse("ann").unwrap(),
        display_name: String::new(),
        active: true,
        primary_department: Some(DepartmentId::parse("sales").unwrap()),
        other_departments: vec![DepartmentId::parse("east").unwrap()],
        supervisor: None,
        groups: Vec::new(),
        roles: Vec::new(),
        region: String::new(),
        skills: Vec::new(),
    };
    let extras = extras();
    let record = Record {
        account: &account,
        extras: &extras,
        owner: Some(&owner),
    };
    for (text, expected) in [
        (format!("account.pool == \"{pool}\""), true),
        ("account.pool == \"01890a5d-ac96-774b-bcce-b302099a8058\"".into(), false),
        (
            "\"sales\" in account.departments && \"east\" in account.departments".into(),
            true,
        ),
        // A tag is no department, and a department no tag.
        ("\"vip\" in account.departments".into(), false),
        ("\"sales\" in account.tags".into(), false),
    ] {
        let holds = compile(&text)
            .unwrap()
            .holds(&record, at("2026-07-01T12:00:00Z"), Tz::UTC);
        assert_eq!(holds, expected, "{text}");
    }
}

/// R149.
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
    let names: Vec<_> = condition.fields().iter().map(Field::name).collect();
    assert_eq!(names, ["grade", "tags", "create_time", "custom.size"]);
    let hidden: Vec<_> = condition.fields().iter().map(Field::hidden_as).collect();
    assert_eq!(hidden, ["grade", "tags", "create_time", "custom_fields"]);
    // A word of the language cannot follow a point.
    let word = compile("account.custom[\"in\"] == \"x\"").unwrap();
    assert_eq!(word.fields().first().unwrap().to_string(), "account.custom[\"in\"]");
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

/// Every example of the documentation is a condition.
#[test]
fn documented_examples_are_conditions() {
    let page = include_str!("../../../docs/conditions.md");
    let examples = page.split("## ").find(|part| part.starts_with("Examples")).unwrap();
    let mut count = 0;
    for line in examples
        .lines()
        .filter(|line| line.starts_with('|') && line.contains('`'))
    {
        let (_, text) = line.rsplit_once("| `").unwrap();
        let text = text.trim_end_matches("` |").replace("custom.employees", "custom.size");
        assert_eq!(compile(&text).err(), None, "{text}");
        count += 1;
    }
    assert_eq!(count, 12);
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
