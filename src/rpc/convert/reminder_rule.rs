//! Reminder rules.

use super::{
    decode, etag, etag_opt, mask, own_id, required,
    retention_rule::{encode_home, encode_recipients, home, number, recipients, well_formed_home},
    timestamp,
};
use crate::{
    app::configured::UpdateConfigured,
    domain::{
        error::Error,
        refusal::Violations,
        retention::{
            matching::StoredReminder,
            reminder_rule::{ReminderRule, ReminderTerms},
        },
    },
    rpc::proto,
};
use uuid::Uuid;

/// A rule as a message.
#[must_use]
pub fn encode(rule: &StoredReminder) -> proto::ReminderRule {
    let terms = &rule.config.terms;
    let (pool_id, department_id) = encode_home(&rule.config.home);
    proto::ReminderRule {
        id: rule.id.to_string(),
        pool_id,
        department_id,
        include_sub_departments: rule.config.include_sub_departments,
        display_name: terms.display_name.clone(),
        enabled: rule.config.enabled,
        condition: terms.condition.clone(),
        created_within_months: terms.created_within_months.map(u32::cast_signed),
        idle_days: terms.idle_days.cast_signed(),
        until_won: terms.until_won,
        repeat_daily: terms.repeat_daily,
        recipients: encode_recipients(&terms.recipients),
        etag: etag(rule.version),
        create_time: timestamp(rule.create_time),
        update_time: timestamp(rule.update_time),
    }
}

/// Reads the rule of a create request.
pub fn create(message: Option<proto::ReminderRule>) -> Result<ReminderRule, Error> {
    decode(|v| {
        let rule = required(v, "reminder_rule", message)?;
        let home = home(v, "reminder_rule.", &rule.pool_id, &rule.department_id);
        let include_sub_departments = rule.include_sub_departments;
        let terms = read(v, rule);
        Some(ReminderRule {
            home: home?,
            include_sub_departments,
            enabled: true,
            terms: terms?,
        })
    })
}

/// Reads an update.
pub fn update(message: proto::UpdateReminderRuleRequest) -> Result<UpdateConfigured<ReminderTerms>, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let rule = required(v, "reminder_rule", message.reminder_rule)?;
        let id = own_id(v, "reminder_rule.id", &rule.id);
        let etag = etag_opt(v, "reminder_rule.etag", &rule.etag);
        well_formed_home(v, "reminder_rule.", &rule.pool_id, &rule.department_id);
        let config = read(v, rule);
        Some(UpdateConfigured {
            id: id?,
            config: config?,
            paths,
            etag: etag?,
        })
    })
}

/// Reads the id and etag of a custom method.
pub fn target(reminder_rule_id: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, "reminder_rule_id", reminder_rule_id);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}

fn read(v: &mut Violations, message: proto::ReminderRule) -> Option<ReminderTerms> {
    let recipients = recipients(v, "reminder_rule.recipients", &message.recipients);
    Some(ReminderTerms {
        display_name: message.display_name,
        condition: message.condition,
        created_within_months: message.created_within_months.map(number),
        idle_days: number(message.idle_days),
        until_won: message.until_won,
        repeat_daily: message.repeat_daily,
        recipients: recipients?,
    })
}
