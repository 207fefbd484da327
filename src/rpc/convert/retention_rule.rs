//! Reclaim rules.

use super::{choice, decode, etag, etag_opt, id, id_opt, mask, required, timestamp};
use crate::{
    app::retention_rule::{CreateReclaimRule, ReorderReclaimRules, UpdateReclaimRule},
    domain::{
        error::Error,
        ids::{DepartmentId, PoolId, ReclaimRuleId},
        refusal::Violations,
        retention::{
            calendar::{Cutoff, DayCounting},
            matching::StoredRule,
            rule::{MAX_RULES, RuleHome},
            terms::{AdvanceReminder, AfterWin, Combine, GradeDays, Recipient, ReclaimAction, ReclaimTerms, RuleDays},
        },
        text::check_len,
    },
    rpc::proto,
};

/// The ids of the pool and the department that a rule belongs to; one of them is empty.
#[must_use]
pub fn encode_home(home: &RuleHome) -> (String, String) {
    match home {
        RuleHome::Pool(id) => (id.to_string(), String::new()),
        RuleHome::Department(id) => (String::new(), id.to_string()),
    }
}

/// Whom a reminder reaches.
#[must_use]
pub fn encode_recipients(recipients: &[Recipient]) -> Vec<i32> {
    let number = |recipient: &Recipient| match recipient {
        Recipient::Owner => proto::ReminderRecipient::Owner,
        Recipient::Supervisor => proto::ReminderRecipient::Supervisor,
        Recipient::Team => proto::ReminderRecipient::Team,
        Recipient::PoolAdmins => proto::ReminderRecipient::PoolAdmins,
    };
    recipients.iter().map(|recipient| number(recipient).into()).collect()
}

/// How two clocks work together.
#[must_use]
pub const fn encode_combine(combine: Option<Combine>) -> proto::CombineMode {
    match combine {
        None => proto::CombineMode::Unspecified,
        Some(Combine::Either) => proto::CombineMode::Either,
        Some(Combine::Both) => proto::CombineMode::Both,
    }
}

/// Which days count.
#[must_use]
pub const fn encode_day_counting(day_counting: DayCounting) -> proto::DayCounting {
    match day_counting {
        DayCounting::Calendar => proto::DayCounting::Calendar,
        DayCounting::Business => proto::DayCounting::Business,
    }
}

fn encode_days(days: Option<u32>) -> Option<i32> {
    days.map(u32::cast_signed)
}

/// A rule as a message.
#[must_use]
pub fn encode(rule: &StoredRule) -> proto::ReclaimRule {
    let terms = &rule.config.terms;
    let (pool_id, department_id) = encode_home(&rule.config.home);
    let grade_days = terms.grade_days.iter().map(|own| proto::GradeDays {
        grade: own.grade.clone(),
        follow_up_days: encode_days(own.days.follow_up),
        first_contact_days: encode_days(own.days.first_contact),
        close_days: encode_days(own.days.close),
    });
    let reminders = terms.reminders.iter().map(|reminder| proto::AdvanceReminder {
        days_before: reminder.days_before.cast_signed(),
        recipients: encode_recipients(&reminder.recipients),
    });
    proto::ReclaimRule {
        id: rule.id.to_string(),
        pool_id,
        department_id,
        include_sub_departments: rule.config.include_sub_departments,
        display_name: terms.display_name.clone(),
        priority: terms.priority.cast_signed(),
        enabled: rule.config.enabled,
        condition: terms.condition.clone(),
        created_within_months: encode_days(terms.created_within_months),
        action: match terms.action {
            ReclaimAction::Reclaim => proto::ReclaimAction::Reclaim,
            ReclaimAction::NoReclaim => proto::ReclaimAction::NoReclaim,
        }
        .into(),
        follow_up_days: encode_days(terms.days.follow_up),
        first_contact_days: encode_days(terms.days.first_contact),
        close_days: encode_days(terms.days.close),
        grade_days: grade_days.collect(),
        combine: encode_combine(terms.combine).into(),
        after_win: match terms.after_win {
            None => proto::AfterWin::Unspecified,
            Some(AfterWin::Exempt) => proto::AfterWin::Exempt,
            Some(AfterWin::Restart) => proto::AfterWin::Restart,
        }
        .into(),
        cutoff: terms.cutoff.map(|cutoff| cutoff.to_string()).unwrap_or_default(),
        day_counting: encode_day_counting(terms.day_counting).into(),
        max_hold_days: encode_days(terms.max_hold_days),
        contract_end_days: encode_days(terms.contract_end_days),
        follow_up_kinds: terms.follow_up_kinds.clone(),
        reclaim_kinds: terms.reclaim_kinds.clone(),
        no_restart_days: encode_days(terms.no_restart_days),
        target_pool_id: terms.target_pool_id.map(|id| id.to_string()).unwrap_or_default(),
        reminders: reminders.collect(),
        repeat_daily: terms.repeat_daily,
        clock_floor_time: rule.config.clock_floor.and_then(timestamp),
        etag: etag(rule.version),
        create_time: timestamp(rule.create_time),
        update_time: timestamp(rule.update_time),
    }
}

