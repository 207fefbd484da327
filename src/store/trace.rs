//! In which traces accounts got their owners and were followed up: what a reclaim of them is linked to.

use super::sql::{marks, statement};
use crate::domain::ids::{AccountId, TenantKey};
use sea_orm::{ConnectionTrait, DbErr, Value};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// The W3C trace contexts of what began the present tenure of each account, and of the activities that its clocks run from, as
/// far as those were traced. One statement; it is to be asked before the tenures end.
pub async fn of_tenures(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, BTreeSet<String>>, DbErr> {
    let ids = marks(accounts.len());
    let sql = format!(
        "SELECT e.account_id AS account_id, e.traceparent AS traceparent FROM tenure t JOIN account_event e \
         ON e.tenant = t.tenant AND e.account_id = t.account_id AND e.version = t.start_version \
         WHERE t.tenant = ? AND t.account_id IN ({ids}) AND t.open = 1 AND e.traceparent IS NOT NULL \
         UNION ALL SELECT x.account_id, x.traceparent FROM account a JOIN activity x ON x.tenant = a.tenant \
         AND x.account_id = a.id AND x.occur_time IN (a.last_follow_up_time, a.last_won_time, a.anchor_time, a.reclaim_time) \
         WHERE a.tenant = ? AND a.id IN ({ids}) AND x.occur_time >= a.owner_since AND x.traceparent IS NOT NULL"
    );
    let mut values: Vec<Value> = Vec::with_capacity(2 * accounts.len() + 2);
    for _ in 0..2 {
        values.push(tenant.0.into());
        values.extend(accounts.iter().map(|id| Value::from(id.0)));
    }
    let mut found: HashMap<_, BTreeSet<String>> = HashMap::new();
    for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
        let id: Uuid = row.try_get("", "account_id")?;
        found
            .entry(AccountId(id))
            .or_default()
            .insert(row.try_get("", "traceparent")?);
    }
    Ok(found)
}
