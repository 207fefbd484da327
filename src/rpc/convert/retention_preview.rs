//! Previews of changes of reclaim rules.

use super::{decode, required, retention_rule, timestamp};
use crate::{
    app::retention_preview::{RuleChange, RulePreview},
    domain::{
        error::Error,
        retention::preview::{Effect, Moved},
    },
    rpc::proto::{self, preview_reclaim_rule_change_request::Change},
};

/// Reads the change, as the call itself reads it.
pub fn change(message: Option<Change>) -> Result<RuleChange, Error> {
    let target = |id: &str, etag: &str| retention_rule::target(id, etag);
    Ok(match decode(|v| required(v, "change", message))? {
        Change::Create(message) => RuleChange::Create(retention_rule::create(message)?),
        Change::Update(message) => RuleChange::Update(retention_rule::update(message)?),
        Change::Reorder(message) => RuleChange::Reorder(retention_rule::reorder(message)?),
        Change::Enable(message) => {
            let (id, etag) = target(&message.reclaim_rule_id, &message.etag)?;
            RuleChange::Enable(id, etag)
        }
        Change::Disable(message) => {
            let (id, etag) = target(&message.reclaim_rule_id, &message.etag)?;
            RuleChange::Disable(id, etag)
        }
        Change::Delete(message) => {
            let (id, etag) = target(&message.reclaim_rule_id, &message.etag)?;
            RuleChange::Delete(id, etag)
        }
    })
}

/// Numbers of accounts are far below what does not fit.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A preview as a message.
#[must_use]
pub fn encode(preview: RulePreview) -> proto::ReclaimRulePreview {
    proto::ReclaimRulePreview {
        account_count: count(preview.accounts),
        complete: preview.complete,
        including_past_days: Some(encode_effect(preview.with_past_days)),
        excluding_past_days: Some(encode_effect(preview.without_past_days)),
    }
}

fn encode_effect(effect: Effect) -> proto::ReclaimRuleEffect {
    let moved = |moved: Moved| proto::MovedDeadline {
        account_id: moved.account.to_string(),
        account_name: moved.name,
        owner: moved.owner.map(|owner| owner.to_string()).unwrap_or_default(),
        old_reclaim_time: moved.old.and_then(timestamp),
        new_reclaim_time: moved.new.and_then(timestamp),
    };
    proto::ReclaimRuleEffect {
        affected_count: count(effect.affected()),
        earlier_count: count(effect.earlier),
        later_count: count(effect.later),
        gained_count: count(effect.gained),
        lost_count: count(effect.lost),
        notice_count: count(effect.noticed),
        overdue_count: count(effect.overdue),
        samples: effect.samples.into_iter().map(moved).collect(),
    }
}