/// Reads whose accounts rules are for: a pool's or a department's, one of the two.
pub fn home(v: &mut Violations, within: &str, pool_id: &str, department_id: &str) -> Option<RuleHome> {
    let field = |name: &str| format!("{within}{name}");
    let pool = id_opt(v, &field("pool_id"), pool_id, PoolId::parse);
    let department = id_opt(v, &field("department_id"), department_id, DepartmentId::parse);
    match (pool?, department?) {
        (Some(pool), None) => Some(RuleHome::Pool(pool)),
        (None, Some(department)) => Some(RuleHome::Department(department)),
        (None, None) => {
            v.add(field("pool_id"), "pool_id or department_id must be set");
            None
        }
        (Some(_), Some(_)) => {
            v.add(field("department_id"), "must not be set beside pool_id");
            None
        }
    }
}

/// Checks what an update does not look at further: whose rule it is never changes.
pub fn well_formed_home(v: &mut Violations, within: &str, pool_id: &str, department_id: &str) {
    let _ = id_opt(v, &format!("{within}pool_id"), pool_id, PoolId::parse);
    let _ = id_opt(v, &format!("{within}department_id"), department_id, DepartmentId::parse);
}

/// Reads the rule of a create request.
pub fn create(message: proto::CreateReclaimRuleRequest) -> Result<CreateReclaimRule, Error> {
    decode(|v| {
        let rule = required(v, "reclaim_rule", message.reclaim_rule)?;
        let home = home(v, "reclaim_rule.", &rule.pool_id, &rule.department_id);
        let include_sub_departments = rule.include_sub_departments;
        let terms = read(v, rule);
        Some(CreateReclaimRule {
            home: home?,
            include_sub_departments,
            include_past_days: message.include_past_days.unwrap_or(false),
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
        well_formed_home(v, "reclaim_rule.", &rule.pool_id, &rule.department_id);
        let terms = read(v, rule);
        Some(UpdateReclaimRule {
            id: id?,
            terms: terms?,
            paths,
            include_past_days: message.include_past_days,
            etag: etag?,
        })
    })
}

/// Reads a new order.
pub fn reorder(message: proto::ReorderReclaimRulesRequest) -> Result<ReorderReclaimRules, Error> {
    decode(|v| {
        let home = home(v, "", &message.pool_id, &message.department_id);
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
        Some(ReorderReclaimRules { home: home?, places })
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

/// A number for the domain to judge with everything else; what is below 0 is as wrong as what is too large.
pub(super) fn number(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Reads whom a reminder reaches.
pub fn recipients(v: &mut Violations, field: &str, numbers: &[i32]) -> Option<Vec<Recipient>> {
    let read = numbers.iter().enumerate().map(|(at, value)| {
        let field = format!("{field}[{at}]");
        let read = choice(v, &field, *value, |value| match value {
            proto::ReminderRecipient::Unspecified => None,
            proto::ReminderRecipient::Owner => Some(Recipient::Owner),
            proto::ReminderRecipient::Supervisor => Some(Recipient::Supervisor),
            proto::ReminderRecipient::Team => Some(Recipient::Team),
            proto::ReminderRecipient::PoolAdmins => Some(Recipient::PoolAdmins),
        })?;
        if read.is_none() {
            v.add(&field, "must be set");
        }
        read
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// Reads a time of day or `NONE`.
pub(super) fn cutoff(v: &mut Violations, field: &str, text: &str) -> Option<Cutoff> {
    v.check(field, text.parse().map_err(|error| format!("{error}, or NONE")))
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
    let day_counting = choice(
        v,
        "reclaim_rule.day_counting",
        message.day_counting,
        |value| match value {
            proto::DayCounting::Unspecified | proto::DayCounting::Calendar => DayCounting::Calendar,
            proto::DayCounting::Business => DayCounting::Business,
        },
    );
    let cutoff = match message.cutoff.as_str() {
        "" => Some(None),
        text => cutoff(v, "reclaim_rule.cutoff", text).map(Some),
    };
    let target_pool_id = id_opt(v, "reclaim_rule.target_pool_id", &message.target_pool_id, PoolId::parse);
    let mut reminders = Vec::new();
    for (at, reminder) in message.reminders.iter().enumerate() {
        let field = format!("reclaim_rule.reminders[{at}].recipients");
        reminders.push(
            recipients(v, &field, &reminder.recipients).map(|recipients| AdvanceReminder {
                days_before: number(reminder.days_before),
                recipients,
            }),
        );
    }
    let grade_days = message.grade_days.into_iter().map(|own| GradeDays {
        days: RuleDays {
            follow_up: own.follow_up_days.map(number),
            first_contact: own.first_contact_days.map(number),
            close: own.close_days.map(number),
        },
        grade: own.grade,
    });
    Some(ReclaimTerms {
        display_name: message.display_name,
        priority: number(message.priority),
        condition: message.condition,
        created_within_months: message.created_within_months.map(number),
        action: action?,
        days: RuleDays {
            follow_up: message.follow_up_days.map(number),
            first_contact: message.first_contact_days.map(number),
            close: message.close_days.map(number),
        },
        grade_days: grade_days.collect(),
        combine: combine?,
        after_win: after_win?,
        cutoff: cutoff?,
        day_counting: day_counting?,
        max_hold_days: message.max_hold_days.map(number),
        contract_end_days: message.contract_end_days.map(number),
        follow_up_kinds: message.follow_up_kinds,
        reclaim_kinds: message.reclaim_kinds,
        no_restart_days: message.no_restart_days.map(number),
        target_pool_id: target_pool_id?,
        reminders: reminders.into_iter().collect::<Option<_>>()?,
        repeat_daily: message.repeat_daily,
    })
}
