//! Previews of changes of reclaim rules.

use super::{decode, required, retention_rule, timestamp};
use crate::{
    app::retention_preview::{RuleChange, RulePreview},
    domain::{
        error::Error,
        retention::preview::{Effect, Moved},
    },
    rpc::{
        all_wrong,
        proto::{self, preview_reclaim_rule_change_request::Change},
    },
};

/// Reads the change as the call itself reads it, and says which of them it is.
pub fn change(message: Option<Change>) -> Result<(&'static str, RuleChange), Error> {
    let target = |id: &str, etag: &str| retention_rule::target(id, etag);
    let (name, request_id, change) = match decode(|v| required(v, "change", message))? {
        Change::Create(message) => {
            let request_id = message.request_id.clone();
            (
                "create",
                request_id,
                retention_rule::create(message).map(RuleChange::Create),
            )
        }
        Change::Update(message) => {
            let request_id = message.request_id.clone();
            (
                "update",
                request_id,
                retention_rule::update(message).map(RuleChange::Update),
            )
        }
        Change::Reorder(message) => {
            let request_id = message.request_id.clone();
            (
                "reorder",
                request_id,
                retention_rule::reorder(message).map(RuleChange::Reorder),
            )
        }
        Change::Enable(message) => {
            let read = target(&message.reclaim_rule_id, &message.etag);
            (
                "enable",
                message.request_id,
                read.map(|(id, etag)| RuleChange::Enable(id, etag)),
            )
        }
        Change::Disable(message) => {
            let read = target(&message.reclaim_rule_id, &message.etag);
            (
                "disable",
                message.request_id,
                read.map(|(id, etag)| RuleChange::Disable(id, etag)),
            )
        }
        Change::Delete(message) => {
            let read = target(&message.reclaim_rule_id, &message.etag);
            (
                "delete",
                message.request_id,
                read.map(|(id, etag)| RuleChange::Delete(id, etag)),
            )
        }
    };
    let change = all_wrong(&request_id, change).map_err(|error| error.within(name))?;
    Ok((name, change))
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
