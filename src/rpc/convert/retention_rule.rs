//! Reclaim rules.

use super::{choice, decode, etag, etag_opt, id, id_opt, mask, required, timestamp};
use crate::{
    app::retention_rule::{CreateReclaimRule, ReorderReclaimRules, UpdateReclaimRule},
    domain::{
        error::Error,
        ids::{PoolId, ReclaimRuleId},
        refusal::Violations,
        retention::{
            matching::StoredRule,
            rule::{AfterWin, Combine, MAX_RULES, ReclaimAction, ReclaimTerms},
        },
        text::check_len,
    },
    rpc::proto,
};

/// A rule as a message.
#[must_use]
pub fn encode(rule: &StoredRule) -> proto::ReclaimRule {
    let terms = &rule.config.terms;
    proto::ReclaimRule {
        id: rule.id.to_string(),
        pool_id: rule.config.pool_id.to_string(),
        display_name: terms.display_name.clone(),
        priority: terms.priority.cast_signed(),
        enabled: rule.config.enabled,
        action: match terms.action {
            ReclaimAction::Reclaim => proto::ReclaimAction::Reclaim,
            ReclaimAction::NoReclaim => proto::ReclaimAction::NoReclaim,
        }
        .into(),
        follow_up_days: terms.follow_up_days.map(u32::cast_signed),
        first_contact_days: terms.first_contact_days.map(u32::cast_signed),
        close_days: terms.close_days.map(u32::cast_signed),
        combine: match terms.combine {
            None => proto::CombineMode::Unspecified,
            Some(Combine::Either) => proto::CombineMode::Either,
            Some(Combine::Both) => proto::CombineMode::Both,
        }
        .into(),
        after_win: match terms.after_win {
            None => proto::AfterWin::Unspecified,
            Some(AfterWin::Exempt) => proto::AfterWin::Exempt,
            Some(AfterWin::Restart) => proto::AfterWin::Restart,
        }
        .into(),
        target_pool_id: terms.target_pool_id.map(|id| id.to_string()).unwrap_or_default(),
        etag: etag(rule.version),
        create_time: timestamp(rule.create_time),
        update_time: timestamp(rule.update_time),
    }
}

/// Reads the rule of a create request.
pub fn create(message: Option<proto::ReclaimRule>) -> Result<CreateReclaimRule, Error> {
    decode(|v| {
        let message = required(v, "reclaim_rule", message)?;
        let pool_id = id(v, "reclaim_rule.pool_id", &message.pool_id, PoolId::parse);
        let terms = read(v, message);
        Some(CreateReclaimRule {
            pool_id: pool_id?,
            terms: terms?,
        })
    })
}

/// Reads an update.
pub fn update(message: proto::UpdateReclaimRuleRequest) -> Result<UpdateReclaimRule, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let rule = required(v, "reclaim_rule", message.reclaim_rule)?;
        let id = id(v, "reclaim_rule.id", &rule.id, ReclaimRuleId::parse);
        let etag = etag_opt(v, "reclaim_rule.etag", &rule.etag);
        // It never changes, so it need not be there.
        let _ = id_opt(v, "reclaim_rule.pool_id", &rule.pool_id, PoolId::parse);
        let terms = read(v, rule);
        Some(UpdateReclaimRule {
            id: id?,
            terms: terms?,
            paths,
            etag: etag?,
        })
    })
}

/// Reads a new order.
pub fn reorder(message: proto::ReorderReclaimRulesRequest) -> Result<ReorderReclaimRules, Error> {
    decode(|v| {
        let pool_id = id(v, "pool_id", &message.pool_id, PoolId::parse);
        check_len(v, "places", message.places.len(), MAX_RULES);
        let mut places = Vec::new();
        for (at, place) in message.places.iter().enumerate().take(MAX_RULES) {
            let field = |name| format!("places[{at}].{name}");
            let id = id(
                v,
                &field("reclaim_rule_id"),
                &place.reclaim_rule_id,
                ReclaimRuleId::parse,
            );
            let etag = etag_opt(v, &field("etag"), &place.etag);
            places.extend(id.zip(etag));
        }
        Some(ReorderReclaimRules {
            pool_id: pool_id?,
            places,
        })
    })
}

/// Reads the id and etag of a custom method.
pub fn target(reclaim_rule_id: &str, etag: &str) -> Result<(ReclaimRuleId, Option<i64>), Error> {
    decode(|v| {
        let id = id(v, "reclaim_rule_id", reclaim_rule_id, ReclaimRuleId::parse);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

/// Reads the id of the pool whose rules are wanted.
pub fn pool(v: &mut Violations, pool_id: &str) -> Option<PoolId> {
    id(v, "pool_id", pool_id, PoolId::parse)
}

/// A number for the domain to judge with everything else; what is below 0 is as wrong as what is too large.
fn number(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn read(v: &mut Violations, message: proto::ReclaimRule) -> Option<ReclaimTerms> {
    let action = choice(v, "reclaim_rule.action", message.action, |value| match value {
        proto::ReclaimAction::Unspecified | proto::ReclaimAction::Reclaim => ReclaimAction::Reclaim,
        proto::ReclaimAction::NoReclaim => ReclaimAction::NoReclaim,
    });
    let combine = choice(v, "reclaim_rule.combine", message.combine, |value| match value {
        proto::CombineMode::Unspecified => None,
        proto::CombineMode::Either => Some(Combine::Either),
        proto::CombineMode::Both => Some(Combine::Both),
    });
    let after_win = choice(v, "reclaim_rule.after_win", message.after_win, |value| match value {
        proto::AfterWin::Unspecified => None,
        proto::AfterWin::Exempt => Some(AfterWin::Exempt),
        proto::AfterWin::Restart => Some(AfterWin::Restart),
    });
    let target_pool_id = id_opt(v, "reclaim_rule.target_pool_id", &message.target_pool_id, PoolId::parse);
    Some(ReclaimTerms {
        display_name: message.display_name,
        priority: number(message.priority),
        action: action?,
        follow_up_days: message.follow_up_days.map(number),
        first_contact_days: message.first_contact_days.map(number),
        close_days: message.close_days.map(number),
        combine: combine?,
        after_win: after_win?,
        target_pool_id: target_pool_id?,
    })
}
