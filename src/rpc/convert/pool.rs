//! Pools.

use super::{choice, count_opt, decode, etag, etag_opt, id, ids, mask, required, texts, timestamp, zone};
use crate::{
    app::pool::UpdatePool,
    domain::{
        error::Error,
        ids::{DepartmentId, GroupId, PoolId, ReasonId, Role, UserId},
        pool::{ClaimMode, Pool, PoolConfig, PoolDepartment, PoolMembers, PoolState, RelatedAccess},
        refusal::Violations,
        text::check_len,
    },
    rpc::proto,
};

/// A pool as a message.
#[must_use]
pub fn encode(pool: &Pool) -> proto::Pool {
    let config = &pool.config;
    proto::Pool {
        id: pool.id.to_string(),
        display_name: config.display_name.clone(),
        state: match pool.state {
            PoolState::Active => proto::PoolState::Active,
            PoolState::Disabled => proto::PoolState::Disabled,
        }
        .into(),
        administrators: texts(&config.administrators),
        members: Some(encode_members(&config.members)),
        claim_mode: match config.claim_mode {
            ClaimMode::MembersClaim => proto::ClaimMode::MembersClaim,
            ClaimMode::AdminsAssign => proto::ClaimMode::AdminsAssign,
        }
        .into(),
        members_may_browse: config.members_may_browse,
        members_may_return: Some(config.members_may_return),
        members_may_transfer_out: config.members_may_transfer_out,
        members_may_add: config.members_may_add,
        claim_limit: config.claim_limit.map(u32::cast_signed),
        claim_limit_counts_won: config.claim_limit_counts_won,
        daily_claim_limit: config.daily_claim_limit.map(u32::cast_signed),
        cooldown_days: config.cooldown_days.map(u32::cast_signed),
        clear_team_on_owner_change: config.clear_team_on_owner_change,
        clear_owner_on_transfer_in: config.clear_owner_on_transfer_in,
        return_reasons: texts(&config.return_reasons),
        hidden_fields: config.hidden_fields.clone(),
        unclaimed_related_access: match config.unclaimed_related_access {
            RelatedAccess::None => proto::RelatedAccess::None,
            RelatedAccess::View => proto::RelatedAccess::View,
            RelatedAccess::ViewAndInteract => proto::RelatedAccess::ViewAndInteract,
        }
        .into(),
        unclaimed_history_visible: Some(config.unclaimed_history_visible),
        time_zone: config.time_zone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
        etag: etag(pool.version),
        create_time: timestamp(pool.create_time),
        update_time: timestamp(pool.update_time),
    }
}

fn encode_members(members: &PoolMembers) -> proto::PoolMembers {
    let department = |member: &PoolDepartment| proto::PoolDepartment {
        department_id: member.department_id.to_string(),
        include_sub_departments: member.include_sub_departments,
    };
    proto::PoolMembers {
        everyone: members.everyone,
        users: texts(&members.users),
        departments: members.departments.iter().map(department).collect(),
        roles: texts(&members.roles),
        groups: texts(&members.groups),
    }
}

/// Reads the pool of a create request.
pub fn create(message: Option<proto::Pool>) -> Result<PoolConfig, Error> {
    decode(|v| {
        let message = required(v, "pool", message)?;
        read(v, message)
    })
}

/// Reads an update.
pub fn update(message: proto::UpdatePoolRequest) -> Result<UpdatePool, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let pool = required(v, "pool", message.pool)?;
        let id = id(v, "pool.id", &pool.id, PoolId::parse);
        let etag = etag_opt(v, "pool.etag", &pool.etag);
        let config = read(v, pool);
        Some(UpdatePool {
            id: id?,
            config: config?,
            paths,
            etag: etag?,
        })
    })
}

/// Reads the id and etag of a custom method.
pub fn target(pool_id: &str, etag: &str) -> Result<(PoolId, Option<i64>), Error> {
    decode(|v| {
        let id = id(v, "pool_id", pool_id, PoolId::parse);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

fn read(v: &mut Violations, message: proto::Pool) -> Option<PoolConfig> {
    let administrators = ids(v, "pool.administrators", &message.administrators, 100, UserId::parse);
    let members = read_members(v, &message.members.unwrap_or_default());
    let claim_mode = choice(v, "pool.claim_mode", message.claim_mode, |value| match value {
        proto::ClaimMode::Unspecified | proto::ClaimMode::MembersClaim => ClaimMode::MembersClaim,
        proto::ClaimMode::AdminsAssign => ClaimMode::AdminsAssign,
    });
    let related = choice(
        v,
        "pool.unclaimed_related_access",
        message.unclaimed_related_access,
        |value| match value {
            proto::RelatedAccess::Unspecified | proto::RelatedAccess::None => RelatedAccess::None,
            proto::RelatedAccess::View => RelatedAccess::View,
            proto::RelatedAccess::ViewAndInteract => RelatedAccess::ViewAndInteract,
        },
    );
    let claim_limit = count_opt(v, "pool.claim_limit", message.claim_limit);
    let daily_claim_limit = count_opt(v, "pool.daily_claim_limit", message.daily_claim_limit);
    let cooldown_days = count_opt(v, "pool.cooldown_days", message.cooldown_days);
    let return_reasons = ids(v, "pool.return_reasons", &message.return_reasons, 100, ReasonId::parse);
    check_len(v, "pool.hidden_fields", message.hidden_fields.len(), 50);
    let time_zone = match message.time_zone.as_str() {
        "" => Some(None),
        name => zone(v, "pool.time_zone", name).map(Some),
    };
    Some(PoolConfig {
        display_name: message.display_name,
        administrators,
        members,
        claim_mode: claim_mode?,
        members_may_browse: message.members_may_browse,
        members_may_return: message.members_may_return.unwrap_or(true),
        members_may_transfer_out: message.members_may_transfer_out,
        members_may_add: message.members_may_add,
        claim_limit: claim_limit?,
        claim_limit_counts_won: message.claim_limit_counts_won,
        daily_claim_limit: daily_claim_limit?,
        cooldown_days: cooldown_days?,
        clear_team_on_owner_change: message.clear_team_on_owner_change,
        clear_owner_on_transfer_in: message.clear_owner_on_transfer_in,
        return_reasons,
        hidden_fields: message.hidden_fields,
        unclaimed_related_access: related?,
        unclaimed_history_visible: message.unclaimed_history_visible.unwrap_or(true),
        time_zone: time_zone?,
    })
}

fn read_members(v: &mut Violations, message: &proto::PoolMembers) -> PoolMembers {
    let field = "pool.members.departments";
    check_len(v, field, message.departments.len(), 500);
    let mut departments = Vec::new();
    for (at, member) in message.departments.iter().enumerate().take(500) {
        let name = format!("{field}[{at}].department_id");
        if let Some(department_id) = id(v, &name, &member.department_id, DepartmentId::parse) {
            departments.push(PoolDepartment {
                department_id,
                include_sub_departments: member.include_sub_departments,
            });
        }
    }
    PoolMembers {
        everyone: message.everyone,
        users: ids(v, "pool.members.users", &message.users, 5000, UserId::parse),
        departments,
        roles: ids(v, "pool.members.roles", &message.roles, 100, Role::parse),
        groups: ids(v, "pool.members.groups", &message.groups, 500, GroupId::parse),
    }
}
