//! Retention limits.

use super::{count_opt, decode, etag, etag_opt, id, ids, mask, own_id, required, texts, timestamp};
use crate::{
    app::{configured::UpdateConfigured, retention_limit::Saved},
    domain::{
        configured::Configured,
        error::Error,
        ids::{DepartmentId, GroupId, UserId},
        limits::{
            Level, LimitDepartment, LimitRule, LimitSubjects, Tie, Why,
            explanation::{Explanation, PoolRoom},
        },
        patch,
        refusal::Violations,
        text::check_len,
    },
    rpc::proto,
};
use uuid::Uuid;

/// Numbers of accounts are far below what does not fit.
fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A limit as a message.
#[must_use]
pub fn encode(rule: &Configured<LimitRule>) -> proto::RetentionLimit {
    let config = &rule.config;
    let department = |department: &LimitDepartment| proto::RetentionLimitDepartment {
        department_id: department.department_id.to_string(),
        include_sub_departments: department.include_sub_departments,
    };
    proto::RetentionLimit {
        id: rule.id.to_string(),
        display_name: config.display_name.clone(),
        subjects: Some(proto::RetentionLimitSubjects {
            users: texts(&config.subjects.users),
            groups: texts(&config.subjects.groups),
            departments: config.subjects.departments.iter().map(department).collect(),
            tenant_default: config.subjects.tenant_default,
        }),
        limit: Some(count(config.limit)),
        count_pool_accounts: Some(config.count_pool_accounts),
        count_won: config.count_won,
        priority: config.priority.map(count),
        etag: etag(rule.version),
        create_time: timestamp(rule.create_time),
        update_time: timestamp(rule.update_time),
    }
}

/// What an admin should know about a limit that he saved.
#[must_use]
pub fn warnings(saved: &Saved) -> Vec<proto::RetentionLimitWarning> {
    let warning = |tie: &Tie| {
        let concerned = match &tie.example {
            Some(user) if tie.users > 1 => format!("{user} and {} more", tie.users - 1),
            Some(user) => user.to_string(),
            None => "nobody yet".to_owned(),
        };
        let name = &tie.rule.config.display_name;
        let message = format!(
            "ties with {name:?}: both name the same users equally specifically ({concerned}) with the same priority, \
             so the smaller limit holds, or else the older one; set priorities to decide otherwise"
        );
        proto::RetentionLimitWarning {
            retention_limit_id: tie.rule.id.to_string(),
            user_count: i32::try_from(tie.users).unwrap_or(i32::MAX),
            example_user_id: tie.example.as_ref().map(ToString::to_string).unwrap_or_default(),
            message,
        }
    };
    saved.ties.iter().map(warning).collect()
}

/// Reads the limit of a create request.
pub fn create(message: Option<proto::RetentionLimit>) -> Result<LimitRule, Error> {
    decode(|v| {
        let message = required(v, "retention_limit", message)?;
        read(v, message, true)
    })
}

/// Reads an update.
pub fn update(message: proto::UpdateRetentionLimitRequest) -> Result<UpdateConfigured<LimitRule>, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let limit = required(v, "retention_limit", message.retention_limit)?;
        let id = own_id(v, "retention_limit.id", &limit.id);
        let etag = etag_opt(v, "retention_limit.etag", &limit.etag);
        let takes_limit = paths.iter().any(|path| path == patch::ALL || path == "limit");
        let config = read(v, limit, takes_limit);
        Some(UpdateConfigured {
            id: id?,
            config: config?,
            paths,
            etag: etag?,
        })
    })
}

/// Reads an id and an etag.
pub fn target(retention_limit_id: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, "retention_limit_id", retention_limit_id);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

fn read(v: &mut Violations, message: proto::RetentionLimit, needs_limit: bool) -> Option<LimitRule> {
    let subjects = read_subjects(v, &message.subjects.unwrap_or_default());
    let limit = count_opt(v, "retention_limit.limit", message.limit);
    // A limit that was forgotten must not read as 0, which would lock everybody out.
    if needs_limit {
        required(v, "retention_limit.limit", message.limit);
    }
    let priority = count_opt(v, "retention_limit.priority", message.priority);
    Some(LimitRule {
        display_name: message.display_name,
        subjects,
        limit: limit?.unwrap_or_default(),
        count_pool_accounts: message.count_pool_accounts.unwrap_or(true),
        count_won: message.count_won,
        priority: priority?,
    })
}

