//! The one place that applies a change of configuration. First the tenant's revisions, by compare-and-set: two writers
//! never both build on one state. Then the rows, then the events.

use super::{
    codec::to_json,
    configured,
    entity::{config_event, directory_department, directory_group, directory_user, holder, pool, tenant},
    failure::Abort,
    instant::micros,
    organisation::pool_state_number,
    sql::statement,
    webhook,
};
use crate::{
    domain::{
        config_change::{ConfigChange, ConfigEvent, Occupancy, Write},
        directory::{Department, Entry, Group, User},
        ids::{CallerId, PoolId, TenantKey, UserId},
        organisation::{Organisation, Revisions},
        pool::Pool,
        tenant::Tenant,
    },
    id::Ids,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

/// Rows per statement.
const CHUNK: usize = 100;

/// On whose behalf and when, for the events.
#[derive(Clone, Debug)]
pub struct By<'a> {
    /// The service that called.
    pub caller: &'a CallerId,
    /// The user it acted for.
    pub actor: Option<&'a UserId>,
    /// When.
    pub now: DateTime<Utc>,
}

/// Writes `change`, which was decided on `org`. `Abort::Stale` if the configuration has moved on since.
pub async fn apply(
    conn: &impl ConnectionTrait,
    org: &Organisation,
    change: &ConfigChange,
    by: &By<'_>,
    ids: &Ids,
) -> Result<Revisions, Abort> {
    let to = change.raise(org);
    let mut raise = tenant::Entity::update_many();
    if change.moves_deadlines(org) {
        raise = raise
            .col_expr(tenant::Column::RetentionRevision, to.config.into())
            .col_expr(tenant::Column::RetentionTime, micros(by.now).into());
    }
    let raised = raise
        .col_expr(tenant::Column::ConfigRevision, to.config.into())
        .col_expr(tenant::Column::DirectoryRevision, to.directory.into())
        .filter(tenant::Column::Id.eq(org.key.0))
        .filter(tenant::Column::ConfigRevision.eq(org.revisions.config))
        .filter(tenant::Column::DirectoryRevision.eq(org.revisions.directory))
        .exec(conn)
        .await?;
    if raised.rows_affected == 0 {
        return Err(Abort::Stale);
    }
    let (mut departments, mut groups, mut users, mut blocked) = (vec![], vec![], vec![], vec![]);
    for write in &change.writes {
        match write {
            Write::Tenant(row) => write_tenant(conn, org.key, row).await?,
            Write::PoolInsert(row) => insert_pool(conn, org.key, row).await?,
            Write::PoolUpdate(row) => update_pool(conn, org.key, row).await?,
            Write::PoolDelete(id, seen) => delete_pool(conn, org.key, *id, *seen).await?,
            Write::RowInsert(table, row) => configured::insert(conn, org.key, *table, row).await?,
            Write::RowUpdate(table, row) => configured::update(conn, org.key, *table, row).await?,
            Write::RowDelete(table, id) => configured::delete(conn, org.key, *table, *id).await?,
            Write::Webhook(row) => webhook::write(conn, org.key, *row).await?,
            Write::Department(row) => departments.push(row),
            Write::Group(row) => groups.push(row),
            Write::User(row) => users.push(row),
            Write::BlockHolder(user) => blocked.push(user.as_str()),
        }
    }
    block_holders(conn, org.key, &blocked).await?;
    write_departments(conn, org.key, &departments).await?;
    write_groups(conn, org.key, &groups).await?;
    write_users(conn, org.key, &users).await?;
    write_events(conn, org.key, &change.events, by, ids).await?;
    Ok(to)
}

async fn write_tenant(conn: &impl ConnectionTrait, key: TenantKey, row: &Tenant) -> Result<(), DbErr> {
    let row = tenant::ActiveModel {
        id: Set(key.0),
        settings: Set(to_json(&row.settings)?),
        settings_version: Set(row.version),
        update_time: Set(micros(row.update_time)),
        ..Default::default()
    };
    tenant::Entity::update_many()
        .set(row)
        .filter(tenant::Column::Id.eq(key.0))
        .exec(conn)
        .await
        .map(drop)
}

