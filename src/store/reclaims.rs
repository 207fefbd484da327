//! What becomes of automatic reclaims: tenures that go on after all, and the list of those that are disputed.

use super::{
    batch::{Update, insert},
    failure::Abort,
    script::Script,
    sql::statement,
};
use crate::domain::{
    change::{Change, LastReclaim},
    ids::{AccountId, PoolId, TenantKey},
};
use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

/// Outside pools is all zeros.
fn stored(pool: Option<PoolId>) -> Uuid {
    pool.map_or(Uuid::nil(), |pool| pool.0)
}

/// Writes what becomes of the accounts' last reclaims.
pub(super) async fn write(script: &mut Script<'_>, tenant: TenantKey, changes: &[&Change]) -> Result<(), Abort> {
    let (mut disputed, mut settled) = (Vec::new(), Vec::new());
    for change in changes {
        let id = change.after.id;
        match change.last_reclaim {
            LastReclaim::Keep => {}
            LastReclaim::Disputed { origin } => disputed.push((origin, id)),
            LastReclaim::Settled { origin } => settled.push((origin, id)),
            LastReclaim::Undone {
                start_version,
                disputed,
            } => {
                reopen(script, tenant, id, start_version).await?;
                settled.extend(disputed.map(|origin| (origin, id)));
            }
        }
    }
    if !disputed.is_empty() {
        let rows = disputed
            .iter()
            .map(|(pool, account)| vec![tenant.0.into(), stored(*pool).into(), account.0.into()]);
        let columns = ["tenant", "pool_id", "account_id"];
        script.any(insert("disputed_reclaim", &columns, rows)).await?;
    }
    for (pool, account) in settled {
        let mut delete = Update {
            sql: "DELETE FROM disputed_reclaim WHERE tenant = ".into(),
            values: vec![],
        };
        delete.value(tenant.0);
        delete.text(" AND pool_id = ");
        delete.value(stored(pool));
        delete.text(" AND account_id = ");
        delete.value(account.0);
        // Under the account's version nobody else can have done it: anything else is a fault in the data.
        script.exactly(1, delete).await?;
    }
    Ok(())
}

/// The tenure runs again, as if it had never ended. The events tell that it did.
async fn reopen(
    script: &mut Script<'_>,
    tenant: TenantKey,
    account: AccountId,
    start_version: i64,
) -> Result<(), Abort> {
    let mut update = Update {
        sql:
            "UPDATE tenure SET open = 1, end_time = NULL, end_cause = NULL, end_actor = NULL, reason = '', note = '', \
              rule_id = NULL, deadline = NULL, bans_claim = "
                .into(),
        values: vec![],
    };
    update.value(false);
    update.text(" WHERE open IS NULL AND tenant = ");
    update.value(tenant.0);
    update.text(" AND account_id = ");
    update.value(account.0);
    update.text(" AND start_version = ");
    update.value(start_version);
    script.exactly(1, update).await
}

/// A disputed reclaim: the pool from which it took which account.
pub type Disputed = (Uuid, Uuid);

/// The next `limit` disputed reclaims out of the pool, or of all, by pool and account.
pub async fn disputed(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    after: Option<Disputed>,
    limit: u64,
) -> Result<Vec<Disputed>, DbErr> {
    let mut sql = "SELECT pool_id, account_id FROM disputed_reclaim WHERE tenant = ?".to_owned();
    let mut values: Vec<Value> = vec![tenant.0.into()];
    if let Some(pool) = pool {
        sql.push_str(" AND pool_id = ?");
        values.push(pool.0.into());
    }
    if let Some((pool, account)) = after {
        // The first condition is what the index range begins with.
        sql.push_str(" AND pool_id >= ? AND (pool_id > ? OR account_id > ?)");
        values.extend([pool.into(), pool.into(), account.into()]);
    }
    sql.push_str(" ORDER BY pool_id, account_id LIMIT ?");
    values.push(limit.into());
    let statement = statement(conn, sql, values);
    let rows = conn.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "pool_id")?, row.try_get("", "account_id")?)))
        .collect()
}
