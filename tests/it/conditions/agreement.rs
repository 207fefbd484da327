//! What the database finds is what the same condition holds of in memory: random conditions over random accounts, with
//! everything in them that engines are known to see differently.

use super::all;
use crate::{
    harness::ACME,
    world::{World, open_pool, user},
};
use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use sea_orm::Value;
use std::{collections::BTreeSet, time::Duration};
use strategy::{Palette, condition, question, quote};
use tidepool::{
    domain::{
        account::{Account, Extras},
        condition::{Condition, Record, Schema},
        ids::{AccountId, TenantName},
        organisation::Organisation,
    },
    rpc::proto::{
        AccountFilter, AccountStatus, BatchUpsertDepartmentsRequest, BatchUpsertUsersRequest, CustomFieldType,
        Department,
    },
    store::{extras, organisation, subject},
};
use tokio::time::Instant;
use uuid::Uuid;

#[path = "../../../src/domain/condition/properties/strategy.rs"]
mod strategy;

/// Accounts of the test.
const ACCOUNTS: usize = 90;
/// Conditions, and single questions.
const CONDITIONS: usize = 120;

/// Texts that are not equal, though some collation says so or some pattern finds them.
const TEXTS: &[&str] = &[
    "A",
    "a",
    "á",
    "A\u{301}",
    "Á",
    "A ",
    " A",
    "A\t",
    "A\n",
    "Aa",
    "a%b",
    "a_b",
    "axb",
    "a\\b",
    "a\\\\b",
    "%",
    "_",
    "ß",
    "ss",
    "ſ",
    "İ",
    "i",
    "ı",
    "\u{1f600}",
    "\u{1f600}x",
    "\u{10348}",
    "\u{ffff}",
    "'; --",
    "\"A\"",
    "北京",
    "０",
    "0",
];

const PEOPLE: &[&str] = &["ann", "bob", "cid", "dan", "eve", "gone"];

struct Draw(TestRunner);

impl Draw {
    fn draw<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    /// One of them; nothing as often as each.
    fn text(&mut self, texts: &[&str]) -> String {
        let at = self.draw(0..texts.len() + 4);
        texts.get(at).map_or_else(String::new, ToString::to_string)
    }

    fn maybe(&mut self, values: &[&str]) -> Option<String> {
        Some(self.text(values)).filter(|text| !text.is_empty())
    }

    fn micros(&mut self, now: i64) -> i64 {
        let day = 86_400_000_000;
        let near = self.draw(-800_i64..800);
        self.draw(select(vec![
            now,
            now - 1,
            now + 1,
            now - day,
            now - day - 1,
            now + near * day,
            now + near * day + 1,
            now - 31 * day,
            1,
            -1,
            -62_135_596_800_000_000,
            253_402_300_799_999_999,
            8_000_000_000_000_000_000,
        ]))
    }
}

