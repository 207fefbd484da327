//! Reads the related team of an account.

use super::{codec::Row, instant::instant, sql::statement};
use crate::domain::{
    account::{TeamAccess, TeamRole},
    ids::{AccountId, TenantKey, UserId},
    team::TeamMember,
};
use sea_orm::{ConnectionTrait, DbErr};

/// The members, by user id.
pub async fn list(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    account: AccountId,
) -> Result<Vec<TeamMember>, DbErr> {
    let sql = "SELECT user_id, role, access, create_time FROM account_team WHERE tenant = ? AND account_id = ? \
               ORDER BY user_id";
    let values = [tenant.0.into(), account.0.into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let (table, key) = ("account_team", &account);
    let at = Row { table, tenant, key };
    rows.iter()
        .map(|row| {
            let (user, since): (String, i64) = (row.try_get("", "user_id")?, row.try_get("", "create_time")?);
            let (role, access): (i16, i16) = (row.try_get("", "role")?, row.try_get("", "access")?);
            Ok(TeamMember {
                user: at.id("user_id", &user, UserId::parse)?,
                role: at.choice("role", TeamRole::from_number(role))?,
                access: at.choice("access", TeamAccess::from_number(access))?,
                since: instant(since),
            })
        })
        .collect()
}