fn read_subjects(v: &mut Violations, message: &proto::RetentionLimitSubjects) -> LimitSubjects {
    let field = "retention_limit.subjects";
    let list = format!("{field}.departments");
    check_len(v, &list, message.departments.len(), 500);
    let mut departments = Vec::new();
    for (at, department) in message.departments.iter().enumerate().take(500) {
        let name = format!("{list}[{at}].department_id");
        if let Some(department_id) = id(v, &name, &department.department_id, DepartmentId::parse) {
            departments.push(LimitDepartment {
                department_id,
                include_sub_departments: department.include_sub_departments,
            });
        }
    }
    LimitSubjects {
        users: ids(v, &format!("{field}.users"), &message.users, 5000, UserId::parse),
        groups: ids(v, &format!("{field}.groups"), &message.groups, 500, GroupId::parse),
        departments,
        tenant_default: message.tenant_default,
    }
}

fn candidate(rule: &Configured<LimitRule>, level: Level, why: Option<Why>) -> proto::RetentionLimitCandidate {
    let level = match level {
        Level::User => proto::RetentionLimitLevel::User,
        Level::Group => proto::RetentionLimitLevel::Group,
        Level::PrimaryDepartment => proto::RetentionLimitLevel::PrimaryDepartment,
        Level::OtherDepartment => proto::RetentionLimitLevel::OtherDepartment,
        Level::DepartmentAbove { .. } => proto::RetentionLimitLevel::DepartmentAbove,
        Level::TenantDefault => proto::RetentionLimitLevel::TenantDefault,
    };
    let loss = match why {
        None => proto::RetentionLimitLoss::Unspecified,
        Some(Why::LessSpecific) => proto::RetentionLimitLoss::LessSpecific,
        Some(Why::Priority) => proto::RetentionLimitLoss::Priority,
        Some(Why::LargerLimit) => proto::RetentionLimitLoss::LargerLimit,
        Some(Why::Younger) => proto::RetentionLimitLoss::Younger,
    };
    proto::RetentionLimitCandidate {
        retention_limit_id: rule.id.to_string(),
        display_name: rule.config.display_name.clone(),
        limit: count(rule.config.limit),
        count_pool_accounts: rule.config.count_pool_accounts,
        count_won: rule.config.count_won,
        priority: rule.config.priority.map(count),
        level: level.into(),
        loss: loss.into(),
    }
}

/// An explanation as a message.
#[must_use]
pub fn encode_explanation(explanation: &Explanation) -> proto::RetentionLimitExplanation {
    let winner = explanation.explained.winner.as_ref();
    let losers = explanation.explained.losers.iter();
    proto::RetentionLimitExplanation {
        user_id: explanation.user.to_string(),
        winner: winner.map(|(rule, level)| candidate(rule, *level, None)),
        losers: losers
            .map(|loser| candidate(&loser.rule, loser.level, Some(loser.why)))
            .collect(),
        used: count(explanation.used),
        room: explanation.room.map(count),
        over_limit: count(explanation.over_limit),
        pools: explanation.pools.iter().map(encode_pool).collect(),
        claimed_today: count(explanation.claimed_today),
        daily_claim_limit: explanation.daily_claim_limit.map(count),
        reset_time: timestamp(explanation.reset_time),
    }
}

fn encode_pool(room: &PoolRoom) -> proto::PoolRoom {
    let config = &room.pool.config;
    proto::PoolRoom {
        pool_id: room.pool.id.to_string(),
        display_name: config.display_name.clone(),
        claim_limit: config.claim_limit.map(count),
        claim_limit_counts_won: config.claim_limit_counts_won,
        used: count(room.used),
        room: room.room.map(count),
        claimed_today: count(room.claimed_today),
        daily_claim_limit: config.daily_claim_limit.map(count),
        claim_room: room.claim_room.map(count),
        reset_time: timestamp(room.reset_time),
    }
}
