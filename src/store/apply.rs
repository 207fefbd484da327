//! The one place that applies changes of accounts, in the write order that keeps transactions from waiting for each
//! other in circles: pools by id, accounts by id, holders by id, then everything that hangs on them.
//!
//! Statement budget per 128 changes: 1 insert of accounts, 1 update of holders where somebody gains, 1 more for each of these
//! that the changes need: pool entries, the end of tenures, their start, disputes, objects, tags, custom fields, the team; 1 for each
//! reclaim that is undone. Per 512: 1 insert of events, and 1 update of accounts where few of their columns change (see
//! `difference.rs`). But for pool entries all of it is one message to a server, or some if it is much: see `script.rs`.
//!
//! Truth is the compare-and-set on the account's version and on the holder's: fewer rows than expected means that
//! somebody was faster, and the unit of work is run again.

use super::{
    account_row::all_columns,
    batch::{Row, Update, insert},
    config::By,
    difference, extras,
    failure::Abort,
    handover,
    instant::micros,
    reclaims,
    script::{Script, expect},
    sql::run,
    tx::Tx,
};
use crate::{
    domain::{
        account::Status,
        change::{Change, TeamChange},
        ids::{AccountId, PoolId, TenantKey, UserId},
    },
    telemetry::traces,
};
use sea_orm::{ConnectionTrait, Value};
use std::collections::{BTreeMap, HashMap};

const CHUNK: usize = 128;
const LARGE_CHUNK: usize = 512;

/// Who made a change, where a unit of work is not all one's own.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The user it was made for.
    pub actor: Option<UserId>,
    /// The trace in which it is told: none, where the call that made it was not traced.
    pub traceparent: Option<String>,
}

/// Who made the change of each of these accounts. All others were made by whom the unit of work is for, in its own trace.
pub type Origins = HashMap<AccountId, Origin>;

#[expect(clippy::implicit_hasher, reason = "one caller's map, made here and there alike")]
/// Applies `changes`; `holders` are the versions of the guard rows that the decisions were made on.
pub async fn apply(
    conn: &Tx,
    tenant: TenantKey,
    changes: &[Change],
    holders: &HashMap<UserId, i64>,
    by: &By<'_>,
) -> Result<(), Abort> {
    apply_told(conn, tenant, changes, holders, by, &Origins::new()).await
}

#[expect(clippy::implicit_hasher, reason = "one caller's map, made here and there alike")]
/// As [`apply`], for changes that are not all of one call.
pub async fn apply_told(
    conn: &Tx,
    tenant: TenantKey,
    changes: &[Change],
    holders: &HashMap<UserId, i64>,
    by: &By<'_>,
    origins: &Origins,
) -> Result<(), Abort> {
    let mut changes: Vec<&Change> = changes.iter().collect();
    changes.sort_by_key(|change| change.after.id);
    enter_pools(conn, tenant, &changes).await?;
    let mut script = Script::new(conn);
    let new: Vec<_> = changes
        .iter()
        .copied()
        .filter(|change| change.before.is_none())
        .collect();
    for chunk in new.chunks(CHUNK) {
        script.racing(chunk.len(), new_accounts(tenant, chunk)).await?;
    }
    for (rows, update) in difference::updates(tenant, &changes) {
        script.racing(rows, update).await?;
    }
    guard_holders(&mut script, tenant, &changes, holders).await?;
    for chunk in changes.chunks(CHUNK) {
        end_tenures(&mut script, tenant, chunk, by, origins).await?;
        start_tenures(&mut script, tenant, chunk, by, origins).await?;
        reclaims::write(&mut script, tenant, chunk).await?;
        handover::write(&mut script, tenant, chunk).await?;
        blank_notes(&mut script, tenant, chunk).await?;
        extras::write(&mut script, tenant, chunk).await?;
        write_team(&mut script, tenant, chunk).await?;
    }
    for chunk in changes.chunks(LARGE_CHUNK) {
        let events = events(tenant, chunk, by, origins)?;
        script.exactly(chunk.len(), events).await?;
        conn.tell();
    }
    script.send().await
}

