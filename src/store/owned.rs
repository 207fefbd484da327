//! Pages through the accounts that are owned, of a tenant or of a pool.

use super::{account_row, entity::account};
use crate::domain::{
    account::{Account, Status},
    ids::{AccountId, PoolId, TenantKey},
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

/// The next `limit` assigned accounts of the pool, or of those outside pools, by id.
pub async fn page_of_pool(
    conn: &impl ConnectionTrait,
    tenant: TenantKey,
    pool: Option<PoolId>,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<Account>, DbErr> {
    use account::Column;
    let of_pool = match pool {
        Some(pool) => Column::PoolId.eq(pool.0),
        None => Column::PoolId.is_null(),
    };
    let mut query = account::Entity::find()
        .filter(Column::Tenant.eq(tenant.0))
        .filter(of_pool)
        .filter(Column::Status.eq(Status::Assigned.number()));
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    rows.into_iter().map(account_row::read).collect()
}