async fn random_accounts(
    world: &World,
    draw: &mut Draw,
    ids: &[String],
    pools: &[String],
    fields: &[Uuid],
    choices: &[&str],
) {
    let now = world.server.clock.now().timestamp_micros();
    for id in ids {
        let id = AccountId::parse(id).unwrap().0;
        let mut set: Vec<(&str, Value)> = Vec::new();
        for column in [
            "name", "grade", "industry", "source", "region", "phone", "email", "website", "address", "remark",
        ] {
            set.push((column, draw.text(TEXTS).into()));
        }
        let status = draw.draw(1_i16..=6);
        let owned = matches!(status, 1 | 2 | 4);
        let owner = owned.then(|| draw.draw(select(PEOPLE)));
        let since = owned.then(|| draw.micros(now));
        let pool = draw.maybe(&pools.iter().map(String::as_str).collect::<Vec<_>>());
        let external = draw
            .maybe(&["A", "a", "a%b", "x-"])
            .map(|text| format!("{text}{}", &id.to_string()[30..]));
        set.extend([
            ("kind", draw.draw(1_i16..=3).into()),
            ("status", status.into()),
            ("owner", owner.into()),
            ("owner_since", since.into()),
            ("last_owner", draw.maybe(PEOPLE).into()),
            ("creator", draw.maybe(PEOPLE).into()),
            ("pool_id", pool.map(|id| Uuid::parse_str(&id).unwrap()).into()),
            ("external_id", external.into()),
            ("deal_status", draw.draw(0_i16..=2).into()),
            (
                "won_count",
                draw.draw(select(vec![0_i64, 1, 2, i64::MAX, i64::MIN])).into(),
            ),
            ("transfer_count", draw.draw(0_i64..3).into()),
            ("create_time", draw.micros(now).into()),
            ("update_time", draw.micros(now).into()),
        ]);
        for column in ["last_won_time", "last_follow_up_time"] {
            let time = draw.micros(now);
            set.push((column, draw.draw(select(vec![0, time, time])).into()));
        }
        let assignments: Vec<_> = set.iter().map(|(column, _)| format!("{column} = ?")).collect();
        let sql = format!(
            "UPDATE account SET {} WHERE tenant = 1 AND id = ?",
            assignments.join(", ")
        );
        let mut values: Vec<Value> = set.into_iter().map(|(_, value)| value).collect();
        values.push(id.into());
        world.sql(&sql, values).await;
        let tags: BTreeSet<_> = (0..draw.draw(0..4))
            .filter_map(|_| draw.maybe(TEXTS))
            .filter(|tag| tag.trim_end() == tag.as_str() || !tag.ends_with(' '))
            .collect();
        for tag in tags {
            let sql = "INSERT INTO account_tag (tenant, account_id, tag) VALUES (1, ?, ?)";
            world.sql(sql, vec![id.into(), tag.into()]).await;
        }
        let number = draw.draw(select(vec![
            0.0,
            -1.5,
            0.1,
            3.0,
            1e300,
            -1e300,
            5e-324,
            9_007_199_254_740_992.0,
        ]));
        for (at, field) in fields.iter().enumerate() {
            let (text, time) = match at {
                0 => (draw.maybe(TEXTS), None),
                2 => (None, Some(draw.micros(now))),
                3 => (draw.maybe(choices), None),
                // Of a field that is disabled.
                4 => (Some("A".to_owned()), None),
                _ => (None, None),
            };
            let number = (at == 1).then_some(number);
            if draw.draw(any::<bool>()) && (text.is_some() || time.is_some() || number.is_some()) {
                let sql = "INSERT INTO account_field (tenant, account_id, field_id, text_value, number_value, time_value) VALUES (1, ?, ?, ?, ?, ?)";
                world
                    .sql(
                        sql,
                        vec![id.into(), (*field).into(), text.into(), number.into(), time.into()],
                    )
                    .await;
            }
        }
    }
}