/// A pool that is deleted or taken out of use at the same time is noticed here, and notices these.
async fn enter_pools(conn: &impl ConnectionTrait, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let pools: std::collections::BTreeSet<PoolId> = changes.iter().filter_map(|change| change.enters).collect();
    for pool in pools {
        let mut update = Update {
            sql: "UPDATE pool SET entries = entries + 1 WHERE tenant = ".into(),
            values: vec![],
        };
        update.value(tenant.0);
        update.text(" AND state = 1 AND id = ");
        update.value(pool.0);
        // The pool is not what the decision was made on: so neither is the configuration.
        expect(run(conn, update).await?, 1).map_err(|_| Abort::Stale)?;
    }
    Ok(())
}

fn new_accounts(tenant: TenantKey, changes: &[&Change]) -> Update {
    let mut names = vec!["tenant", "id", "version"];
    let mut rows = Vec::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        let account = &change.after;
        let mut row: Vec<Value> = vec![tenant.0.into(), account.id.0.into(), account.version.into()];
        for (name, value) in all_columns(account) {
            if at == 0 {
                names.push(name);
            }
            row.push(value);
        }
        rows.push(row);
    }
    insert("account", &names, rows)
}

async fn guard_holders(
    script: &mut Script<'_>,
    tenant: TenantKey,
    changes: &[&Change],
    versions: &HashMap<UserId, i64>,
) -> Result<(), Abort> {
    let mut users = BTreeMap::new();
    for user in changes.iter().filter_map(|change| change.gains.as_ref()) {
        // The guard row is created with the user; without it, it is the directory that moved.
        users.insert(user.as_str(), *versions.get(user).ok_or(Abort::Stale)?);
    }
    let users: Vec<(Value, Value)> = users
        .into_iter()
        .map(|(user, version)| (user.into(), version.into()))
        .collect();
    for chunk in users.chunks(CHUNK) {
        let mut update = Update {
            sql: "UPDATE holder SET version = version + 1 WHERE tenant = ".into(),
            values: vec![],
        };
        update.value(tenant.0);
        update.text(" AND user_id IN ");
        update.list(chunk.iter().map(|(user, _)| user.clone()));
        update.text(" AND version = ");
        update.by_key("user_id", chunk.iter().map(|(user, version)| (user, version)));
        script.exactly(chunk.len(), update).await?;
    }
    Ok(())
}

/// The user that a change was made for.
fn actor_of(change: &Change, by: &By<'_>, origins: &Origins) -> Value {
    let actor = match origins.get(&change.after.id) {
        Some(origin) => origin.actor.as_ref(),
        None => by.actor,
    };
    actor.map(ToString::to_string).into()
}

