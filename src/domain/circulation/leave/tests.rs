//! Where a leaver's accounts go.

use super::*;
use crate::domain::{
    circulation::{Item, Move, decide},
    configured::Configured,
    retention::{
        rule::{ReclaimRule, RuleHome},
        terms::{ReclaimAction, ReclaimTerms},
        tests::{owned, pool_id},
    },
    stage::{Stage, change, day, department, follow_up, said, subject},
};
use chrono::DateTime;
use uuid::Uuid;

/// A rule of the leaver's department; its number is its priority.
fn of_department(stage: Stage, number: u32, terms: ReclaimTerms) -> Stage {
    let config = ReclaimRule {
        home: RuleHome::Department(department("sales")),
        include_sub_departments: false,
        enabled: true,
        clock_floor: None,
        terms: ReclaimTerms {
            priority: number,
            ..terms
        },
    };
    let id = Uuid::from_u128(100 + u128::from(number));
    Stage {
        shop: stage.shop.stored(Configured::new(id, config, DateTime::UNIX_EPOCH)),
        ..stage
    }
}

fn into(pool: u128, condition: &str) -> ReclaimTerms {
    ReclaimTerms {
        target_pool_id: Some(pool_id(pool)),
        condition: condition.into(),
        ..follow_up(30)
    }
}

fn released(stage: &Stage, account: &Account, target: Option<u128>) -> Result<Decision, Error> {
    let leaver = account.owner.clone().unwrap();
    let item = Item {
        account: account.id,
        etag: None,
        follow: Vec::new(),
        wanted: Move::Release {
            user: leaver,
            target: target.map(pool_id),
        },
    };
    let principal = stage.principal("service");
    decide(&stage.scene(&principal), Some(&subject(account)), &item, None)
}

/// An account of `old`, who has left.
fn left(stage: &Stage, pool: Option<u128>) -> Account {
    let mut account = owned(pool, day(0));
    account.owner = UserId::parse("old").ok();
    stage.planned(account)
}

/// D47: the pool that was asked for, else that of the rule that decides over the account, else none.
#[test]
fn d47_an_account_outside_pools_goes_where_somebody_said() {
    let no_reclaim = || ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        ..ReclaimTerms::default()
    };
    let rules: [(&str, Vec<ReclaimTerms>, Option<u128>); 6] = [
        ("no rule", vec![], None),
        ("a rule", vec![into(2, "")], Some(2)),
        (
            "the first does not fit",
            vec![into(1, "account.grade == \"A\""), into(2, "")],
            Some(2),
        ),
        ("none fits", vec![into(2, "account.grade == \"A\"")], None),
        ("the first reclaims nothing", vec![no_reclaim(), into(2, "")], None),
        ("into a pool out of use", vec![into(3, "")], None),
    ];
    for (name, rules, pool) in rules {
        let stage = (1..).zip(rules).fold(Stage::new(), |stage, (number, terms)| {
            of_department(stage, number, terms)
        });
        let stage = &stage;
        let account = left(stage, None);
        let change = change(released(stage, &account, None));
        let pool = pool.map(pool_id);
        assert_eq!((change.after.pool_id, change.enters), (pool, pool), "{name}");
        assert_eq!(
            (change.after.status, change.after.owner, change.after.last_owner),
            (Status::Unassigned, None, account.owner.clone()),
            "{name}"
        );
        assert_eq!(change.after.pool_entry_cause, Some(EntryCause::OwnerLeft), "{name}");
        assert_eq!(change.after.clock.reclaim_time, None, "{name}");
        // Who is asked by name goes before every rule.
        let asked = self::change(released(stage, &account, Some(1)));
        assert_eq!(
            (asked.after.pool_id, asked.enters),
            (Some(pool_id(1)), Some(pool_id(1)))
        );
        // What belongs to a pool waits there, whatever was asked.
        for target in [None, Some(2)] {
            let pooled = self::change(released(stage, &left(stage, Some(1)), target));
            assert_eq!((pooled.after.pool_id, pooled.enters), (Some(pool_id(1)), None));
        }
    }
}

/// A pool that was asked for has to be in use; nobody is released who has not left.
#[test]
fn what_was_asked_for_must_be_possible() {
    let stage = Stage::new();
    for target in [3, 9] {
        let refused = released(&stage, &left(&stage, None), Some(target));
        assert_eq!(said(&refused), "TARGET_POOL_FORBIDDEN");
    }
    assert_eq!(said(&released(&stage, &stage.owned(), None)), "USER_ACTIVE");
    let other = Move::Release {
        user: UserId::parse("old").unwrap(),
        target: None,
    };
    let account = stage.owned();
    let item = Item {
        account: account.id,
        etag: None,
        follow: Vec::new(),
        wanted: other,
    };
    let principal = stage.principal("root");
    let decided = decide(&stage.scene(&principal), Some(&subject(&account)), &item, None);
    assert_eq!(said(&decided), "SAME");
    let principal = stage.principal("adm");
    let decided = decide(&stage.scene(&principal), Some(&subject(&account)), &item, None);
    assert_eq!(said(&decided), "NOT_AUTHORIZED");
}
