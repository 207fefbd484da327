//! What changes write of the accounts that there are: the columns in which one of a statement's accounts is not as it was. Of
//! fifty columns a claim changes ten; a server parses, compares and logs what it is told.

use super::{
    account_row::{Column, LOOKED_AT, columns, profile},
    batch::{Row, Update},
};
use crate::domain::{account::Account, change::Change, ids::TenantKey};
use sea_orm::Value;

/// Accounts of one statement at most.
const ROWS: usize = 512;
/// Their columns, all together, at most: what a server looks through for each row grows with both.
const VALUES: usize = 4096;

/// Columns by their place in `account_row::columns`, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places(u64);

impl Places {
    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    const fn number(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// An account that changes.
struct Changed<'a> {
    version: i64,
    after: &'a Account,
    columns: Vec<Column>,
    differ: Places,
}

impl<'a> Changed<'a> {
    /// Nothing of an account that is new.
    fn of(change: &'a Change) -> Option<Self> {
        let (before, after) = (change.before.as_ref()?, &change.after);
        let (mut old, mut new) = (columns(before), columns(after));
        if before.profile != after.profile || before.status != after.status {
            profile(before, &mut old);
            profile(after, &mut new);
        }
        // The worker notes when it looked at an account without a new version: what it noted on other rules than these must
        // not stay.
        let differs = |((name, new), (_, old)): (&Column, &Column)| LOOKED_AT.contains(name) || new != old;
        let differing = new.iter().zip(&old).map(differs);
        let bits = differing
            .enumerate()
            .map(|(place, differs)| u64::from(differs) << place);
        Some(Self {
            version: before.version,
            after,
            differ: Places(bits.sum()),
            columns: new,
        })
    }

    fn values(mut self, places: Places) -> Row {
        if self.columns.len() < 64 - places.0.leading_zeros() as usize {
            profile(self.after, &mut self.columns);
        }
        let values = self.columns.into_iter().enumerate();
        Row {
            key: self.after.id.0.into(),
            values: values
                .filter(|(place, _)| places.has(*place))
                .map(|(_, (_, value))| value)
                .collect(),
        }
    }
}

/// The statements by which the accounts of these changes become what they are afterwards, if they still are what they were,
/// and how many accounts each is about. In the order of the changes; new accounts are not among them.
pub(super) fn updates(tenant: TenantKey, changes: &[&Change]) -> Vec<(usize, Update)> {
    let mut updates = Vec::new();
    let (mut some, mut places) = (Vec::new(), Places::default());
    for changed in changes.iter().filter_map(|change| Changed::of(change)) {
        let with = places.and(changed.differ);
        if some.len() == ROWS || (some.len() + 1) * with.number() > VALUES {
            updates.push(update(tenant, std::mem::take(&mut some), places));
            places = Places::default();
        }
        places = places.and(changed.differ);
        some.push(changed);
    }
    if !some.is_empty() {
        updates.push(update(tenant, some, places));
    }
    updates
}

fn update(tenant: TenantKey, changed: Vec<Changed<'_>>, places: Places) -> (usize, Update) {
    let seen: Vec<Value> = changed.iter().map(|changed| changed.version.into()).collect();
    let widest = changed.iter().max_by_key(|changed| changed.columns.len());
    let all = widest.iter().flat_map(|changed| &changed.columns).enumerate();
    let names: Vec<_> = all
        .filter(|(place, _)| places.has(*place))
        .map(|(_, (name, _))| *name)
        .collect();
    let rows: Vec<Row> = changed.into_iter().map(|changed| changed.values(places)).collect();
    let mut update = Update::set("account", "id", &names, &rows);
    update.text(", version = version + 1 WHERE tenant = ");
    update.value(tenant.0);
    update.text(" AND id IN ");
    update.list(rows.iter().map(|row| row.key.clone()));
    update.text(" AND version = ");
    update.by_key("id", rows.iter().map(|row| &row.key).zip(&seen));
    (rows.len(), update)
}

#[cfg(test)]
mod tests;
