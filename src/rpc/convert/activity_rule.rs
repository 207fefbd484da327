//! What activities mean: the rules, and kinds.

use super::{choice, decode, etag, etag_opt, mask, own_id, required, retention_rule::number, timestamp};
use crate::{
    app::{activity_rule::UpdateRules, configured::UpdateConfigured},
    domain::{
        activity::{
            kinds::{ActivityKind, FollowUp},
            rules::{Actors, Deal, KindNow, RuleConfig},
        },
        configured::Configured,
        error::Error,
        object::total::Total,
        refusal::Violations,
    },
    rpc::proto,
};
use chrono::DateTime;
use uuid::Uuid;

fn encode_actors(actors: Actors) -> i32 {
    match actors {
        Actors::Owner => proto::ActivityActors::Owner,
        Actors::Team => proto::ActivityActors::Team,
        Actors::Anyone => proto::ActivityActors::Anyone,
    }
    .into()
}

fn read_actors(v: &mut Violations, field: &str, value: i32, usual: Actors) -> Option<Actors> {
    choice(v, field, value, |value| match value {
        proto::ActivityActors::Unspecified => usual,
        proto::ActivityActors::Owner => Actors::Owner,
        proto::ActivityActors::Team => Actors::Team,
        proto::ActivityActors::Anyone => Actors::Anyone,
    })
}

/// Whole seconds for the domain to judge with everything else; what is below 0, or is no whole number of them, is as wrong
/// as what is too long.
fn seconds(value: Option<prost_types::Duration>) -> u32 {
    let value = value.unwrap_or_default();
    let whole = u32::try_from(value.seconds).ok().filter(|_| value.nanos == 0);
    whole.unwrap_or(u32::MAX)
}

/// The rules as a message.
#[must_use]
pub fn encode(rules: &Configured<RuleConfig>) -> proto::ActivityRules {
    let config = &rules.config;
    proto::ActivityRules {
        follow_up_kinds: config.follow_up_kinds.clone(),
        close_kinds: config.close_kinds.clone(),
        follow_ups_by: encode_actors(config.follow_ups_by),
        closes_by: encode_actors(config.closes_by),
        etag: etag(rules.version),
        update_time: (rules.update_time != DateTime::UNIX_EPOCH)
            .then(|| timestamp(rules.update_time))
            .flatten(),
        min_summary_length: config.min_summary_length.cast_signed(),
        min_follow_up_spacing: (config.min_follow_up_spacing > 0).then(|| prost_types::Duration {
            seconds: config.min_follow_up_spacing.into(),
            nanos: 0,
        }),
        max_follow_ups_per_day: config.max_follow_ups_per_day.cast_signed(),
        late_follow_up_hours: config.late_follow_up_hours.cast_signed(),
    }
}

/// Reads an update.
pub fn update(message: proto::UpdateActivityRulesRequest) -> Result<UpdateRules, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let rules = required(v, "activity_rules", message.activity_rules)?;
        let etag = etag_opt(v, "activity_rules.etag", &rules.etag);
        let field = |name: &str| format!("activity_rules.{name}");
        let usual = RuleConfig::default();
        let follow_ups_by = read_actors(v, &field("follow_ups_by"), rules.follow_ups_by, usual.follow_ups_by);
        let closes_by = read_actors(v, &field("closes_by"), rules.closes_by, usual.closes_by);
        Some(UpdateRules {
            config: RuleConfig {
                follow_up_kinds: rules.follow_up_kinds,
                close_kinds: rules.close_kinds,
                follow_ups_by: follow_ups_by?,
                closes_by: closes_by?,
                min_summary_length: number(rules.min_summary_length),
                min_follow_up_spacing: seconds(rules.min_follow_up_spacing),
                max_follow_ups_per_day: number(rules.max_follow_ups_per_day),
                late_follow_up_hours: number(rules.late_follow_up_hours),
            },
            paths,
            etag: etag?,
            validate_only: message.validate_only,
        })
    })
}

/// A kind as a message.
#[must_use]
pub fn encode_kind(kind: &KindNow) -> proto::ActivityKind {
    let (traits, defined) = (&kind.traits, kind.defined.as_ref());
    let (object, action) = traits.name.split_once('.').unwrap_or_default();
    let total = Total::of(object);
    proto::ActivityKind {
        id: defined.map(|kind| kind.id.to_string()).unwrap_or_default(),
        name: traits.name.clone(),
        display_name: traits.display_name.clone(),
        follow_up_selectable: traits.can_follow_up(),
        close_selectable: traits.can_close(),
        reverses: traits.reverses.clone(),
        follow_up: kind.meaning.follow_up,
        deal: match kind.meaning.deal {
            None => proto::ActivityDeal::Unspecified,
            Some(Deal::Closed) => proto::ActivityDeal::Closed,
            Some(Deal::Reversed) => proto::ActivityDeal::Reversed,
        }
        .into(),
        always_follow_up: traits.follow_up == FollowUp::Always,
        total: match total {
            None => proto::ObjectTotal::Unspecified,
            Some(Total::Opportunities) => proto::ObjectTotal::Opportunities,
            Some(Total::SalesOrders) => proto::ObjectTotal::SalesOrders,
            Some(Total::Returns) => proto::ObjectTotal::Returns,
            Some(Total::Payments) => proto::ObjectTotal::Payments,
            Some(Total::Refunds) => proto::ObjectTotal::Refunds,
            Some(Total::Expenses) => proto::ObjectTotal::Expenses,
        }
        .into(),
        counts_in_total: total.is_some_and(|total| total.has(action)),
        etag: defined.map(|kind| etag(kind.version)).unwrap_or_default(),
        create_time: defined.and_then(|kind| timestamp(kind.create_time)),
        update_time: defined.and_then(|kind| timestamp(kind.update_time)),
    }
}

fn read_kind(message: proto::ActivityKind) -> ActivityKind {
    ActivityKind {
        name: message.name,
        display_name: message.display_name,
        follow_up_selectable: message.follow_up_selectable,
        close_selectable: message.close_selectable,
        reverses: message.reverses,
    }
}

/// Reads the kind of a create request.
pub fn create_kind(message: Option<proto::ActivityKind>) -> Result<ActivityKind, Error> {
    decode(|v| required(v, "activity_kind", message).map(read_kind))
}

/// Reads an update of a kind.
pub fn update_kind(message: proto::UpdateActivityKindRequest) -> Result<UpdateConfigured<ActivityKind>, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let kind = required(v, "activity_kind", message.activity_kind)?;
        let id = own_id(v, "activity_kind.id", &kind.id);
        let etag = etag_opt(v, "activity_kind.etag", &kind.etag);
        Some(UpdateConfigured {
            id: id?,
            config: read_kind(kind),
            paths,
            etag: etag?,
        })
    })
}

/// Reads an id and an etag.
pub fn target(activity_kind_id: &str, etag: &str) -> Result<(Uuid, Option<i64>), Error> {
    decode(|v| {
        let id = own_id(v, "activity_kind_id", activity_kind_id);
        let etag = etag_opt(v, "etag", etag);
        Some((id?, etag?))
    })
}
