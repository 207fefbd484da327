//! Which columns changes write, for one account and for several.

use super::{ROWS, VALUES, updates};
use crate::{
    domain::{
        account::{Account, AccountKind, Profile, Status},
        change::{Change, Effects, Event, EventKind},
        ids::{AccountId, TenantKey, UserId},
    },
    store::batch::Update,
};
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

fn account(number: u128) -> Account {
    let text = String::new;
    let profile = Profile {
        kind: AccountKind::Company,
        name: "Acme".into(),
        grade: text(),
        industry: text(),
        source: text(),
        region: text(),
        phone: text(),
        email: text(),
        website: text(),
        address: text(),
        location: None,
        remark: "Old".into(),
        external_id: None,
    };
    let id = AccountId(Uuid::from_u128(number));
    Account {
        version: 3,
        ..Account::new(id, profile, None, DateTime::UNIX_EPOCH)
    }
}

/// The change that leaves the account as `edit` makes it.
fn change(number: u128, edit: impl FnOnce(&mut Account)) -> Change {
    let before = account(number);
    let mut after = Account {
        version: before.version + 1,
        ..before.clone()
    };
    edit(&mut after);
    let kind = EventKind::Updated;
    let effects = Effects::default();
    Change::of(&before, after, Event { kind, effects })
}

fn written(changes: &[Change]) -> Vec<(usize, Update)> {
    updates(TenantKey(1), &changes.iter().collect::<Vec<_>>())
}

/// The columns that a statement sets.
fn columns(update: &Update) -> Vec<&str> {
    let set = update.sql.strip_prefix("UPDATE account SET ").unwrap();
    let (set, _) = set.split_once(", version = version + 1 WHERE").unwrap();
    let mut depth = 0_usize;
    let mut columns = Vec::new();
    for word in set.split([' ', ',']) {
        match word {
            "CASE" => depth += 1,
            "END" => depth -= 1,
            "" | "=" | "?" => {}
            name if depth == 0 => columns.push(name),
            _ => {}
        }
    }
    columns
}

#[test]
fn only_what_differs_is_written() {
    type Edit = fn(&mut Account);
    let cases: [(&str, Edit, &[&str]); 6] = [
        ("nothing", |_| {}, &[]),
        (
            "the owner",
            |a| a.owner = Some(UserId::parse("bob").unwrap()),
            &["owner"],
        ),
        ("time", |a| a.update_time += TimeDelta::seconds(1), &["update_time"]),
        // Both by which the name is found change with it.
        (
            "the name",
            |a| a.profile.name = "Other".into(),
            &["name", "name_key", "unique_name"],
        ),
        // It keeps its name.
        ("the state", |a| a.status = Status::Canceled, &["status"]),
        // Its name becomes free.
        (
            "merged",
            |a| {
                a.status = Status::Merged;
                a.merged_into = Some(AccountId(Uuid::from_u128(9)));
            },
            &["status", "merged_into", "unique_name"],
        ),
    ];
    for (name, edit, expected) in cases {
        let written = written(&[change(1, edit)]);
        let [(1, update)] = &written[..] else {
            panic!("{name}: {} statements", written.len())
        };
        let mut all: Vec<_> = ["wake_time", "planned_revision"].iter().chain(expected).collect();
        let mut found: Vec<_> = columns(update);
        all.sort_unstable();
        found.sort_unstable();
        assert_eq!(found.iter().collect::<Vec<_>>(), all, "{name}");
    }
}

/// Each of several gets its own value of a column that one of them changes.
#[test]
fn accounts_of_a_statement_share_its_columns() {
    let owner = |a: &mut Account| a.owner = Some(UserId::parse("bob").unwrap());
    let name = |a: &mut Account| a.profile.remark = "Other".into();
    let written = written(&[change(1, owner), change(2, name), change(3, owner)]);
    let [(3, update)] = &written[..] else {
        panic!("{} statements", written.len())
    };
    assert_eq!(columns(update), ["wake_time", "planned_revision", "owner", "remark"]);
    let old: sea_orm::Value = Some(account(2).profile.remark).into();
    let remarks = update.values.iter().filter(|value| **value == old).count();
    assert_eq!(remarks, 2, "{}", update.sql);
}

#[test]
fn statements_are_bounded() {
    let few: Vec<_> = (0..1000).map(|at| change(at, |a| a.transfer_count += 1)).collect();
    let rows: Vec<_> = written(&few).iter().map(|(rows, _)| *rows).collect();
    assert_eq!(rows, [ROWS, 1000 - ROWS]);
    let many = |at| {
        change(at, |a| {
            let text = |place: &mut String| place.push_str("other");
            let profile = &mut a.profile;
            text(&mut profile.remark);
            text(&mut profile.grade);
            text(&mut profile.region);
            text(&mut profile.phone);
            text(&mut profile.email);
            text(&mut profile.website);
            text(&mut profile.address);
        })
    };
    let many: Vec<_> = (0..1000).map(many).collect();
    let written = written(&many);
    assert!(written.len() > 2, "{} statements", written.len());
    assert_eq!(written.iter().map(|(rows, _)| rows).sum::<usize>(), 1000);
    for (rows, update) in &written {
        assert!(rows * columns(update).len() <= VALUES);
    }
}

/// What is new has its own statement.
#[test]
fn new_accounts_are_not_updated() {
    let kind = EventKind::Created;
    let effects = Effects::default();
    assert!(written(&[Change::new(account(1), Event { kind, effects })]).is_empty());
}