async fn in_memory(world: &World, ids: &[String]) -> (Organisation, Vec<(Account, Extras)>) {
    let db = world.server.db();
    let unit = db.unit("test", Instant::now() + Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let org = organisation::load(&reader, &TenantName::parse(ACME).unwrap(), None)
        .await
        .unwrap()
        .unwrap();
    let ids: Vec<_> = ids.iter().map(|id| AccountId::parse(id).unwrap()).collect();
    let loaded = subject::load(&reader, &org, None, None, &ids).await.unwrap().unwrap();
    let mut more = extras::read(&reader, org.key, &ids).await.unwrap();
    let accounts = loaded.subjects.into_values().map(|subject| {
        let extras = more.remove(&subject.account.id).unwrap_or_default();
        (subject.account, extras)
    });
    let accounts = accounts.collect();
    (org, accounts)
}

/// R131, D26: lists and rules read a condition in one way.
#[tokio::test]
async fn databases_find_what_conditions_hold_of() {
    let world = World::start().await;
    let mut draw = Draw(TestRunner::deterministic());
    let departments = ["sales", "east", "Sales"];
    let department = |id: &&str| Department {
        id: (*id).into(),
        display_name: (*id).into(),
        ..Department::default()
    };
    let request = BatchUpsertDepartmentsRequest {
        departments: departments.iter().map(department).collect(),
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_departments(request)
        .await
        .unwrap();
    let mut bob = user("bob");
    bob.supervisor = "ann".into();
    bob.primary_department = "sales".into();
    bob.other_departments = vec!["east".into()];
    let mut dan = user("dan");
    dan.primary_department = "Sales".into();
    let request = BatchUpsertUsersRequest {
        users: vec![bob, dan],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let pools = [
        world.pool(open_pool("North")).await,
        world.pool(open_pool("South")).await,
    ];
    let choices = ["gold", "Gold", "silver "];
    let choices = choices.map(str::trim_end);
    let mut fields = Vec::new();
    for (name, field_type, choices) in [
        ("note", CustomFieldType::Text, &[][..]),
        ("size", CustomFieldType::Number, &[]),
        ("signed", CustomFieldType::Time, &[]),
        ("tier", CustomFieldType::Choice, &choices),
    ] {
        fields.push(Uuid::parse_str(&world.field(name, field_type, choices).await.id).unwrap());
    }
    let ids = world.many_lying("Card", &pools[0], ACCOUNTS).await;
    random_accounts(&world, &mut draw, &ids, &pools, &fields, &choices).await;
    let (org, accounts) = in_memory(&world, &ids).await;
    assert_eq!(accounts.len(), ACCOUNTS);

    let now = world.server.clock.now();
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let palette = Palette {
        texts: texts(TEXTS),
        users: texts(&["ann", "bob", "Bob", "gone"]),
        departments: texts(&["sales", "Sales", "east", "none"]),
        pools: pools.to_vec(),
        times: [0, -1, 86_400_000_000]
            .map(|micros| (now - chrono::TimeDelta::microseconds(micros)).to_rfc3339())
            .to_vec(),
        numbers: vec![0.0, -1.5, 0.1, 3.0, 1e300, 5e-324, 9_007_199_254_740_992.0],
        counts: vec![0, 1, 2, i64::MAX, i64::MIN],
        custom: ["note", "size", "signed", "tier"],
        choices: texts(&choices),
    };
    let mut conditions: Vec<String> = (0..CONDITIONS)
        .flat_map(|_| [draw.draw(condition(&palette)), draw.draw(question(&palette))])
        .collect();
    // Every text in every role.
    for text in TEXTS {
        let text = quote(text);
        conditions.push(format!(
            "account.name == {text} || {text} in account.tags || account.custom.note in [{text}]"
        ));
        for test in ["startsWith", "contains", "endsWith"] {
            conditions.push(format!(
                "account.remark.{test}({text}) || account.custom.note.{test}({text})"
            ));
        }
        conditions.push(format!("account.grade < {text}"));
    }
    let statuses = (1..=6)
        .map(|number| AccountStatus::try_from(number).unwrap().into())
        .collect::<Vec<i32>>();
    let root = world.user("root");
    let (mut some, mut none_or_all) = (0, 0);
    for text in conditions {
        let mut request = all(&text);
        request.filter = Some(AccountFilter {
            statuses: statuses.clone(),
            ..request.filter.unwrap()
        });
        let listed: BTreeSet<String> = root
            .whole(&request)
            .await
            .into_iter()
            .map(|account| account.id)
            .collect();
        let condition = Condition::compile(&text, &Schema::of(&org)).unwrap();
        let holds = |(account, extras): &&(Account, Extras)| {
            let record = Record::new(account, extras, &org.directory);
            condition.holds(&record, now, org.tenant.settings.time_zone)
        };
        let expected: BTreeSet<String> = accounts
            .iter()
            .filter(holds)
            .map(|(account, _)| account.id.to_string())
            .collect();
        if listed != expected {
            let differ: Vec<_> = listed.symmetric_difference(&expected).collect();
            let (account, extras) = accounts
                .iter()
                .find(|(account, _)| account.id.to_string() == *differ[0])
                .unwrap();
            panic!(
                "{text}\nlisted: {}\n{account:?}\n{extras:?}",
                listed.contains(differ[0])
            );
        }
        if expected.is_empty() || expected.len() == ACCOUNTS {
            none_or_all += 1;
        } else {
            some += 1;
        }
    }
    // The test says something: most conditions tell accounts apart.
    assert!(some > none_or_all, "{some} {none_or_all}");
    // Accounts were written by hand.
    world.server.discard().await;
}
