//! Explanations of the retention of accounts.

use super::{
    activity,
    retention_rule::{encode_combine, encode_day_counting, encode_home, encode_recipients},
    texts, timestamp,
};
use crate::{
    app::retention_explain::Explained,
    domain::retention::{
        clock::{AnchorCause, Basis},
        explain::{Clock, Explanation, Hold, Outcome, standing_of_other},
        hold::Absence,
        matching::{Choice, Standing, StoredReminder, StoredRule},
    },
    rpc::proto,
};
use chrono::{DateTime, TimeDelta, Utc};

/// Rules that are named.
const RULES: usize = 200;

/// An explanation as a message.
#[must_use]
pub fn encode_explanation(explained: &Explained) -> proto::RetentionExplanation {
    let bare = proto::RetentionExplanation {
        account_id: explained.account.id.to_string(),
        recomputing: explained.recomputing,
        ..proto::RetentionExplanation::default()
    };
    let Some(found) = explained.explanation() else {
        return proto::RetentionExplanation {
            outcome: proto::RetentionOutcome::NotOwned.into(),
            ..bare
        };
    };
    let steps = found.look.workings;
    let deadline = steps.deadline;
    let terms = found.look.matched.rule.map(|rule| &rule.config.terms);
    let at = |time: Option<DateTime<Utc>>| time.and_then(timestamp);
    let nudges = found.look.reminder_rules.iter();
    let nudges = nudges.map(|(rule, next)| encode_reminder_rule(explained, rule, *next));
    proto::RetentionExplanation {
        outcome: encode_outcome(found.outcome).into(),
        reclaim_time: at(deadline.map(|deadline| deadline.at)),
        basis: encode_basis(deadline.map(|deadline| deadline.basis)).into(),
        anchor_time: at(deadline.map(|deadline| deadline.anchor)),
        anchor: encode_anchor(deadline.map(|deadline| deadline.cause)).into(),
        anchor_activity: explained.activity.clone().map(activity::encode),
        remaining: found.remaining.map(encode_duration),
        remaining_is_displayed: found.displayed,
        rules: encode_rules(&found),
        department_choice: encode_choice(&found.departments),
        rule_change_time: at(found.look.matched.until),
        time_zone: found.tz.name().to_owned(),
        cutoff: found
            .counting
            .map(|counting| counting.cutoff.to_string())
            .unwrap_or_default(),
        day_counting: terms.map_or(0, |terms| encode_day_counting(terms.day_counting).into()),
        follow_up_clock: found.follow_up.map(encode_clock),
        close_clock: found.close.map(encode_clock),
        combine: terms.map_or(0, |terms| encode_combine(terms.combine).into()),
        max_hold_time: at(steps.max_hold),
        extension_time: at(steps.extended_to),
        contract_floor_time: at(steps.contract_floor),
        notice_floor_time: at(steps.notice_floor),
        holds: found
            .holds
            .iter()
            .map(|(hold, puts_off)| encode_hold(*hold, *puts_off))
            .collect(),
        absences: found.absences.iter().map(encode_absence).collect(),
        reminders: encode_reminders(explained, &found),
        reminder_rules: nudges.collect(),
        ..bare
    }
}

fn encode_duration(left: TimeDelta) -> prost_types::Duration {
    prost_types::Duration {
        seconds: left.num_seconds(),
        nanos: left.subsec_nanos(),
    }
}

const fn encode_outcome(outcome: Outcome) -> proto::RetentionOutcome {
    match outcome {
        Outcome::Reclaim => proto::RetentionOutcome::Reclaim,
        Outcome::NoRule => proto::RetentionOutcome::NoRule,
        Outcome::NoReclaim => proto::RetentionOutcome::NoReclaim,
        Outcome::Never => proto::RetentionOutcome::Never,
        Outcome::Held => proto::RetentionOutcome::Held,
    }
}

const fn encode_basis(basis: Option<Basis>) -> proto::RetentionBasis {
    match basis {
        None => proto::RetentionBasis::Unspecified,
        Some(Basis::FirstContact) => proto::RetentionBasis::FirstContact,
        Some(Basis::FollowUp) => proto::RetentionBasis::FollowUp,
        Some(Basis::Close) => proto::RetentionBasis::Close,
        Some(Basis::MaxHold) => proto::RetentionBasis::MaxHold,
        Some(Basis::ReclaimKind) => proto::RetentionBasis::ReclaimKind,
    }
}

const fn encode_anchor(cause: Option<AnchorCause>) -> proto::RetentionAnchor {
    match cause {
        None => proto::RetentionAnchor::Unspecified,
        Some(AnchorCause::OwnerSince) => proto::RetentionAnchor::OwnerSince,
        Some(AnchorCause::FollowUp) => proto::RetentionAnchor::FollowUp,
        Some(AnchorCause::Win) => proto::RetentionAnchor::Win,
        Some(AnchorCause::ClockFloor) => proto::RetentionAnchor::RuleChange,
    }
}