async fn end_tenures(
    script: &mut Script<'_>,
    tenant: TenantKey,
    changes: &[&Change],
    by: &By<'_>,
    origins: &Origins,
) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &[
        "open",
        "end_time",
        "end_cause",
        "end_actor",
        "reason",
        "note",
        "rule_id",
        "deadline",
        "bans_claim",
    ];
    let rows: Vec<Row> = changes
        .iter()
        .filter_map(|change| {
            let end = change.end.as_ref()?;
            let values = vec![
                Option::<i16>::None.into(),
                micros(change.after.update_time).into(),
                end.cause.number().into(),
                actor_of(change, by, origins),
                end.reason.as_ref().map(ToString::to_string).unwrap_or_default().into(),
                end.note.clone().into(),
                end.rule_id.into(),
                end.deadline.map(micros).into(),
                end.bans_claim.into(),
            ];
            Some(Row {
                key: change.after.id.0.into(),
                values,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut update = Update::set("tenure", "account_id", COLUMNS, &rows);
    update.text(" WHERE open = 1 AND tenant = ");
    update.value(tenant.0);
    update.text(" AND account_id IN ");
    update.list(rows.iter().map(|row| row.key.clone()));
    // Under the account's version nobody else can have ended it: anything else is a fault in the data.
    script.exactly(rows.len(), update).await
}

async fn start_tenures(
    script: &mut Script<'_>,
    tenant: TenantKey,
    changes: &[&Change],
    by: &By<'_>,
    origins: &Origins,
) -> Result<(), Abort> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "account_id",
        "start_version",
        "user_id",
        "pool_id",
        "start_time",
        "start_cause",
        "start_actor",
        "open",
        "reason",
        "note",
    ];
    let rows: Vec<Vec<Value>> = changes
        .iter()
        .filter_map(|change| {
            let start = change.start.as_ref()?;
            let account = &change.after;
            Some(vec![
                tenant.0.into(),
                account.id.0.into(),
                account.version.into(),
                start.user.as_str().into(),
                account.pool_id.map(|id| id.0).into(),
                micros(account.update_time).into(),
                start.cause.number().into(),
                actor_of(change, by, origins),
                1_i16.into(),
                "".into(),
                "".into(),
            ])
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    script.exactly(rows.len(), insert("tenure", COLUMNS, rows)).await
}

/// What people wrote about a deleted account goes; who owned it when, and why that ended, stays.
async fn blank_notes(script: &mut Script<'_>, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let deleted = changes.iter().filter(|change| change.after.status == Status::Deleted);
    let ids: Vec<Value> = deleted.map(|change| change.after.id.0.into()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut update = Update {
        sql: "UPDATE tenure SET note = '' WHERE tenant = ".into(),
        values: vec![],
    };
    update.value(tenant.0);
    update.text(" AND account_id IN ");
    update.list(ids.clone());
    script.any(update).await?;
    let mut update = Update {
        sql: "UPDATE account_event SET note = NULL WHERE note IS NOT NULL AND tenant = ".into(),
        values: vec![],
    };
    update.value(tenant.0);
    update.text(" AND account_id IN ");
    update.list(ids);
    script.any(update).await?;
    Ok(())
}

async fn write_team(script: &mut Script<'_>, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let cleared = changes
        .iter()
        .filter(|change| matches!(change.team, TeamChange::Clear | TeamChange::Replace(_)));
    extras::clear_team(script, tenant, cleared.map(|change| change.after.id)).await?;
    let removed = changes.iter().filter_map(|change| match &change.team {
        TeamChange::Remove(user) => Some((change.after.id, user)),
        _ => None,
    });
    extras::remove_members(script, tenant, removed).await?;
    for change in changes {
        if let TeamChange::Put(user, role, access) = &change.team {
            extras::put_member(script, tenant, &change.after, user, *role, *access).await?;
        }
        if let TeamChange::Replace(members) = &change.team {
            extras::put_members(script, tenant, change.after.id, members).await?;
        }
    }
    Ok(())
}

fn events(tenant: TenantKey, changes: &[&Change], by: &By<'_>, origins: &Origins) -> Result<Update, Abort> {
    const COLUMNS: &[&str] = &[
        "tenant",
        "account_id",
        "version",
        "event_time",
        "kind",
        "caller",
        "actor",
        "effects",
        "note",
        "pool_id",
        "owner",
        "traceparent",
    ];
    let own = traces::traceparent();
    let mut rows = Vec::with_capacity(changes.len());
    for change in changes {
        let account = &change.after;
        rows.push(vec![
            tenant.0.into(),
            account.id.0.into(),
            account.version.into(),
            micros(account.update_time).into(),
            change.event.kind.as_str().into(),
            by.caller.as_str().into(),
            actor_of(change, by, origins),
            super::codec::to_json(&change.event.effects)?.into(),
            Some(change.event.effects.note.clone())
                .filter(|note| !note.is_empty())
                .into(),
            account.pool_id.map(|id| id.0).into(),
            account.owner.as_ref().map(ToString::to_string).into(),
            origins
                .get(&account.id)
                .map_or(&own, |origin| &origin.traceparent)
                .clone()
                .into(),
        ]);
    }
    Ok(insert("account_event", COLUMNS, rows))
}
