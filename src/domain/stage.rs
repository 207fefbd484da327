//! An organisation for table tests of decisions about one account: `root` is CRM admin, `sue` supervises `ann`, `adm`
//! administers pool 1 and `oth` pool 2, `mem` is a member of both, `old` has left. Pool 1 reclaims after 30 days without a
//! follow-up, to the microsecond.

use super::{
    account::{Account, Lock},
    change::Change,
    circulation::{Decision, Scene, Subject},
    directory::{CRM_ADMIN, Department, Directory, Entry, User},
    error::Error,
    ids::{CallerId, DepartmentId, Role, UserId},
    pool::{Pool, PoolMembers},
    principal::Principal,
    retention::{
        config::{RetentionPause, UserAbsence},
        hold::{Absence, Span},
        terms::{ReclaimTerms, RuleDays},
        tests::{Shop, owned, pool_id},
    },
    retention_plan,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// 1 March 2026, 10:00 in Shanghai, and so many days later.
pub(super) fn day(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_330_400, 0).unwrap() + TimeDelta::days(n)
}

/// The smallest time that there is.
pub(super) const TICK: TimeDelta = TimeDelta::microseconds(1);

pub(super) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(super) fn department(id: &str) -> DepartmentId {
    DepartmentId::parse(id).unwrap()
}

/// So many days without a follow-up.
pub(super) fn follow_up(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            follow_up: Some(days),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    }
}

fn entry<T>(value: T) -> Arc<Entry<T>> {
    Arc::new(Entry {
        value,
        version: 1,
        update_time: DateTime::UNIX_EPOCH,
    })
}

fn people() -> Directory {
    let person = |id: &str| User {
        id: user(id),
        display_name: id.into(),
        active: true,
        primary_department: Some(department("sales")),
        other_departments: vec![],
        supervisor: None,
        groups: vec![],
        roles: vec![],
        region: String::new(),
        skills: vec![],
    };
    let users = [
        User {
            roles: vec![Role::parse(CRM_ADMIN).unwrap()],
            ..person("root")
        },
        person("top"),
        User {
            supervisor: Some(user("top")),
            ..person("sue")
        },
        User {
            supervisor: Some(user("sue")),
            ..person("ann")
        },
        person("adm"),
        person("oth"),
        person("mem"),
        User {
            active: false,
            supervisor: Some(user("sue")),
            ..person("old")
        },
    ];
    let sales = Department {
        id: department("sales"),
        display_name: "Sales".into(),
        parent: None,
        head: None,
    };
    Directory::compile(
        users.map(|user| (user.id.clone(), entry(user))).into(),
        [(sales.id.clone(), entry(sales))].into(),
        [].into(),
    )
}

/// The organisation, and who wants something of it when.
pub(super) struct Stage {
    pub(super) shop: Shop,
    pub(super) now: DateTime<Utc>,
}

impl Stage {
    /// Pools 1 and 2 in use, 3 out of use; it is day 10.
    pub(super) fn new() -> Self {
        let mut shop = Shop::new().pool(1).pool(2).disabled(3);
        shop.org.directory = Arc::new(people());
        for (pool, admin) in [(1, "adm"), (2, "oth"), (3, "oth")] {
            let pool: &mut Pool = Arc::make_mut(shop.org.pools.get_mut(&pool_id(pool)).unwrap());
            pool.config.administrators = vec![user(admin)];
            pool.config.members = PoolMembers {
                users: vec![user("ann"), user("mem")],
                ..PoolMembers::default()
            };
        }
        Self {
            shop: shop.rule(1, 1, &follow_up(30)),
            now: day(10),
        }
    }

    pub(super) fn at(self, now: DateTime<Utc>) -> Self {
        Self { now, ..self }
    }

    /// With another rule for pool 1.
    pub(super) fn ruled(self, terms: &ReclaimTerms) -> Self {
        Self {
            shop: self.shop.rule(1, 1, terms),
            ..self
        }
    }

    /// The user is away.
    pub(super) fn away(from: DateTime<Utc>, until: DateTime<Utc>, who: &str) -> UserAbsence {
        UserAbsence {
            user_id: user(who),
            absence: Absence { from, until },
            reason: String::new(),
        }
    }

    /// Nothing is reclaimed in pool 1.
    pub(super) fn pause(from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> RetentionPause {
        RetentionPause {
            pool_id: Some(pool_id(1)),
            span: Span { from, until },
            reason: String::new(),
        }
    }

    /// An account of pool 1 that `ann` has had since day 0, its clock as it would be stored.
    pub(super) fn owned(&self) -> Account {
        self.planned(owned(Some(1), day(0)))
    }

    /// The account with its clock as it would be stored.
    pub(super) fn planned(&self, mut account: Account) -> Account {
        retention_plan::plan(&self.shop.org, &mut account);
        account
    }

    /// Whoever it is: `service` stands for one that administers and acts for nobody.
    pub(super) fn principal(&self, who: &str) -> Principal {
        let actor = (who != "service").then(|| user(who));
        let caller = CallerId::parse("crm").unwrap();
        Principal::resolve(&self.shop.org, caller, actor, who == "service").unwrap()
    }

    pub(super) fn scene<'a>(&'a self, principal: &'a Principal) -> Scene<'a> {
        Scene {
            org: &self.shop.org,
            principal,
            now: self.now,
        }
    }
}

/// The account as it was read for somebody who is in no team.
pub(super) fn subject(account: &Account) -> Subject {
    Subject {
        account: account.clone(),
        banned_since: None,
        team: None,
        has_contacts: false,
    }
}

/// A lock of `ann`.
pub(super) fn lock(from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Lock {
    Lock {
        user: user("ann"),
        from,
        until,
    }
}

/// `OK`, `SAME`, the fields that are wrong, or all reasons.
pub(super) fn said(decided: &Result<Decision, Error>) -> String {
    match decided {
        Ok(Decision::Change(_)) => "OK".into(),
        Ok(Decision::Same(_)) => "SAME".into(),
        Err(Error::Invalid(violations)) => {
            let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
            fields.join(" ")
        }
        Err(Error::Refused(refusals)) => {
            let reasons: Vec<_> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
            reasons.join(" ")
        }
    }
}

/// The change that it must be.
pub(super) fn change(decided: Result<Decision, Error>) -> Change {
    match decided {
        Ok(Decision::Change(change)) => *change,
        other => panic!("no change: {other:?}"),
    }
}

/// A fact of the first refusal.
pub(super) fn fact(decided: &Result<Decision, Error>, key: &str) -> String {
    match decided {
        Err(Error::Refused(refusals)) => refusals[0].metadata[key].clone(),
        other => panic!("not refused: {other:?}"),
    }
}
