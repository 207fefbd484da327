//! Tenants and their settings.

use super::{
    choice, count_opt, decode, etag, etag_opt, id, ids, mask, required,
    retention_rule::{cutoff, number},
    texts, timestamp, work_calendar, zone,
};
use crate::{
    app::tenant::UpdateTenant,
    domain::{
        error::Error,
        ids::{CallerId, ReasonId, TenantName},
        refusal::Violations,
        retention::calendar::{Cutoff, WorkCalendar, time_of_day},
        tenant::{CreatePermission, MAX_SOURCES, RelatedVisibility, ReturnReason, Tenant, TenantSettings},
        text::check_len,
    },
    rpc::proto,
};

/// The tenant as a message.
#[must_use]
pub fn encode((name, tenant): &(TenantName, Tenant)) -> proto::Tenant {
    let settings = &tenant.settings;
    proto::Tenant {
        name: name.to_string(),
        display_name: settings.display_name.clone(),
        time_zone: settings.time_zone.name().to_owned(),
        settings: Some(proto::TenantSettings {
            users_may_edit_names: settings.users_may_edit_names,
            create_permission: match settings.create_permission {
                CreatePermission::AnyUser => proto::CreatePermission::AnyUser,
                CreatePermission::CrmAdmins => proto::CreatePermission::CrmAdmins,
            }
            .into(),
            daily_claim_limit: settings.daily_claim_limit.map(u32::cast_signed),
            clear_team_on_owner_change: settings.clear_team_on_owner_change,
            return_reason_required: settings.return_reason_required,
            return_reasons: settings.return_reasons.iter().map(encode_reason).collect(),
            default_cutoff: settings.default_cutoff.to_string(),
            reminder_time: Cutoff::At(settings.reminder_time).to_string(),
            work_calendar: Some(work_calendar::encode(&settings.work_calendar)),
            max_extension_days: Some(settings.max_extension_days.cast_signed()),
            max_locks_per_user: Some(settings.max_locks_per_user.cast_signed()),
            required_sources: texts(&settings.required_sources),
            breaker_percent: Some(settings.breaker_percent.cast_signed()),
            breaker_accounts: Some(settings.breaker_accounts.cast_signed()),
            related_object_visibility: match settings.related_object_visibility {
                RelatedVisibility::OwnersOnly => proto::RelatedObjectVisibility::OwnersOnly,
                RelatedVisibility::AccountReaders => proto::RelatedObjectVisibility::AccountReaders,
            }
            .into(),
            contacts_follow_owner: Some(settings.contacts_follow_owner),
            sources_must_register: settings.sources_must_register,
        }),
        etag: etag(tenant.version),
        create_time: timestamp(tenant.create_time),
        update_time: timestamp(tenant.update_time),
    }
}

fn encode_reason(reason: &ReturnReason) -> proto::ReturnReason {
    proto::ReturnReason {
        id: reason.id.to_string(),
        display_name: reason.display_name.clone(),
        enabled: reason.enabled,
        note_required: reason.note_required,
    }
}

/// Reads an update.
pub fn update(message: proto::UpdateTenantRequest) -> Result<UpdateTenant, Error> {
    decode(|v| {
        let paths = mask(v, message.update_mask.as_ref());
        let tenant = required(v, "tenant", message.tenant)?;
        let etag = etag_opt(v, "tenant.etag", &tenant.etag);
        // A zone that the mask does not name need not be given.
        let zone_named = paths.iter().any(|path| path == "time_zone" || path == "*");
        let time_zone = if zone_named {
            zone(v, "tenant.time_zone", &tenant.time_zone)
        } else {
            Some(chrono_tz::UTC)
        };
        let settings = read_settings(v, tenant.settings.unwrap_or_default());
        let settings = TenantSettings {
            display_name: tenant.display_name,
            time_zone: time_zone?,
            ..settings?
        };
        Some(UpdateTenant {
            settings,
            paths,
            etag: etag?,
        })
    })
}

fn read_settings(v: &mut Violations, message: proto::TenantSettings) -> Option<TenantSettings> {
    let field = "tenant.settings.return_reasons";
    check_len(v, field, message.return_reasons.len(), 100);
    let mut return_reasons = Vec::new();
    for (at, reason) in message.return_reasons.into_iter().enumerate().take(100) {
        let Some(id) = id(v, &format!("{field}[{at}].id"), &reason.id, ReasonId::parse) else {
            continue;
        };
        let proto::ReturnReason {
            display_name,
            enabled,
            note_required,
            ..
        } = reason;
        return_reasons.push(ReturnReason {
            id,
            display_name,
            enabled,
            note_required,
        });
    }
    let create_permission = choice(
        v,
        "tenant.settings.create_permission",
        message.create_permission,
        |value| match value {
            proto::CreatePermission::Unspecified | proto::CreatePermission::AnyUser => CreatePermission::AnyUser,
            proto::CreatePermission::CrmAdmins => CreatePermission::CrmAdmins,
        },
    );
    let daily_claim_limit = count_opt(v, "tenant.settings.daily_claim_limit", message.daily_claim_limit);
    // What is not set is as for a new tenant.
    let usual = TenantSettings::new(String::new(), chrono_tz::UTC);
    let number = |value: Option<i32>, usual: u32| value.map_or(usual, number);
    let default_cutoff = match message.default_cutoff.as_str() {
        "" => Some(usual.default_cutoff),
        text => cutoff(v, "tenant.settings.default_cutoff", text),
    };
    let reminder_time = match message.reminder_time.as_str() {
        "" => Some(usual.reminder_time),
        text => v.check("tenant.settings.reminder_time", time_of_day(text)),
    };
    let work_calendar = match message.work_calendar {
        None => WorkCalendar::default(),
        Some(calendar) => work_calendar::read(v, "tenant.settings.work_calendar", &calendar),
    };
    let sources = "tenant.settings.required_sources";
    let required_sources = ids(v, sources, &message.required_sources, MAX_SOURCES, CallerId::parse);
    let related_object_visibility = choice(
        v,
        "tenant.settings.related_object_visibility",
        message.related_object_visibility,
        |value| match value {
            proto::RelatedObjectVisibility::Unspecified | proto::RelatedObjectVisibility::OwnersOnly => {
                RelatedVisibility::OwnersOnly
            }
            proto::RelatedObjectVisibility::AccountReaders => RelatedVisibility::AccountReaders,
        },
    );
    Some(TenantSettings {
        users_may_edit_names: message.users_may_edit_names,
        create_permission: create_permission?,
        daily_claim_limit: daily_claim_limit?,
        clear_team_on_owner_change: message.clear_team_on_owner_change,
        return_reason_required: message.return_reason_required,
        return_reasons,
        default_cutoff: default_cutoff?,
        reminder_time: reminder_time?,
        work_calendar,
        max_extension_days: number(message.max_extension_days, usual.max_extension_days),
        max_locks_per_user: number(message.max_locks_per_user, usual.max_locks_per_user),
        required_sources,
        breaker_percent: number(message.breaker_percent, usual.breaker_percent),
        breaker_accounts: number(message.breaker_accounts, usual.breaker_accounts),
        related_object_visibility: related_object_visibility?,
        contacts_follow_owner: message.contacts_follow_owner.unwrap_or(usual.contacts_follow_owner),
        sources_must_register: message.sources_must_register,
        ..usual
    })
}
