//! Properties of conditions: printed, they are read as the same again; they answer for every account; the instant at
//! which time changes the answer is exact; no text whatever makes anything panic.

use super::{
    Condition, Problem, Record, Schema,
    tests::{fields, schema_of},
};
use crate::domain::{
    account::{Account, AccountKind, DealStatus, Extras, Profile, Status},
    custom_field::FieldValue,
    directory::User,
    ids::{AccountId, DepartmentId, ExternalId, PoolId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::{option, prelude::*, sample::select};
use strategy::{Palette, condition};
use uuid::Uuid;

mod strategy;

const POOLS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

fn palette() -> Palette {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    Palette {
        texts: texts(&[
            "A",
            "a",
            "é",
            "e",
            "50%",
            "a_b",
            "back\\slash",
            "\"quoted\"",
            "\u{1f600} smile",
            "two\nlines",
        ]),
        users: texts(&["ann", "bob", "Ann"]),
        departments: texts(&["sales", "east"]),
        pools: POOLS.iter().map(ToString::to_string).collect(),
        times: texts(&[
            "2026-03-01T00:00:00Z",
            "2025-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00Z",
        ]),
        numbers: vec![0.0, -1.5, 1e300, 5e-324, 9_007_199_254_740_992.0],
        counts: vec![0, 1, 2, -1, i64::MAX, i64::MIN],
        custom: ["note", "size", "signed", "tier"],
        choices: texts(&["gold", "silver"]),
    }
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        (1_600_000_000_000_000_i64..1_900_000_000_000_000)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap()),
        select(vec![
            DateTime::<Utc>::MIN_UTC,
            DateTime::UNIX_EPOCH,
            DateTime::from_timestamp_micros(DateTime::<Utc>::MAX_UTC.timestamp_micros()).unwrap()
        ]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), select(palette().texts), "\\PC{0,8}"]
}

fn user() -> impl Strategy<Value = Option<UserId>> {
    option::of(select(palette().users).prop_map(|id| UserId::parse(&id).unwrap()))
}

#[derive(Clone, Debug)]
pub(super) struct Facts {
    account: Account,
    extras: Extras,
    owner: User,
}

impl Facts {
    pub(super) fn record(&self) -> Record<'_> {
        Record {
            account: &self.account,
            extras: &self.extras,
            owner: Some(&self.owner),
        }
    }
}

prop_compose! {
    fn facts()(
        texts in prop::collection::vec(text(), 11),
        users in (user(), user(), user()),
        times in (time(), option::of(time()), option::of(time()), option::of(time())),
        pool in option::of(select(&POOLS[..])),
        numbers in (1_i16..=7, 1_i16..=3, 0_i16..=2, select(vec![0, 1, 2, i64::MAX])),
        tags in prop::collection::btree_set(text(), 0..4),
        note in option::of(text()),
        size in option::of(select(palette().numbers)),
        signed in option::of(time()),
        tier in option::of(select(palette().choices)),
        departments in prop::collection::vec(select(palette().departments), 0..3),
    ) -> Facts {
        let [name, grade, industry, source, region, phone, email, website, address, remark, external] =
            <[String; 11]>::try_from(texts).unwrap();
        let profile = Profile {
            kind: AccountKind::from_number(numbers.1).unwrap(),
            name, grade, industry, source, region, phone, email, website, address, remark,
            location: None,
            external_id: ExternalId::parse(&external).ok(),
        };
        let account = Account {
            status: Status::from_number(numbers.0).unwrap(),
            deal_status: DealStatus::from_number(numbers.2).unwrap(),
            won_count: numbers.3,
            transfer_count: numbers.3,
            owner: users.0,
            last_owner: users.1,
            owner_since: times.1,
            last_follow_up_time: times.2,
            last_won_time: times.3,
            pool_id: pool.map(PoolId),
            ..Account::new(AccountId(Uuid::nil()), profile, users.2, times.0)
        };
        let mut extras = Extras { tags: tags.into_iter().collect(), ..Extras::default() };
        for (name, value) in [
            ("note", note.map(FieldValue::Text)),
            ("size", size.map(FieldValue::Number)),
            ("signed", signed.map(FieldValue::Time)),
            ("tier", tier.map(FieldValue::Text)),
        ] {
            let id = fields().iter().find(|field| field.config.name == name).unwrap().id;
            extras.fields.extend(value.map(|value| (id, value)));
        }
        let departments: Vec<_> = departments.iter().map(|id| DepartmentId::parse(id).unwrap()).collect();
        let owner = User {
            id: UserId::parse("ann").unwrap(),
            display_name: String::new(),
            active: true,
            primary_department: departments.first().cloned(),
            other_departments: departments.into_iter().skip(1).collect(),
            supervisor: None,
            groups: Vec::new(),
            roles: Vec::new(),
            region: String::new(),
            skills: Vec::new(),
        };
        Facts { account, extras, owner }
    }
}

fn zone() -> impl Strategy<Value = Tz> {
    select(vec![
        Tz::UTC,
        Tz::Asia__Shanghai,
        Tz::America__Sao_Paulo,
        Tz::Pacific__Apia,
        Tz::America__St_Johns,
    ])
}