const fn encode_standing(standing: Option<Standing>) -> proto::ReclaimRuleStanding {
    match standing {
        Some(Standing::Decides) => proto::ReclaimRuleStanding::Decides,
        Some(Standing::Disabled) => proto::ReclaimRuleStanding::Disabled,
        Some(Standing::OutOfScope) => proto::ReclaimRuleStanding::OutOfScope,
        Some(Standing::Outranked) => proto::ReclaimRuleStanding::Outranked,
        Some(Standing::Broken) => proto::ReclaimRuleStanding::Broken,
        None => proto::ReclaimRuleStanding::OtherHome,
    }
}

fn encode_rules(found: &Explanation<'_>) -> Vec<proto::ReclaimRuleVerdict> {
    let verdict = |rule: &StoredRule, standing| {
        let (pool_id, department_id) = encode_home(&rule.config.home);
        proto::ReclaimRuleVerdict {
            reclaim_rule_id: rule.id.to_string(),
            display_name: rule.config.terms.display_name.clone(),
            priority: rule.config.terms.priority.cast_signed(),
            pool_id,
            department_id,
            standing: encode_standing(standing).into(),
        }
    };
    let asked = found
        .look
        .matched
        .asked
        .iter()
        .map(|(rule, standing)| verdict(rule, Some(*standing)));
    let others = found.others.iter().map(|rule| verdict(rule, standing_of_other(rule)));
    asked.chain(others).take(RULES).collect()
}

fn encode_choice(choice: &Choice) -> Option<proto::DepartmentChoice> {
    use proto::DepartmentChoiceReason as Reason;
    let (chosen, _) = choice.chosen.as_ref()?;
    let reason = match choice {
        Choice { explicit: true, .. } => Reason::Chosen,
        Choice { candidates, .. } if candidates.len() == 1 => Reason::Only,
        Choice { primary: true, .. } => Reason::Primary,
        Choice { .. } => Reason::Priority,
    };
    let candidates = choice.candidates.iter();
    let candidates = candidates.map(|(id, above)| proto::department_choice::Candidate {
        department_id: id.to_string(),
        above: *above,
    });
    Some(proto::DepartmentChoice {
        candidates: candidates.collect(),
        department_id: chosen.to_string(),
        reason: reason.into(),
    })
}

fn encode_clock(clock: Clock) -> proto::RetentionClock {
    let over = clock.running.over;
    proto::RetentionClock {
        days: clock.running.days.cast_signed(),
        basis: encode_basis(Some(clock.basis)).into(),
        anchor_time: over.and_then(|over| timestamp(over.anchor)),
        anchor: encode_anchor(over.map(|over| over.cause)).into(),
        end_time: over.and_then(|over| timestamp(over.at)),
        absence_days: i32::try_from(clock.absence_days).unwrap_or(i32::MAX),
        stop_time: clock.stopped.and_then(timestamp),
    }
}

fn encode_hold(hold: Hold<'_>, puts_off: bool) -> proto::RetentionHold {
    let (kind, from, until, user) = match hold {
        Hold::Lock(lock) => (
            proto::RetentionHoldKind::Lock,
            lock.from,
            lock.until,
            lock.user.to_string(),
        ),
        Hold::Pause(span) => (proto::RetentionHoldKind::Pause, span.from, span.until, String::new()),
    };
    proto::RetentionHold {
        kind: kind.into(),
        start_time: timestamp(from),
        end_time: until.and_then(timestamp),
        user_id: user,
        puts_off,
    }
}

fn encode_absence(absence: &Absence) -> proto::RetentionAbsence {
    proto::RetentionAbsence {
        start_time: timestamp(absence.from),
        end_time: timestamp(absence.until),
    }
}

fn encode_reminders(explained: &Explained, found: &Explanation<'_>) -> Vec<proto::ComingReminder> {
    let coming = found.reminders.iter().map(|next| {
        let recipients = explained.recipients(found, next.days_before);
        proto::ComingReminder {
            time: timestamp(next.at),
            days_before: next.days_before.cast_signed(),
            user_ids: texts(&explained.people(&recipients)),
            recipients: encode_recipients(&recipients),
        }
    });
    coming.collect()
}

fn encode_reminder_rule(
    explained: &Explained,
    rule: &StoredReminder,
    next: Option<DateTime<Utc>>,
) -> proto::ReminderRuleStanding {
    let recipients = &rule.config.terms.recipients;
    proto::ReminderRuleStanding {
        reminder_rule_id: rule.id.to_string(),
        display_name: rule.config.terms.display_name.clone(),
        next_time: next.and_then(timestamp),
        recipients: encode_recipients(recipients),
        user_ids: texts(&explained.people(recipients)),
    }
}