async fn insert_pool(conn: &impl ConnectionTrait, key: TenantKey, row: &Pool) -> Result<(), DbErr> {
    let row = pool::ActiveModel {
        tenant: Set(key.0),
        id: Set(row.id.0),
        version: Set(row.version),
        state: Set(pool_state_number(row.state)),
        entries: Set(0),
        config: Set(to_json(&row.config)?),
        create_time: Set(micros(row.create_time)),
        update_time: Set(micros(row.update_time)),
    };
    pool::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}

async fn update_pool(conn: &impl ConnectionTrait, key: TenantKey, row: &Pool) -> Result<(), DbErr> {
    let set = pool::ActiveModel {
        version: Set(row.version),
        state: Set(pool_state_number(row.state)),
        config: Set(to_json(&row.config)?),
        update_time: Set(micros(row.update_time)),
        ..Default::default()
    };
    pool::Entity::update_many()
        .set(set)
        .filter(pool::Column::Tenant.eq(key.0))
        .filter(pool::Column::Id.eq(row.id.0))
        .exec(conn)
        .await
        .map(drop)
}

/// What lies in the pool. What brings accounts in from outside writes `entries`, so a delete that compares the
/// `entries` read here is overtaken by none of them.
pub async fn occupancy(conn: &impl ConnectionTrait, key: TenantKey, id: PoolId) -> Result<Option<Occupancy>, DbErr> {
    let sql = "SELECT entries, (SELECT COUNT(*) FROM (SELECT 1 FROM account WHERE tenant = ? AND pool_id = ? LIMIT ?) a) \
               AS accounts FROM pool WHERE tenant = ? AND id = ?";
    let counted = i64::try_from(Occupancy::COUNTED).unwrap_or(i64::MAX);
    let values = [key.0.into(), id.0.into(), counted.into(), key.0.into(), id.0.into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    row.map(|row| {
        let accounts: i64 = row.try_get("", "accounts")?;
        Ok(Occupancy {
            entries: row.try_get("", "entries")?,
            accounts: u64::try_from(accounts).unwrap_or(0),
        })
    })
    .transpose()
}

async fn delete_pool(conn: &impl ConnectionTrait, key: TenantKey, id: PoolId, seen: Occupancy) -> Result<(), Abort> {
    let deleted = pool::Entity::delete_many()
        .filter(pool::Column::Tenant.eq(key.0))
        .filter(pool::Column::Id.eq(id.0))
        .filter(pool::Column::Entries.eq(seen.entries))
        .exec(conn)
        .await?;
    if deleted.rows_affected == 1 {
        Ok(())
    } else {
        Err(Abort::Moved)
    }
}

async fn block_holders(conn: &impl ConnectionTrait, key: TenantKey, users: &[&str]) -> Result<(), DbErr> {
    for chunk in users.chunks(CHUNK) {
        holder::Entity::update_many()
            .col_expr(holder::Column::Version, Expr::col(holder::Column::Version).add(1))
            .filter(holder::Column::Tenant.eq(key.0))
            .filter(holder::Column::UserId.is_in(chunk.iter().copied()))
            .exec(conn)
            .await?;
    }
    Ok(())
}

async fn write_departments(
    conn: &impl ConnectionTrait,
    key: TenantKey,
    rows: &[&Entry<Department>],
) -> Result<(), DbErr> {
    use directory_department::{ActiveModel, Column, Entity};
    for chunk in rows.chunks(CHUNK) {
        let rows = chunk.iter().map(|row| ActiveModel {
            tenant: Set(key.0),
            id: Set(row.value.id.to_string()),
            display_name: Set(row.value.display_name.clone()),
            parent: Set(row.value.parent.as_ref().map(ToString::to_string)),
            head: Set(row.value.head.as_ref().map(ToString::to_string)),
            version: Set(row.version),
            update_time: Set(micros(row.update_time)),
        });
        let replace = OnConflict::columns([Column::Tenant, Column::Id])
            .update_columns([
                Column::DisplayName,
                Column::Parent,
                Column::Head,
                Column::Version,
                Column::UpdateTime,
            ])
            .to_owned();
        Entity::insert_many(rows)
            .on_conflict(replace)
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

async fn write_groups(conn: &impl ConnectionTrait, key: TenantKey, rows: &[&Entry<Group>]) -> Result<(), DbErr> {
    use directory_group::{ActiveModel, Column, Entity};
    for chunk in rows.chunks(CHUNK) {
        let rows = chunk.iter().map(|row| ActiveModel {
            tenant: Set(key.0),
            id: Set(row.value.id.to_string()),
            display_name: Set(row.value.display_name.clone()),
            version: Set(row.version),
            update_time: Set(micros(row.update_time)),
        });
        let replace = OnConflict::columns([Column::Tenant, Column::Id])
            .update_columns([Column::DisplayName, Column::Version, Column::UpdateTime])
            .to_owned();
        Entity::insert_many(rows)
            .on_conflict(replace)
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

async fn write_users(conn: &impl ConnectionTrait, key: TenantKey, rows: &[&Entry<User>]) -> Result<(), DbErr> {
    use directory_user::{ActiveModel, Column, Entity};
    for chunk in rows.chunks(CHUNK) {
        let mut models = Vec::with_capacity(chunk.len());
        for row in chunk {
            let user = &row.value;
            models.push(ActiveModel {
                tenant: Set(key.0),
                id: Set(user.id.to_string()),
                display_name: Set(user.display_name.clone()),
                active: Set(user.active),
                primary_department: Set(user.primary_department.as_ref().map(ToString::to_string)),
                supervisor: Set(user.supervisor.as_ref().map(ToString::to_string)),
                region: Set(user.region.clone()),
                departments: Set(to_json(&user.other_departments)?),
                member_groups: Set(to_json(&user.groups)?),
                roles: Set(to_json(&user.roles)?),
                skills: Set(to_json(&user.skills)?),
                version: Set(row.version),
                update_time: Set(micros(row.update_time)),
            });
        }
        let replace = OnConflict::columns([Column::Tenant, Column::Id])
            .update_columns([
                Column::DisplayName,
                Column::Active,
                Column::PrimaryDepartment,
                Column::Supervisor,
                Column::Region,
                Column::Departments,
                Column::MemberGroups,
                Column::Roles,
                Column::Skills,
                Column::Version,
                Column::UpdateTime,
            ])
            .to_owned();
        Entity::insert_many(models)
            .on_conflict(replace)
            .exec_without_returning(conn)
            .await?;
        let new = chunk
            .iter()
            .filter(|row| row.version == 1)
            .map(|row| holder::ActiveModel {
                tenant: Set(key.0),
                user_id: Set(row.value.id.to_string()),
                version: Set(1),
            });
        let new: Vec<_> = new.collect();
        if !new.is_empty() {
            holder::Entity::insert_many(new).exec_without_returning(conn).await?;
        }
    }
    Ok(())
}

/// Writes events of configuration, also those of what is no configuration but belongs into its history.
pub async fn write_events(
    conn: &impl ConnectionTrait,
    key: TenantKey,
    events: &[ConfigEvent],
    by: &By<'_>,
    ids: &Ids,
) -> Result<(), DbErr> {
    for chunk in events.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for event in chunk {
            rows.push(config_event::ActiveModel {
                tenant: Set(key.0),
                id: Set(ids.next()),
                event_time: Set(micros(by.now)),
                caller: Set(by.caller.to_string()),
                actor: Set(by.actor.map(ToString::to_string)),
                resource_type: Set(event.resource_type.to_owned()),
                resource: Set(event.resource.clone()),
                action: Set(event.action.as_str().to_owned()),
                changes: Set(to_json(&event.changes)?),
            });
        }
        config_event::Entity::insert_many(rows)
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}
