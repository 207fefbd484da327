//! Reads the related team of an account.

use super::{
    codec::Row,
    instant::instant,
    sql::{marks, statement},
};
use crate::domain::{
    account::{TeamAccess, TeamRole},
    ids::{AccountId, TenantKey, UserId},
    team::TeamMember,
};
use sea_orm::{ConnectionTrait, DbErr, Value};
use std::collections::HashMap;

/// The members, by user id.
pub async fn list(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
) -> Result<Vec<TeamMember>, DbErr> {
    let mut all = of_accounts(conn, tenant, &[account]).await?;
    Ok(all.remove(&account).unwrap_or_default())
}

/// The members of each of these accounts, by user id.
pub async fn of_accounts(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, Vec<TeamMember>>, DbErr> {
    let sql = format!(
        "SELECT account_id, user_id, role, access, create_time FROM account_team WHERE tenant = ? AND account_id IN ({}) \
         ORDER BY account_id, user_id",
        marks(accounts.len())
    );
    let mut values: Vec<Value> = vec![tenant.0.into()];
    values.extend(accounts.iter().map(|id| Value::from(id.0)));
    let mut teams: HashMap<_, Vec<_>> = HashMap::new();
    for row in conn.query_all_raw(statement(conn, &sql, values)).await? {
        let account = AccountId(row.try_get("", "account_id")?);
        let (table, key) = ("account_team", &account);
        let at = Row { table, tenant, key };
        let (user, since): (String, i64) = (row.try_get("", "user_id")?, row.try_get("", "create_time")?);
        let (role, access): (i16, i16) = (row.try_get("", "role")?, row.try_get("", "access")?);
        let member = TeamMember {
            user: at.id("user_id", &user, UserId::parse)?,
            role: at.choice("role", TeamRole::from_number(role))?,
            access: at.choice("access", TeamAccess::from_number(access))?,
            since: instant(since),
        };
        teams.entry(account).or_default().push(member);
    }
    Ok(teams)
}
