//! Reminder rules as configuration: created, read, listed, changed, taken out of use, deleted; by whom.

use super::idle::idle;
use crate::{
    build::{delete_pool, department, events, fields, mask, push_departments},
    harness::{Client, Refused},
    world::{World, open_pool},
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Pool, PoolMembers, ReminderRecipient, ReminderRule},
};
use tonic::{Code, Status};

async fn create(client: &Client, rule: ReminderRule) -> Result<ReminderRule, Status> {
    let request = proto::CreateReminderRuleRequest {
        reminder_rule: Some(rule),
        ..Default::default()
    };
    let made = client.reminder_rules().create_reminder_rule(request).await?;
    Ok(made.into_inner().reminder_rule.unwrap())
}

async fn get(client: &Client, id: &str) -> Result<ReminderRule, Status> {
    let request = proto::GetReminderRuleRequest {
        reminder_rule_id: id.into(),
    };
    let read = client.reminder_rules().get_reminder_rule(request).await?;
    Ok(read.into_inner().reminder_rule.unwrap())
}

async fn page(client: &Client, pool: &str, size: i32, token: &str) -> Result<(Vec<ReminderRule>, String), Status> {
    let request = proto::ListReminderRulesRequest {
        pool_id: pool.into(),
        page_size: size,
        page_token: token.into(),
        ..Default::default()
    };
    let listed = client.reminder_rules().list_reminder_rules(request).await?.into_inner();
    Ok((listed.reminder_rules, listed.next_page_token))
}

async fn update(client: &Client, rule: &ReminderRule, paths: &[&str]) -> Result<ReminderRule, Status> {
    let request = proto::UpdateReminderRuleRequest {
        reminder_rule: Some(rule.clone()),
        update_mask: mask(paths),
        ..Default::default()
    };
    let updated = client.reminder_rules().update_reminder_rule(request).await?;
    Ok(updated.into_inner().reminder_rule.unwrap())
}

async fn enable(client: &Client, id: &str, etag: &str) -> Result<ReminderRule, Status> {
    let request = proto::EnableReminderRuleRequest {
        reminder_rule_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let done = client.reminder_rules().enable_reminder_rule(request).await?;
    Ok(done.into_inner().reminder_rule.unwrap())
}

async fn disable(client: &Client, id: &str, etag: &str) -> Result<ReminderRule, Status> {
    let request = proto::DisableReminderRuleRequest {
        reminder_rule_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let done = client.reminder_rules().disable_reminder_rule(request).await?;
    Ok(done.into_inner().reminder_rule.unwrap())
}

async fn delete(client: &Client, id: &str, etag: &str) -> Result<(), Status> {
    let request = proto::DeleteReminderRuleRequest {
        reminder_rule_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    client.reminder_rules().delete_reminder_rule(request).await.map(drop)
}

/// R153: what was given is read back; it is changed by who saw its latest state; out of use it reminds nobody.
#[tokio::test]
async fn a_rule_lives() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let wanted = ReminderRule {
        display_name: "Idle".into(),
        condition: "account.grade != \"C\"".into(),
        until_won: true,
        repeat_daily: true,
        recipients: [ReminderRecipient::Owner, ReminderRecipient::PoolAdmins]
            .map(Into::into)
            .into(),
        ..idle(&pool, 5)
    };
    let made = create(&admin, wanted.clone()).await.unwrap();
    let given = ReminderRule {
        id: made.id.clone(),
        enabled: true,
        etag: made.etag.clone(),
        create_time: made.create_time,
        update_time: made.update_time,
        ..wanted
    };
    assert_eq!((&made, &get(&admin, &made.id).await.unwrap()), (&given, &given));

    let longer = ReminderRule {
        idle_days: 6,
        repeat_daily: false,
        display_name: "not named by the mask".into(),
        ..made.clone()
    };
    let changed = update(&admin, &longer, &["idle_days", "repeat_daily"]).await.unwrap();
    assert_eq!(
        (changed.idle_days, changed.display_name.as_str(), changed.repeat_daily),
        (6, "Idle", false)
    );
    for stale in [
        update(&admin, &longer, &["idle_days"]).await.map(drop),
        disable(&admin, &made.id, &made.etag).await.map(drop),
        enable(&admin, &made.id, &made.etag).await.map(drop),
        delete(&admin, &made.id, &made.etag).await,
    ] {
        stale.refused(Code::Aborted, Reason::EtagMismatch);
    }
    for fixed in [
        "pool_id",
        "department_id",
        "include_sub_departments",
        "enabled",
        "colour",
    ] {
        let refused = update(&admin, &changed, &[fixed]).await;
        refused.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    }
    assert_eq!(update(&admin, &changed, &["*"]).await.unwrap(), changed);

    let off = disable(&admin, &made.id, &changed.etag).await.unwrap();
    assert!(!off.enabled);
    assert_eq!(disable(&admin, &made.id, &off.etag).await.unwrap(), off);
    world.sweep().await;
    world.go_to("2026-03-20 10:00");
    assert_eq!(world.sweep().await.reminded, 0);
    assert!(enable(&admin, &made.id, &off.etag).await.unwrap().enabled);
    // It has been idle for long enough: the worker finds it, and reminds at once.
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.reminded(&id).await, ["idle: bob, ann"]);
    delete(&admin, &made.id, "").await.unwrap();
    for gone in [
        get(&admin, &made.id).await.map(drop),
        delete(&admin, &made.id, "").await,
    ] {
        gone.refused(Code::NotFound, Reason::NotFound);
    }
    let actions = events(&admin, "reminder_rule", &made.id).await;
    let actions: Vec<_> = actions.iter().rev().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["created", "updated", "disabled", "enabled", "deleted"]);
    world.stop().await;
}

