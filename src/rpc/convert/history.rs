//! What happened to accounts.

use super::{decode, id, page_size, timestamp};
use crate::{
    app::history::ListHistory,
    domain::{
        account::{EndCause, StartCause},
        error::Error,
        history::{AccountEvent, EndedTenure, Tenure, ToldEffects, ToldRelated, ToldReminder},
        ids::{AccountId, PoolId, UserId},
    },
    rpc::proto,
};
use chrono::DateTime;

/// Reads a list request.
pub fn list(account: &str, size: i32, token: String) -> Result<ListHistory, Error> {
    decode(|v| {
        let account = id(v, "account_id", account, AccountId::parse);
        let size = page_size(v, size);
        Some(ListHistory {
            account: account?,
            size: size?,
            token,
        })
    })
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A tenure as a message.
#[must_use]
pub fn encode_tenure(tenure: Tenure) -> proto::Tenure {
    let begun = proto::Tenure {
        user_id: tenure.user.to_string(),
        pool_id: text::<PoolId>(tenure.pool),
        start_time: timestamp(tenure.start_time),
        start_cause: match tenure.start_cause {
            StartCause::Claimed => proto::TenureStartCause::Claimed,
            StartCause::Assigned => proto::TenureStartCause::Assigned,
            StartCause::OwnerChanged => proto::TenureStartCause::OwnerChanged,
            StartCause::Created => proto::TenureStartCause::Created,
            StartCause::Restored => proto::TenureStartCause::Restored,
        }
        .into(),
        start_actor: text::<UserId>(tenure.start_actor),
        ..proto::Tenure::default()
    };
    let Some(EndedTenure {
        time,
        cause,
        actor,
        reason,
        note,
        rule_id,
        deadline,
    }) = tenure.end
    else {
        return begun;
    };
    proto::Tenure {
        end_time: timestamp(time),
        end_cause: encode_end(cause).into(),
        end_actor: text(actor),
        reason_id: text(reason),
        note,
        rule_id: text(rule_id),
        deadline: deadline.and_then(timestamp),
        ..begun
    }
}

const fn encode_end(cause: EndCause) -> proto::TenureEndCause {
    match cause {
        EndCause::Returned => proto::TenureEndCause::Returned,
        EndCause::Reclaimed => proto::TenureEndCause::Reclaimed,
        EndCause::AutoReclaimed => proto::TenureEndCause::AutoReclaimed,
        EndCause::Reassigned => proto::TenureEndCause::Reassigned,
        EndCause::OwnerChanged => proto::TenureEndCause::OwnerChanged,
        EndCause::Transferred => proto::TenureEndCause::Transferred,
        EndCause::OwnerLeft => proto::TenureEndCause::OwnerLeft,
        EndCause::Canceled => proto::TenureEndCause::Canceled,
        EndCause::Merged => proto::TenureEndCause::Merged,
    }
}

/// An event as a message.
#[must_use]
pub fn encode_event(event: AccountEvent) -> proto::AccountEvent {
    proto::AccountEvent {
        version: event.version,
        event_time: timestamp(event.event_time),
        kind: event.kind,
        caller: event.caller,
        actor: text(event.actor),
        effects: Some(encode_effects(event.effects)),
        note: event.note,
    }
}

fn encode_effects(effects: ToldEffects) -> proto::AccountEventEffects {
    // Stored by their published names, which are those of the enums without the prefix.
    let status = |name: &str| {
        let name = format!("ACCOUNT_STATUS_{name}");
        proto::AccountStatus::from_str_name(&name).unwrap_or_default().into()
    };
    let cause = |name: String| {
        let name = format!("TENURE_END_CAUSE_{name}");
        proto::TenureEndCause::from_str_name(&name).unwrap_or_default().into()
    };
    proto::AccountEventEffects {
        status: effects.status.map(|(old, new)| proto::StatusChange {
            old: status(&old),
            new: status(&new),
        }),
        owner: effects.owner.map(|(old, new)| proto::OwnerChange {
            old: text(old),
            new: text(new),
        }),
        pool: effects.pool.map(|(old, new)| proto::PoolChange {
            old: text(old),
            new: text(new),
        }),
        reclaim_time: effects.reclaim_time.map(|new| proto::ReclaimTimeChange {
            new: new.and_then(DateTime::from_timestamp_micros).and_then(timestamp),
        }),
        end_cause: effects.end_cause.map(cause).unwrap_or_default(),
        reason_id: text(effects.reason),
        fields: effects.fields,
        team_member: text(effects.member),
        days: effects.days.unwrap_or_default().cast_signed(),
        until: effects
            .until
            .and_then(DateTime::from_timestamp_micros)
            .and_then(timestamp),
        reminder: effects.reminder.map(encode_reminder),
        related_owner_changes: effects.related.into_iter().map(encode_related).collect(),
        merged_account_ids: effects.merged.iter().map(ToString::to_string).collect(),
        merged_into: text(effects.merged_into),
        contacts_left_behind: effects.contacts_left_behind.cast_signed(),
        late_follow_up: effects.late_follow_up,
    }
}

fn encode_related(related: ToldRelated) -> proto::RelatedOwnerChange {
    proto::RelatedOwnerChange {
        source: related.source,
        object_type: related.object_type,
        object_id: related.object_id,
        old: related.old,
        new: related.new,
    }
}

fn encode_reminder(reminder: ToldReminder) -> proto::Reminder {
    let kind = format!("REMINDER_KIND_{}", reminder.kind);
    proto::Reminder {
        kind: proto::ReminderKind::from_str_name(&kind).unwrap_or_default().into(),
        rule_id: text(reminder.rule_id),
        days_before: reminder.days_before.map(u32::cast_signed),
        deadline: reminder
            .deadline
            .and_then(DateTime::from_timestamp_micros)
            .and_then(timestamp),
        recipients: reminder.recipients,
    }
}
