//! The tenant: its settings, each of them changed alone, and the history of its configuration.

use crate::{
    build::{create_pool, events, get_tenant, pool, push_users, staffed, update_pool, update_tenant, user},
    harness::{ACME, Refused, Server},
};
use chrono::TimeDelta;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        self, CreatePermission, Pool, RelatedObjectVisibility, ReturnReason, Tenant, TenantSettings, Weekday,
        WorkCalendar,
    },
};
use tonic::Code;

fn reason(id: &str) -> ReturnReason {
    ReturnReason {
        id: id.into(),
        display_name: id.to_uppercase(),
        enabled: true,
        note_required: false,
    }
}

fn reasons(ids: &[&str]) -> Tenant {
    let return_reasons = ids.iter().map(|id| reason(id)).collect();
    Tenant {
        settings: Some(TenantSettings {
            return_reasons,
            ..TenantSettings::default()
        }),
        ..Tenant::default()
    }
}

const REASONS: &str = "settings.return_reasons";

type Take = fn(&mut Tenant, &Tenant);

/// Each field of the tenant is changed alone, and nothing else with it.
#[tokio::test]
async fn every_field_is_updated_alone() {
    let server = Server::start().await;
    let admin = server.admin();
    let mut expected = get_tenant(&admin).await.unwrap();
    assert_eq!(
        (expected.name.as_str(), expected.time_zone.as_str()),
        (ACME, "Asia/Shanghai")
    );
    assert_eq!(
        expected.settings.as_ref().unwrap().create_permission(),
        CreatePermission::AnyUser
    );
    let wanted = Tenant {
        display_name: "Acme GmbH \u{1f30a}".into(),
        time_zone: "Europe/Berlin".into(),
        settings: Some(TenantSettings {
            users_may_edit_names: true,
            create_permission: CreatePermission::CrmAdmins.into(),
            daily_claim_limit: Some(0),
            clear_team_on_owner_change: true,
            return_reason_required: true,
            return_reasons: vec![
                reason("lost"),
                ReturnReason {
                    note_required: true,
                    ..reason("other")
                },
            ],
            default_cutoff: "NONE".into(),
            reminder_time: "08:15".into(),
            work_calendar: Some(WorkCalendar {
                weekdays: vec![Weekday::Sunday.into()],
                holidays: vec!["2026-10-01".into()],
                extra_work_days: vec!["2026-10-10".into()],
            }),
            max_extension_days: Some(0),
            max_locks_per_user: Some(9999),
            required_sources: vec!["orders".into()],
            breaker_percent: Some(1),
            breaker_accounts: Some(500),
            related_object_visibility: RelatedObjectVisibility::AccountReaders.into(),
            contacts_follow_owner: Some(false),
            sources_must_register: true,
        }),
        ..Tenant::default()
    };
    macro_rules! setting {
        ($($field:ident),*) => {
            [$((
                concat!("settings.", stringify!($field)),
                (|to, from| to.settings.as_mut().unwrap().$field = from.settings.as_ref().unwrap().$field.clone()) as Take
            )),*]
        };
    }
    let own: [(&str, Take); 2] = [
        ("display_name", |to, from| to.display_name = from.display_name.clone()),
        ("time_zone", |to, from| to.time_zone = from.time_zone.clone()),
    ];
    let settings = setting!(
        users_may_edit_names,
        create_permission,
        daily_claim_limit,
        clear_team_on_owner_change,
        return_reasons,
        return_reason_required,
        default_cutoff,
        reminder_time,
        work_calendar,
        max_extension_days,
        max_locks_per_user,
        required_sources,
        breaker_percent,
        breaker_accounts,
        related_object_visibility,
        contacts_follow_owner,
        sources_must_register
    );
    for (path, take) in own.into_iter().chain(settings) {
        server.clock.advance(TimeDelta::seconds(1));
        let updated = update_tenant(&admin, wanted.clone(), &[path]).await.unwrap();
        take(&mut expected, &wanted);
        assert_ne!(updated.etag, expected.etag, "{path}");
        assert!(
            updated.update_time.unwrap().seconds > expected.update_time.unwrap().seconds,
            "{path}"
        );
        expected.etag.clone_from(&updated.etag);
        expected.update_time = updated.update_time;
        assert_eq!(updated, expected, "{path}");
        assert_eq!(get_tenant(&admin).await.unwrap(), expected, "{path}");
    }
    // What was not set goes back to nothing with everything else.
    let reset = Tenant {
        display_name: "Acme".into(),
        time_zone: "UTC".into(),
        ..Tenant::default()
    };
    let reset = update_tenant(&admin, reset, &["*"]).await.unwrap();
    assert_eq!(reset.settings.unwrap().daily_claim_limit, None);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_tenant_is_refused_with_everything_that_is_wrong() {
    let server = Server::start().await;
    let admin = server.admin();
    let before = get_tenant(&admin).await.unwrap();
    let wrong = Tenant {
        display_name: " x".repeat(200),
        time_zone: "UTC".into(),
        settings: Some(TenantSettings {
            daily_claim_limit: Some(10_000),
            return_reason_required: true,
            return_reasons: vec![
                ReturnReason {
                    enabled: false,
                    ..reason("lost")
                },
                ReturnReason {
                    enabled: false,
                    display_name: String::new(),
                    ..reason("lost")
                },
            ],
            ..TenantSettings::default()
        }),
        ..Tenant::default()
    };
    let said = update_tenant(&admin, wrong, &["*"]).await.violations();
    assert_eq!(
        said,
        [
            "tenant.display_name: must be at most 255 characters long",
            "tenant.display_name: must not begin or end with white space",
            "tenant.settings.daily_claim_limit: must be between 0 and 9999",
            "tenant.settings.return_reasons[1]: is there twice",
            "tenant.settings.return_reasons[1].display_name: must not be empty",
            "tenant.settings.return_reason_required: needs at least one enabled return reason",
        ]
    );
    let malformed = Tenant {
        etag: "x".into(),
        time_zone: "Mars/Olympus".into(),
        settings: Some(TenantSettings {
            create_permission: 9,
            daily_claim_limit: Some(-1),
            return_reasons: vec![reason("a b")],
            ..TenantSettings::default()
        }),
        ..Tenant::default()
    };
    let said = update_tenant(&admin, malformed, &["*"]).await.violations();
    for field in [
        "etag",
        "time_zone",
        "settings.create_permission",
        "settings.daily_claim_limit",
        "settings.return_reasons[0].id",
    ] {
        assert!(
            said.iter().any(|line| line.starts_with(&format!("tenant.{field}: "))),
            "{field}: {said:?}"
        );
    }
    let no_mask = update_tenant(&admin, Tenant::default(), &[]).await.violations();
    assert_eq!(no_mask, ["update_mask: must name the fields to change, or be *"]);
    let nothing = admin
        .tenants()
        .update_tenant(proto::UpdateTenantRequest::default())
        .await
        .violations();
    assert_eq!(nothing.len(), 2, "{nothing:?}");
    for path in ["name", "etag", "settings", "create_time", "colour"] {
        let unknown = update_tenant(&admin, Tenant::default(), &[path]).await;
        unknown.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    }
    assert_eq!(get_tenant(&admin).await.unwrap(), before);
    assert!(events(&admin, "", "").await.is_empty());
    server.stop().await;
}

/// R099 for the tenant: CRM admins change it, nobody else does.
#[tokio::test]
async fn only_crm_admins_change_the_tenant() {
    let server = staffed().await;
    let renamed = |name: &str| Tenant {
        display_name: name.into(),
        ..Tenant::default()
    };
    let refused = update_tenant(&server.user("ann"), renamed("Ann's"), &["display_name"]).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let history = server
        .user("ann")
        .tenants()
        .list_config_events(proto::ListConfigEventsRequest::default())
        .await;
    history.refused(Code::PermissionDenied, Reason::NotAuthorized);
    update_tenant(&server.user("root"), renamed("Root's"), &["display_name"])
        .await
        .unwrap();
    update_tenant(
        &server.caller(ACME, "setup", &[Scope::Config]),
        renamed("Setup's"),
        &["display_name"],
    )
    .await
    .unwrap();
    // Everybody reads it.
    assert_eq!(get_tenant(&server.user("bob")).await.unwrap().display_name, "Setup's");
    let by: Vec<_> = events(&server.admin(), "tenant", "")
        .await
        .into_iter()
        .map(|e| (e.caller, e.actor))
        .collect();
    assert_eq!(by, [("setup".into(), String::new()), ("crm".into(), "root".into())]);
    server.stop().await;
}

#[tokio::test]
async fn an_etag_guards_what_was_read() {
    let server = Server::start().await;
    let admin = server.admin();
    let read = get_tenant(&admin).await.unwrap();
    let update = |name: &str| Tenant {
        display_name: name.into(),
        ..read.clone()
    };
    let updated = update_tenant(&admin, update("One"), &["display_name"]).await.unwrap();
    let stale = update_tenant(&admin, update("Two"), &["display_name"]).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    // A change that changes nothing leaves the etag and writes no event.
    let same = update_tenant(&admin, updated.clone(), &["*"]).await.unwrap();
    assert_eq!(same, updated);
    assert_eq!(events(&admin, "", "").await.len(), 1);
    server.stop().await;
}

/// R113: a reason that a pool offers can be disabled, but not removed under it.
#[tokio::test]
async fn a_return_reason_that_pools_list_is_not_removed() {
    let server = staffed().await;
    let admin = server.admin();
    update_tenant(&admin, reasons(&["lost", "gone", "other"]), &[REASONS])
        .await
        .unwrap();
    let with = |name: &str, reasons: &[&str]| Pool {
        return_reasons: reasons.iter().map(|id| (*id).into()).collect(),
        ..pool(name)
    };
    let north = create_pool(&admin, with("North", &["lost"])).await;
    let south = create_pool(&admin, with("South", &["lost", "gone"])).await;
    let refused = update_tenant(&admin, reasons(&["other"]), &[REASONS]).await;
    let details = refused.refused(Code::FailedPrecondition, Reason::ReturnReasonReferenced);
    let facts = &details.error_info().unwrap().metadata;
    assert_eq!(
        (facts["return_reason"].as_str(), facts["references"].as_str()),
        ("gone", south.id.as_str())
    );
    // Both are named, each with its pools.
    assert_eq!(details.precondition_failure().unwrap().violations.len(), 2);
    let disabled = Tenant {
        settings: Some(TenantSettings {
            return_reasons: ["lost", "gone"]
                .map(|id| ReturnReason {
                    enabled: false,
                    ..reason(id)
                })
                .into(),
            ..TenantSettings::default()
        }),
        ..Tenant::default()
    };
    update_tenant(&admin, disabled, &[REASONS]).await.unwrap();
    for pool in [north, south] {
        let freed = Pool {
            return_reasons: vec![],
            ..pool
        };
        update_pool(&admin, freed, &["return_reasons"]).await.unwrap();
    }
    let emptied = update_tenant(&admin, Tenant::default(), &[REASONS]).await.unwrap();
    assert!(emptied.settings.unwrap().return_reasons.is_empty());
    server.stop().await;
}

/// X19: who changed which configuration, with the values before and after, newest first.
#[tokio::test]
async fn the_history_says_who_changed_what() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&server.user("root"), pool("North")).await;
    server.clock.advance(TimeDelta::hours(1));
    let limited = Pool {
        claim_limit: Some(5),
        display_name: "Nord".into(),
        ..made.clone()
    };
    update_pool(&admin, limited, &["claim_limit", "display_name"])
        .await
        .unwrap();
    let disable = proto::DisablePoolRequest {
        pool_id: made.id.clone(),
        ..Default::default()
    };
    admin.pools().disable_pool(disable).await.unwrap();
    crate::build::delete_pool(&admin, &made.id).await.unwrap();
    push_users(&admin, vec![user("dan")]).await;

    let history = events(&admin, "pool", &made.id).await;
    let actions: Vec<_> = history.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["deleted", "disabled", "updated", "created"]);
    let diffs = |at: usize| -> Vec<_> {
        let changes = history[at].changes.iter();
        changes
            .map(|c| (c.field.as_str(), c.old_json.as_str(), c.new_json.as_str()))
            .collect()
    };
    assert_eq!(
        diffs(2),
        [("claim_limit", "", "5"), ("display_name", "\"North\"", "\"Nord\"")]
    );
    assert_eq!(diffs(1), [("state", "\"active\"", "\"disabled\"")]);
    assert!(diffs(3).contains(&("display_name", "", "\"North\"")), "{:?}", diffs(3));
    assert!(diffs(0).contains(&("claim_limit", "5", "")), "{:?}", diffs(0));
    assert_eq!((history[3].caller.as_str(), history[3].actor.as_str()), ("crm", "root"));
    assert_eq!((history[2].caller.as_str(), history[2].actor.as_str()), ("console", ""));
    assert_eq!(
        history[2].event_time.unwrap().seconds - history[3].event_time.unwrap().seconds,
        3600
    );

    assert_eq!(events(&admin, "user", "dan").await.len(), 1);
    assert_eq!(events(&admin, "user", "").await.len(), 5);
    assert!(events(&admin, "tenant", "").await.is_empty());
    // Nothing has such a name, and asking for it is not a fault of the service on any engine.
    assert!(events(&admin, "z\u{f6}o", "\u{1f30a}").await.is_empty());
    let alone = proto::ListConfigEventsRequest {
        resource: made.id,
        ..Default::default()
    };
    let said = admin.tenants().list_config_events(alone).await.violations();
    assert_eq!(said, ["resource_type: must be set where resource is"]);
    server.stop().await;
}
