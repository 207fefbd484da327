//! Loads a tenant's configuration and directory as one consistent snapshot.

use super::{
    codec::{Row, to_json},
    configured,
    entity::{directory_department, directory_group, directory_user, pool, tenant},
    failure::{Abort, Class, classify},
    instant::{instant, micros},
};
use crate::domain::{
    activity::rules::ActivityRules,
    condition::Schema,
    configured::ConfigTable,
    directory::{Department, Directory, Entry, Group, User},
    ids::{DepartmentId, GroupId, PoolId, TenantKey, TenantName, UserId},
    limits::LimitRules,
    organisation::{Organisation, Revisions},
    pool::{Pool, PoolState},
    retention::config::{Retention, RetentionRows},
    tenant::Tenant,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use std::{collections::BTreeMap, sync::Arc};

const ATTEMPTS: usize = 10;

/// The tenant of this name and the current revisions, in one read.
pub async fn revisions(
    conn: &impl ConnectionTrait,
    name: &TenantName,
) -> Result<Option<(TenantKey, Revisions)>, DbErr> {
    Ok(row(conn, name).await?.map(|row| (TenantKey(row.id), of(&row))))
}

async fn row(conn: &impl ConnectionTrait, name: &TenantName) -> Result<Option<tenant::Model>, DbErr> {
    tenant::Entity::find()
        .filter(tenant::Column::Name.eq(name.as_str()))
        .one(conn)
        .await
}

const fn of(row: &tenant::Model) -> Revisions {
    Revisions {
        config: row.config_revision,
        directory: row.directory_revision,
    }
}

/// Loads the snapshot. Statements see different states under READ COMMITTED, so the revisions are read again at the
/// end, and everything is read again if they moved. The directory is taken from `known` if it is of the same revision.
pub async fn load(
    conn: &impl ConnectionTrait,
    name: &TenantName,
    known: Option<&Organisation>,
) -> Result<Option<Organisation>, DbErr> {
    for _ in 0..ATTEMPTS {
        let Some(before) = row(conn, name).await? else {
            return Ok(None);
        };
        let key = TenantKey(before.id);
        let directory = match known.filter(|known| known.revisions.directory == before.directory_revision) {
            Some(known) => known.directory.clone(),
            None => Arc::new(load_directory(conn, key).await?),
        };
        let pools = load_pools(conn, key).await?;
        let rows = configured::load(conn, key).await?;
        let limit_rules = rows.of(ConfigTable::LimitRule)?;
        let retention = RetentionRows {
            reclaim_rules: rows.of(ConfigTable::ReclaimRule)?,
            reminder_rules: rows.of(ConfigTable::ReminderRule)?,
            absences: rows.of(ConfigTable::UserAbsence)?,
            pauses: rows.of(ConfigTable::RetentionPause)?,
            departments: rows.of(ConfigTable::ChosenDepartment)?,
        };
        let custom_fields = rows.of(ConfigTable::CustomField)?;
        let activity_sources = rows.of(ConfigTable::ActivitySource)?;
        let webhooks = rows.of(ConfigTable::Webhook)?;
        let activity_rules = rows.of(ConfigTable::ActivityRules)?.pop();
        let activity_rules = ActivityRules::compile(activity_rules, rows.of(ConfigTable::ActivityKind)?);
        let Some(after) = row(conn, name).await? else {
            return Ok(None);
        };
        if of(&before) == of(&after) {
            let custom_fields = custom_fields.into_iter().map(Arc::new).collect::<Vec<_>>();
            return Ok(Some(Organisation {
                key,
                name: name.clone(),
                revisions: of(&after),
                tenant: read_tenant(&after)?,
                directory,
                cooldowns: pools.values().any(|pool| pool.config.cooldown_days.is_some()),
                pools,
                limit_rules: LimitRules::compile(limit_rules.into_iter().map(Arc::new).collect()),
                retention: Retention::compile(retention, &Schema::new(&custom_fields)),
                custom_fields,
                activity_sources: activity_sources.into_iter().map(Arc::new).collect(),
                webhooks: webhooks.into_iter().map(Arc::new).collect(),
                activity_rules,
            }));
        }
    }
    Err(DbErr::Custom(format!(
        "the configuration of tenant {name} changes faster than it can be read"
    )))
}

fn read_tenant(row: &tenant::Model) -> Result<Tenant, DbErr> {
    let at = Row {
        table: "tenant",
        tenant: TenantKey(row.id),
        key: &row.name,
    };
    Ok(Tenant {
        settings: at.json("settings", &row.settings)?,
        version: row.settings_version,
        create_time: instant(row.create_time),
        update_time: instant(row.update_time),
    })
}

async fn load_pools(conn: &impl ConnectionTrait, key: TenantKey) -> Result<BTreeMap<PoolId, Arc<Pool>>, DbErr> {
    let rows = pool::Entity::find()
        .filter(pool::Column::Tenant.eq(key.0))
        .all(conn)
        .await?;
    rows.into_iter()
        .map(|row| read_pool(key, &row).map(|pool| (pool.id, Arc::new(pool))))
        .collect()
}

fn read_pool(key: TenantKey, row: &pool::Model) -> Result<Pool, DbErr> {
    let at = Row {
        table: "pool",
        tenant: key,
        key: &row.id,
    };
    Ok(Pool {
        id: PoolId(row.id),
        version: row.version,
        state: at.choice("state", pool_state(row.state))?,
        config: at.json("config", &row.config)?,
        create_time: instant(row.create_time),
        update_time: instant(row.update_time),
    })
}

/// Reads the stored number.
const fn pool_state(value: i16) -> Option<PoolState> {
    match value {
        1 => Some(PoolState::Active),
        2 => Some(PoolState::Disabled),
        _ => None,
    }
}

/// The number that is stored.
#[must_use]
pub const fn pool_state_number(state: PoolState) -> i16 {
    match state {
        PoolState::Active => 1,
        PoolState::Disabled => 2,
    }
}

async fn load_directory(conn: &impl ConnectionTrait, key: TenantKey) -> Result<Directory, DbErr> {
    let users = directory_user::Entity::find()
        .filter(directory_user::Column::Tenant.eq(key.0))
        .all(conn)
        .await?;
    let users = users
        .iter()
        .map(|row| read_user(key, row).map(|user| (user.value.id.clone(), Arc::new(user))));
    let users = users.collect::<Result<_, _>>()?;
    let departments = directory_department::Entity::find()
        .filter(directory_department::Column::Tenant.eq(key.0))
        .all(conn)
        .await?;
    let departments = departments
        .iter()
        .map(|row| read_department(key, row).map(|d| (d.value.id.clone(), Arc::new(d))));
    let departments = departments.collect::<Result<_, _>>()?;
    let groups = directory_group::Entity::find()
        .filter(directory_group::Column::Tenant.eq(key.0))
        .all(conn)
        .await?;
    let groups = groups
        .iter()
        .map(|row| read_group(key, row).map(|group| (group.value.id.clone(), Arc::new(group))));
    let groups = groups.collect::<Result<_, _>>()?;
    Ok(Directory::compile(users, departments, groups))
}

fn read_user(key: TenantKey, row: &directory_user::Model) -> Result<Entry<User>, DbErr> {
    let at = Row {
        table: "directory_user",
        tenant: key,
        key: &row.id,
    };
    Ok(Entry {
        value: User {
            id: at.id("id", &row.id, UserId::parse)?,
            display_name: row.display_name.clone(),
            active: row.active,
            primary_department: at.id_opt(
                "primary_department",
                row.primary_department.as_ref(),
                DepartmentId::parse,
            )?,
            other_departments: at.json("departments", &row.departments)?,
            supervisor: at.id_opt("supervisor", row.supervisor.as_ref(), UserId::parse)?,
            groups: at.json("member_groups", &row.member_groups)?,
            roles: at.json("roles", &row.roles)?,
            region: row.region.clone(),
            skills: at.json("skills", &row.skills)?,
        },
        version: row.version,
        update_time: instant(row.update_time),
    })
}

fn read_department(key: TenantKey, row: &directory_department::Model) -> Result<Entry<Department>, DbErr> {
    let at = Row {
        table: "directory_department",
        tenant: key,
        key: &row.id,
    };
    Ok(Entry {
        value: Department {
            id: at.id("id", &row.id, DepartmentId::parse)?,
            display_name: row.display_name.clone(),
            parent: at.id_opt("parent", row.parent.as_ref(), DepartmentId::parse)?,
            head: at.id_opt("head", row.head.as_ref(), UserId::parse)?,
        },
        version: row.version,
        update_time: instant(row.update_time),
    })
}

fn read_group(key: TenantKey, row: &directory_group::Model) -> Result<Entry<Group>, DbErr> {
    let at = Row {
        table: "directory_group",
        tenant: key,
        key: &row.id,
    };
    Ok(Entry {
        value: Group {
            id: at.id("id", &row.id, GroupId::parse)?,
            display_name: row.display_name.clone(),
        },
        version: row.version,
        update_time: instant(row.update_time),
    })
}

/// Creates a tenant under the next free key. Two at once may want the same key: the loser runs again.
pub async fn create(conn: &impl ConnectionTrait, name: &TenantName, new: &Tenant) -> Result<TenantKey, Abort> {
    let last = tenant::Entity::find()
        .order_by_desc(tenant::Column::Id)
        .one(conn)
        .await?;
    let key = last.map_or(1, |row| row.id + 1);
    let row = tenant::ActiveModel {
        id: Set(key),
        name: Set(name.to_string()),
        config_revision: Set(1),
        directory_revision: Set(1),
        retention_revision: Set(0),
        retention_time: Set(0),
        replanned_revision: Set(0),
        settings_version: Set(new.version),
        settings: Set(to_json(&new.settings)?),
        create_time: Set(micros(new.create_time)),
        update_time: Set(micros(new.update_time)),
    };
    match tenant::Entity::insert(row).exec_without_returning(conn).await {
        Ok(_) => Ok(TenantKey(key)),
        Err(error) if classify(&error) == Class::Unique => Err(Abort::Moved),
        Err(error) => Err(error.into()),
    }
}

/// Reads a tenant's name.
pub(super) fn tenant_name(key: TenantKey, text: &str) -> Result<TenantName, DbErr> {
    Row {
        table: "tenant",
        tenant: key,
        key: &key.0,
    }
    .id("name", text, TenantName::parse)
}

/// The names of all tenants.
pub async fn names(conn: &impl ConnectionTrait) -> Result<Vec<TenantName>, DbErr> {
    let rows = tenant::Entity::find()
        .order_by_asc(tenant::Column::Id)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| tenant_name(TenantKey(row.id), &row.name))
        .collect()
}
