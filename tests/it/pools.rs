//! Pools: created, read, changed field by field, taken out of use, counted, deleted.

use crate::{
    build::{
        create_pool, delete_pool, events, get_pool, pool, push_departments, push_groups, staffed, try_create_pool,
        update_pool, update_tenant,
    },
    build::{department, group},
    harness::{Refused, Server},
};
use chrono::TimeDelta;
use prost::Message;
use std::collections::BTreeSet;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        ClaimMode, DESCRIPTORS, Pool, PoolDepartment, PoolMembers, PoolState, RelatedAccess, ReturnReason, Tenant,
        TenantSettings,
    },
};
use tonic::Code;

/// A server with users, a department, a group and two return reasons.
async fn furnished() -> Server {
    let server = staffed().await;
    let admin = server.admin();
    push_departments(&admin, vec![department("north", "")]).await;
    push_groups(&admin, vec![group("night")]).await;
    let reason = |id: &str| ReturnReason {
        id: id.into(),
        display_name: id.into(),
        enabled: true,
        note_required: false,
    };
    let settings = TenantSettings {
        return_reasons: vec![reason("lost"), reason("other")],
        ..TenantSettings::default()
    };
    let tenant = Tenant {
        settings: Some(settings),
        ..Tenant::default()
    };
    update_tenant(&admin, tenant, &["settings.return_reasons"])
        .await
        .unwrap();
    server
}

/// A pool in which nothing is as by default.
fn full() -> Pool {
    Pool {
        display_name: "N\u{f6}rd \u{1f30a}".into(),
        administrators: vec!["cid".into(), "ann".into()],
        members: Some(PoolMembers {
            everyone: true,
            users: vec!["bob".into(), "cid".into()],
            departments: vec![PoolDepartment {
                department_id: "north".into(),
                include_sub_departments: true,
            }],
            roles: vec!["rep".into()],
            groups: vec!["night".into()],
        }),
        claim_mode: ClaimMode::AdminsAssign.into(),
        members_may_browse: true,
        members_may_return: Some(false),
        members_may_transfer_out: true,
        members_may_add: true,
        claim_limit: Some(0),
        claim_limit_counts_won: true,
        daily_claim_limit: Some(9999),
        cooldown_days: Some(1),
        clear_team_on_owner_change: true,
        clear_owner_on_transfer_in: true,
        return_reasons: vec!["other".into(), "lost".into()],
        hidden_fields: vec!["phone".into(), "email".into(), "custom_fields".into()],
        unclaimed_related_access: RelatedAccess::ViewAndInteract.into(),
        unclaimed_history_visible: Some(false),
        time_zone: "America/New_York".into(),
        ..Pool::default()
    }
}

/// R081-R083, R086, R089-R098: everything that can be configured comes back as it was given, and what was not given
/// as the default that is documented.
#[tokio::test]
async fn a_pool_is_created_and_read() {
    let server = furnished().await;
    let admin = server.admin();
    let asked = Pool {
        id: "x".into(),
        state: PoolState::Disabled.into(),
        etag: "9".into(),
        ..full()
    };
    let made = create_pool(&admin, asked).await;
    let expected = Pool {
        id: made.id.clone(),
        state: PoolState::Active.into(),
        etag: made.etag.clone(),
        create_time: made.create_time,
        update_time: made.create_time,
        ..full()
    };
    assert_eq!(made, expected);
    assert_eq!(made.create_time.unwrap().seconds, crate::harness::start().timestamp());
    assert_eq!(get_pool(&admin, &made.id).await.unwrap(), expected);

    let plain = create_pool(&admin, pool("Plain")).await;
    assert_eq!(plain.members_may_return, Some(true));
    assert_eq!(plain.unclaimed_history_visible, Some(true));
    assert_eq!(plain.claim_mode(), ClaimMode::MembersClaim);
    assert_eq!(plain.unclaimed_related_access(), RelatedAccess::None);
    assert_eq!(
        (plain.claim_limit, plain.daily_claim_limit, plain.cooldown_days),
        (None, None, None)
    );
    assert!(!plain.members_may_browse && !plain.members_may_transfer_out && !plain.members_may_add);
    assert!(!plain.claim_limit_counts_won && !plain.clear_team_on_owner_change && !plain.clear_owner_on_transfer_in);
    server.stop().await;
}

