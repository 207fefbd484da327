//! What a change of reclaim rules would do to the accounts that are owned now: the configuration is compiled as it would
//! be afterwards, and every account is planned under it by what plans it then.

use super::{config::Retention, matching::StoredRule, rule::ReclaimRule};
use crate::domain::{
    account::Account,
    condition::Schema,
    config_change::{ConfigChange, Write},
    configured::{ConfigTable, Configured},
    ids::{AccountId, UserId},
    organisation::Organisation,
    retention_plan,
};
use chrono::{DateTime, Utc};

/// Accounts that are named.
const SAMPLES: usize = 20;

/// The organisation as it would be after the change, as far as clocks run on it.
pub fn after(org: &Organisation, change: &ConfigChange) -> Result<Organisation, serde_json::Error> {
    let mut rows = org.retention.rows();
    let rules = &mut rows.reclaim_rules;
    for write in &change.writes {
        match write {
            Write::RowInsert(ConfigTable::ReclaimRule, row) => rules.push(read(row)?),
            Write::RowUpdate(ConfigTable::ReclaimRule, row) => {
                let new = read(row)?;
                rules
                    .iter_mut()
                    .filter(|rule| rule.id == new.id)
                    .for_each(|rule| rule.clone_from(&new));
            }
            Write::RowDelete(ConfigTable::ReclaimRule, id) => rules.retain(|rule| rule.id != *id),
            _ => {}
        }
    }
    Ok(Organisation {
        retention: Retention::compile(rows, &Schema::of(org)),
        revisions: change.raise(org),
        ..org.clone()
    })
}

fn read(row: &Configured<String>) -> Result<StoredRule, serde_json::Error> {
    Ok(StoredRule {
        id: row.id,
        version: row.version,
        config: serde_json::from_str::<ReclaimRule>(&row.config)?,
        create_time: row.create_time,
        update_time: row.update_time,
    })
}

/// The deadline of an account before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: Option<UserId>,
    /// Its deadline without the change.
    pub old: Option<DateTime<Utc>>,
    /// Its deadline with it.
    pub new: Option<DateTime<Utc>>,
}

/// What becomes of deadlines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Accounts that are reclaimed earlier.
    pub earlier: usize,
    /// Later.
    pub later: usize,
    /// That were not to be reclaimed, and are.
    pub gained: usize,
    /// That were to be reclaimed, and are not any more.
    pub lost: usize,
    /// That keep the hours of notice.
    pub noticed: usize,
    /// Those of them whose time would be over.
    pub overdue: usize,
    /// Some of those whose deadline becomes another one, those that are reclaimed first at the top.
    pub samples: Vec<Moved>,
}

impl Effect {
    /// Accounts whose deadline becomes another one.
    #[must_use]
    pub const fn affected(&self) -> usize {
        self.earlier + self.later + self.gained + self.lost
    }

    /// Counts an account, `before` the change and planned as it would be under it at `now`.
    pub fn count(&mut self, org: &Organisation, before: &Account, now: DateTime<Utc>) {
        let mut planned = before.clone();
        if retention_plan::replan(org, &mut planned, now) {
            self.noticed += 1;
            let mut unnoticed = before.clone();
            retention_plan::plan(org, &mut unnoticed);
            self.overdue += usize::from(unnoticed.clock.reclaim_time.is_some_and(|at| at <= now));
        }
        let (old, new) = (before.clock.reclaim_time, planned.clock.reclaim_time);
        match (old, new) {
            (Some(old), Some(new)) if new < old => self.earlier += 1,
            (Some(old), Some(new)) if new > old => self.later += 1,
            (None, Some(_)) => self.gained += 1,
            (Some(_), None) => self.lost += 1,
            _ => return,
        }
        self.samples.push(Moved {
            account: planned.id,
            name: planned.profile.name,
            owner: planned.owner,
            old,
            new,
        });
        if self.samples.len() >= 2 * SAMPLES {
            self.cut();
        }
    }

    /// Drops the samples that are too many.
    pub fn cut(&mut self) {
        self.samples
            .sort_by_key(|moved| (moved.new.is_none(), moved.new, moved.account));
        self.samples.truncate(SAMPLES);
    }
}

/// An account as it is at `now` before the change: where the worker has not got to it since rules changed or its time
/// came, as it will leave it.
#[must_use]
pub fn before(org: &Organisation, account: Account, now: DateTime<Utc>) -> Account {
    let mut before = Account {
        update_time: now.max(account.update_time),
        ..account
    };
    retention_plan::replan(org, &mut before, now);
    before
}

#[cfg(test)]
mod tests;
