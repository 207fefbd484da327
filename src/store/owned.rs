//! Pages through the accounts that are owned.

use super::{account_row, entity::account};
use crate::domain::{
    account::{Account, Status},
    ids::{AccountId, TenantKey},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// The next `limit` assigned accounts of the tenant, by id.
pub async fn page(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<Account>, DbErr> {
    use account::Column;
    let mut query = account::Entity::find()
        .filter(Column::Tenant.eq(tenant.0))
        .filter(Column::Status.eq(Status::Assigned.number()));
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    rows.into_iter().map(account_row::read).collect()
}