/// R099: each field is changed alone, and nothing else with it.
#[tokio::test]
async fn every_field_is_updated_alone() {
    type Take = fn(&mut Pool, &Pool);
    macro_rules! fields {
        ($($field:ident),*) => {
            [$((stringify!($field), (|to, from| to.$field = from.$field.clone()) as Take)),*]
        };
    }
    let server = furnished().await;
    let admin = server.admin();
    let mut expected = create_pool(&admin, pool("Plain")).await;
    let fields = fields!(
        display_name,
        administrators,
        members,
        claim_mode,
        members_may_browse,
        members_may_return,
        members_may_transfer_out,
        members_may_add,
        claim_limit,
        claim_limit_counts_won,
        daily_claim_limit,
        cooldown_days,
        clear_team_on_owner_change,
        clear_owner_on_transfer_in,
        return_reasons,
        hidden_fields,
        unclaimed_related_access,
        unclaimed_history_visible,
        time_zone
    );
    for (path, take) in fields {
        server.clock.advance(TimeDelta::seconds(1));
        let asked = Pool {
            id: expected.id.clone(),
            etag: expected.etag.clone(),
            ..full()
        };
        let updated = update_pool(&admin, asked, &[path]).await.unwrap();
        take(&mut expected, &full());
        assert_ne!(updated.etag, expected.etag, "{path}");
        expected.etag.clone_from(&updated.etag);
        expected.update_time = updated.update_time;
        assert_eq!(updated, expected, "{path}");
        assert_eq!(get_pool(&admin, &expected.id).await.unwrap(), expected, "{path}");
    }
    // And these are all fields that there are.
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let messages = set.file.iter().flat_map(|file| &file.message_type);
    let declared = messages.filter(|m| m.name() == "Pool").flat_map(|m| &m.field);
    let mut declared: BTreeSet<_> = declared.map(prost_types::FieldDescriptorProto::name).collect();
    for output in ["id", "state", "etag", "create_time", "update_time"] {
        assert!(declared.remove(output));
        let refused = update_pool(&admin, expected.clone(), &[output]).await;
        refused.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    }
    assert_eq!(declared, fields.iter().map(|(path, _)| *path).collect());
    // The whole at once, back to where it began.
    let plain = Pool {
        id: expected.id.clone(),
        ..pool("Plain")
    };
    let reset = update_pool(&admin, plain, &["*"]).await.unwrap();
    assert_eq!(
        (reset.claim_limit, reset.time_zone.as_str(), reset.members_may_return),
        (None, "", Some(true))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_pool_is_refused_with_everything_that_is_wrong() {
    let server = staffed().await;
    let admin = server.admin();
    let wrong = Pool {
        administrators: vec!["nobody".into(), "ann".into(), "ann".into()],
        members: Some(PoolMembers {
            users: vec!["nobody".into()],
            departments: vec![PoolDepartment {
                department_id: "north".into(),
                include_sub_departments: false,
            }],
            roles: vec!["rep".into(), "rep".into()],
            groups: vec!["night".into()],
            everyone: false,
        }),
        claim_limit: Some(10_000),
        daily_claim_limit: Some(10_000),
        cooldown_days: Some(0),
        return_reasons: vec!["lost".into()],
        hidden_fields: vec!["name".into(), "phone".into(), "phone".into()],
        ..Pool::default()
    };
    let said = try_create_pool(&admin, wrong, "").await.violations();
    let fields: Vec<_> = said.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(
        fields,
        [
            "pool.display_name",
            "pool.claim_limit",
            "pool.daily_claim_limit",
            "pool.cooldown_days",
            "pool.administrators[2]",
            "pool.administrators[0]",
            "pool.members.users[0]",
            "pool.members.departments[0].department_id",
            "pool.members.roles[1]",
            "pool.members.groups[0]",
            "pool.return_reasons[0]",
            "pool.hidden_fields[2]",
            "pool.hidden_fields[0]",
        ]
    );
    let nobody = try_create_pool(
        &admin,
        Pool {
            administrators: vec![],
            ..pool("North")
        },
        "",
    )
    .await;
    assert_eq!(
        nobody.violations(),
        ["pool.administrators: must name at least one user"]
    );
    assert!(events(&admin, "pool", "").await.is_empty());
    server.stop().await;
}

/// R082: there can be several pools, under different names.
#[tokio::test]
async fn names_are_unique_within_the_tenant() {
    let server = staffed().await;
    let admin = server.admin();
    let north = create_pool(&admin, pool("North")).await;
    let south = create_pool(&admin, pool("South")).await;
    let details = try_create_pool(&admin, pool("North"), "")
        .await
        .refused(Code::AlreadyExists, Reason::AlreadyExists);
    assert_eq!(details.error_info().unwrap().metadata["pool_id"], north.id);
    let renamed = Pool {
        display_name: "North".into(),
        ..south.clone()
    };
    let refused = update_pool(&admin, renamed, &["display_name"]).await;
    refused.refused(Code::AlreadyExists, Reason::AlreadyExists);
    // Names are what people read: case and accents tell them apart, on every engine.
    create_pool(&admin, pool("north")).await;
    create_pool(&admin, pool("N\u{f6}rth")).await;
    // A name is free again when its pool is renamed or deleted.
    update_pool(
        &admin,
        Pool {
            display_name: "Nord".into(),
            ..north
        },
        &["display_name"],
    )
    .await
    .unwrap();
    delete_pool(&admin, &south.id).await.unwrap();
    create_pool(&admin, pool("North")).await;
    create_pool(&admin, pool("South")).await;
    server.stop().await;
}