/// D54, R155, R190: everything that is wrong is named at once.
#[tokio::test]
async fn a_wrong_rule_is_refused_with_everything_that_is_wrong() {
    use ReminderRecipient::{Owner, PoolAdmins, Supervisor};
    let world = World::start().await;
    let admin = world.server.admin();
    push_departments(&admin, vec![department("sales", "")]).await;
    let pool = world.pool(open_pool("North")).await;
    let wrong = ReminderRule {
        include_sub_departments: true,
        display_name: "x".repeat(256),
        condition: "account.grade =".into(),
        created_within_months: Some(0),
        recipients: [Owner, Supervisor, Owner].map(Into::into).into(),
        ..idle(&pool, 0)
    };
    let named = [
        "reminder_rule.include_sub_departments",
        "reminder_rule.display_name",
        "reminder_rule.condition",
        "reminder_rule.created_within_months",
        "reminder_rule.idle_days",
        "reminder_rule.recipients[2]",
        "reminder_rule.recipients",
    ];
    assert_eq!(fields(create(&admin, wrong).await), named);
    let nowhere = ReminderRule {
        recipients: vec![],
        ..idle("01890a5d-ac96-774b-bcce-b302099a8057", 10_000)
    };
    let named = [
        "reminder_rule.pool_id",
        "reminder_rule.idle_days",
        "reminder_rule.recipients",
    ];
    assert_eq!(fields(create(&admin, nowhere).await), named);
    let unreadable = ReminderRule {
        department_id: "sales".into(),
        recipients: vec![0, 9],
        ..idle(&pool, 5)
    };
    let named = [
        "reminder_rule.department_id",
        "reminder_rule.recipients[0]",
        "reminder_rule.recipients[1]",
    ];
    assert_eq!(fields(create(&admin, unreadable).await), named);
    let admins = ReminderRule {
        department_id: "sales".into(),
        recipients: vec![PoolAdmins.into()],
        ..idle("", 5)
    };
    assert_eq!(fields(create(&admin, admins).await), ["reminder_rule.recipients"]);
    for _ in 0..20 {
        create(&admin, idle(&pool, 5)).await.unwrap();
    }
    assert_eq!(fields(create(&admin, idle(&pool, 5)).await), ["reminder_rule.pool_id"]);
    world.stop().await;
}

/// Rules of a pool are listed by creation on pages, and go with the pool.
#[tokio::test]
async fn rules_are_listed_and_go_with_their_pool() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (north, south) = (
        world.pool(open_pool("North")).await,
        world.pool(open_pool("South")).await,
    );
    let mut made = vec![];
    for days in 1..=3 {
        made.push(create(&admin, idle(&north, days)).await.unwrap());
    }
    let other = create(&admin, idle(&south, 1)).await.unwrap();
    let (first, token) = page(&admin, &north, 2, "").await.unwrap();
    let (rest, end) = page(&admin, &north, 2, &token).await.unwrap();
    assert_eq!(([first, rest].concat(), end.as_str()), (made.clone(), ""));
    let elsewhere = page(&admin, &south, 2, &token).await;
    elsewhere.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    delete_pool(&admin, &north).await.unwrap();
    get(&admin, &made[0].id).await.refused(Code::NotFound, Reason::NotFound);
    assert_eq!(events(&admin, "reminder_rule", &made[2].id).await[0].action, "deleted");
    assert_eq!(get(&admin, &other.id).await.unwrap(), other);
    let request = proto::CreateReminderRuleRequest {
        reminder_rule: Some(idle(&south, 9)),
        request_id: "create-1".into(),
    };
    let mut rules = admin.reminder_rules();
    let first = rules.create_reminder_rule(request.clone()).await.unwrap().into_inner();
    assert_eq!(rules.create_reminder_rule(request).await.unwrap().into_inner(), first);
    assert_eq!(page(&admin, &south, 0, "").await.unwrap().0.len(), 2);
    world.stop().await;
}

/// CRM admins change rules, admins of the pool read them; to others, and to other tenants, they do not exist.
#[tokio::test]
async fn rules_are_for_admins() {
    let world = World::start().await;
    let admin = world.server.admin();
    let closed = Pool {
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..open_pool("North")
    };
    let pool = world.pool(closed).await;
    let rule = create(&admin, idle(&pool, 5)).await.unwrap();
    world.server.create_tenant("other").await;
    let other = world.server.caller("other", "console", &[Scope::Admin]);
    let (ann, bob, cid) = (world.user("ann"), world.user("bob"), world.user("cid"));
    assert_eq!(get(&ann, &rule.id).await.unwrap(), rule);
    assert_eq!(page(&ann, &pool, 0, "").await.unwrap().0, std::slice::from_ref(&rule));
    for client in [&ann, &bob] {
        for refused in [
            create(client, idle(&pool, 5)).await.map(drop),
            update(client, &rule, &["*"]).await.map(drop),
            enable(client, &rule.id, "").await.map(drop),
            disable(client, &rule.id, "").await.map(drop),
            delete(client, &rule.id, "").await,
        ] {
            refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
        }
    }
    get(&bob, &rule.id)
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    for client in [&cid, &other] {
        for refused in [
            get(client, &rule.id).await.map(drop),
            page(client, &pool, 0, "").await.map(drop),
            update(client, &rule, &["*"]).await.map(drop),
            enable(client, &rule.id, "").await.map(drop),
            disable(client, &rule.id, "").await.map(drop),
            delete(client, &rule.id, "").await,
        ] {
            refused.refused(Code::NotFound, Reason::NotFound);
        }
    }
    assert_eq!(get(&admin, &rule.id).await.unwrap(), rule);
    world.stop().await;
}