fn compile(text: &str) -> Result<Condition, Problem> {
    let fields = fields();
    Condition::compile(text, &schema_of(&fields))
}

/// The words and signs of the language and their neighbours.
const PIECES: &[&str] = &[
    "account",
    ".",
    "custom",
    "grade",
    "tags",
    "is_won",
    "won_count",
    "create_time",
    "owner",
    "size",
    "(",
    ")",
    "[",
    "]",
    "!",
    "-",
    "+",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    " in ",
    "in",
    "\"A\"",
    "'a'",
    "\"\\u00e9\"",
    "1",
    "1.5",
    "0x1F",
    "1e400",
    "9u",
    "null",
    "true",
    "now",
    "timestamp(",
    "duration(",
    "\"P90D\"",
    "has(",
    "startsWith",
    "matches",
    "exists(",
    ",",
    " ",
    "\n",
    "created_within_months(",
    "6",
    "?",
    ":",
    "{",
    "}",
    "%",
    "é",
    "\u{1f600}",
    "\"",
    "'",
    "\\",
    "//",
    "`",
    "if",
    "r\"x\"",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_condition_is_the_same_again(text in condition(&palette())) {
        let read = compile(&text).unwrap();
        let printed = read.tree().to_string();
        // Printing writes out what the text may have said more briefly.
        if printed.len() <= super::TEXT_MAX {
            let again = compile(&printed).unwrap();
            prop_assert_eq!(again.tree(), read.tree(), "{}", printed);
        }
    }

    #[test]
    fn every_condition_has_an_answer_for_every_account(
        text in condition(&palette()), facts in facts(), now in time(), tz in zone(),
    ) {
        let condition = compile(&text).unwrap();
        let holds = condition.holds(&facts.record(), now, tz);
        let not = compile(&format!("!({text})"));
        // A part more may be one too deep.
        if let Ok(not) = not {
            prop_assert_eq!(not.holds(&facts.record(), now, tz), !holds);
        }
    }

    #[test]
    fn what_a_condition_does_not_read_changes_nothing(
        text in condition(&palette()), facts in facts(), now in time(), tz in zone(),
    ) {
        let condition = compile(&text).unwrap();
        let mut less = facts.record();
        let nothing = Extras::default();
        if !condition.uses_extras() {
            less.extras = &nothing;
        }
        if !condition.uses_departments() {
            less.owner = None;
        }
        prop_assert_eq!(condition.holds(&less, now, tz), condition.holds(&facts.record(), now, tz));
    }

    #[test]
    fn the_next_change_is_exact(
        text in condition(&palette()), facts in facts(), now in 1_600_000_000_000_000_i64..1_900_000_000_000_000,
        tz in zone(), samples in prop::collection::vec(0.0..1.0, 20),
    ) {
        let now = DateTime::from_timestamp_micros(now).unwrap();
        let condition = compile(&text).unwrap();
        let record = facts.record();
        let today = condition.holds(&record, now, tz);
        let next = condition.next_change(&record, now, tz);
        if !condition.depends_on_time() {
            prop_assert_eq!(next, None);
        }
        let micro = TimeDelta::microseconds(1);
        if let Some(next) = next {
            prop_assert!(next > now);
            prop_assert_eq!(condition.holds(&record, next, tz), !today);
            prop_assert_eq!(condition.holds(&record, next - micro, tz), today);
        }
        // Nothing changes before; where nothing ever does, not within a hundred and fifty years.
        let end = next.map_or(now + TimeDelta::days(55_000), |next| next - micro);
        for sample in samples {
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any instant will do")]
            let at = now + TimeDelta::microseconds(((end - now).num_microseconds().unwrap() as f64 * sample) as i64);
            prop_assert_eq!(condition.holds(&record, at, tz), today, "{} at {}", text, at);
        }
    }

    /// What the fuzz target does, bounded.
    #[test]
    fn no_text_makes_anything_panic(text in prop_oneof![
        "\\PC{0,200}",
        prop::collection::vec(select(PIECES), 0..60).prop_map(|pieces| pieces.concat()),
        (condition(&palette()), any::<prop::sample::Index>(), select(PIECES)).prop_map(|(text, at, piece)| {
            let at = at.index(text.len() + 1);
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            format!("{}{piece}{}", &text[..at], &text[at..])
        }),
    ], facts in facts(), now in time()) {
        let fields = fields();
        match Condition::compile(&text, &Schema::new(&fields)) {
            Ok(condition) => {
                let record = facts.record();
                let _ = condition.holds(&record, now, Tz::Asia__Shanghai);
                let _ = condition.next_change(&record, now, Tz::Asia__Shanghai);
                prop_assert_eq!(Condition::restore(&text, &Schema::new(&fields)), Ok(condition));
            }
            // What is told fits into an answer, whatever it is about.
            Err(problem) => prop_assert!(problem.to_string().len() < 3000, "{}", problem),
        }
    }
}
