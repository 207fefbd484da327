//! What is configured is taken as it is named: an empty list is nobody, an id is no part of another one, and the ways
//! into and out of ownership stand beside each other in one pool.

use crate::{
    build::{create_pool, department, fields, get_pool, group, push_departments, push_groups, update_pool},
    harness::{Refused, Server},
    limits_config::{limit, users},
    sweeping::follow_up,
    world::{World, assign, claim, give_back, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        self, AccountScope, Pool, PoolMembers, RetentionLimitDepartment, RetentionLimitSubjects, TenureEndCause,
        TenureStartCause, User,
    },
};
use tonic::Code;

/// Which limit holds for the user, by its name.
async fn winner(server: &Server, tenant: &str, user: &str) -> Option<String> {
    let request = proto::ExplainRetentionLimitRequest { user_id: user.into() };
    let caller = server.caller(tenant, "console", &[Scope::Admin]);
    let explained = caller.limits().explain_retention_limit(request).await.unwrap();
    explained
        .into_inner()
        .explanation
        .unwrap()
        .winner
        .map(|winner| winner.display_name)
}

/// W4: a limit is found by whole ids, and only by those of its tenant: not by ids that contain one it names, not by those
/// that differ in case, not by a pattern, and not by the same id in another tenant.
#[tokio::test]
async fn a_limit_is_for_those_it_names() {
    let server = Server::start().await;
    server.create_tenant("other").await;
    let near = ["u1", "u10", "u", "U1", "%", "_1", "xu1"];
    for tenant in ["acme", "other"] {
        let admin = server.caller(tenant, "console", &[Scope::Admin]);
        push_departments(
            &admin,
            vec![department("d1", ""), department("d10", ""), department("%", "")],
        )
        .await;
        push_groups(&admin, vec![group("g1"), group("g10"), group("g%")]).await;
        let alone = near.iter().map(|id| user(id));
        let within = |id: &str, department: &str, group: &str| User {
            primary_department: department.into(),
            groups: if group.is_empty() { vec![] } else { vec![group.into()] },
            ..user(id)
        };
        let grouped = [
            within("in-d1", "d1", ""),
            within("in-d10", "d10", ""),
            within("in-any", "%", ""),
            within("in-g1", "", "g1"),
            within("in-g10", "", "g10"),
            within("in-gx", "", "g%"),
        ];
        let users = alone.chain(grouped).collect();
        admin
            .directory()
            .batch_upsert_users(proto::BatchUpsertUsersRequest {
                users,
                ..Default::default()
            })
            .await
            .unwrap();
    }
    let department = RetentionLimitDepartment {
        department_id: "d1".into(),
        include_sub_departments: true,
    };
    let of_department = RetentionLimitSubjects {
        departments: vec![department],
        ..Default::default()
    };
    let of_group = RetentionLimitSubjects {
        groups: vec!["g1".into()],
        ..Default::default()
    };
    for (name, subjects) in [
        ("One", users(&["u1"])),
        ("Department", of_department),
        ("Group", of_group),
    ] {
        crate::limits_config::create(&server, limit(name, 3, subjects)).await;
    }
    for (user, expected) in [("u1", "One"), ("in-d1", "Department"), ("in-g1", "Group")] {
        assert_eq!(winner(&server, "acme", user).await.as_deref(), Some(expected));
        assert_eq!(winner(&server, "other", user).await, None, "{user} of another tenant");
    }
    for user in near.iter().skip(1).chain(&["in-d10", "in-any", "in-g10", "in-gx"]) {
        assert_eq!(winner(&server, "acme", user).await, None, "{user}");
    }
    server.stop().await;
}

/// W17: an empty list of conditions is nobody and nothing, never everybody and everything, and where nothing makes no
/// sense it is refused.
#[tokio::test]
async fn an_empty_list_is_nobody() {
    let world = World::start().await;
    let admin = world.server.admin();
    // Bob has no department, group or role; a pool that lists none does not have him for that.
    for members in [None, Some(PoolMembers::default())] {
        let name = format!("Closed {}", members.is_some());
        let pool = create_pool(
            &admin,
            Pool {
                members,
                ..open_pool(&name)
            },
        )
        .await;
        let id = world.lying(&format!("Acme of {name}"), &pool.id).await;
        get_pool(&world.user("ann"), &pool.id).await.unwrap();
        get_pool(&world.user("bob"), &pool.id)
            .await
            .refused(Code::NotFound, Reason::NotFound);
        let claimed = world.user("bob").circulation().claim_account(claim(&id)).await;
        claimed.refused(Code::NotFound, Reason::NotFound);
        let assigned = world.user("ann").circulation().assign_account(assign(&id, "bob")).await;
        assigned.refused(Code::FailedPrecondition, Reason::AssigneeNotMember);
    }
    // A list that is emptied closes the pool; it does not open it.
    let open = create_pool(&admin, open_pool("Open")).await;
    get_pool(&world.user("bob"), &open.id).await.unwrap();
    update_pool(
        &admin,
        Pool {
            members: None,
            ..open.clone()
        },
        &["members"],
    )
    .await
    .unwrap();
    get_pool(&world.user("bob"), &open.id)
        .await
        .refused(Code::NotFound, Reason::NotFound);

    // Limits of nobody, rules without a condition, jobs on no pool or for nobody, batches of nothing.
    let of_nobody = limit("Nobody", 0, RetentionLimitSubjects::default());
    let create = proto::CreateRetentionLimitRequest {
        retention_limit: Some(of_nobody),
        ..Default::default()
    };
    assert_eq!(
        fields(admin.limits().create_retention_limit(create).await),
        ["retention_limit.subjects"]
    );
    let always = proto::ReclaimRule {
        pool_id: open.id.clone(),
        ..Default::default()
    };
    let create = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(always),
        ..Default::default()
    };
    let said = fields(admin.retention_rules().create_reclaim_rule(create).await);
    assert!(said.contains(&"reclaim_rule.follow_up_days".to_owned()), "{said:?}");
    let start = proto::StartAssignMatchingRequest {
        selection: Some(proto::AccountSelection::default()),
        ..Default::default()
    };
    assert_eq!(
        fields(admin.jobs().start_assign_matching(start).await),
        ["selection.pool_id", "assignees"]
    );
    let batch = proto::BatchGetAccountsRequest::default();
    assert_eq!(
        fields(admin.accounts().batch_get_accounts(batch).await),
        ["account_ids"]
    );
    // A filter narrows its scope: without conditions it is that scope, and nothing beyond.
    world.create("Of Bob", "", "bob").await;
    world.create("Of Cid", "", "cid").await;
    let mine = proto::ListAccountsRequest {
        scope: AccountScope::Mine.into(),
        filter: Some(proto::AccountFilter::default()),
        ..Default::default()
    };
    let listed = world
        .user("bob")
        .accounts()
        .list_accounts(mine)
        .await
        .unwrap()
        .into_inner();
    let names: Vec<_> = listed.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["Of Bob"]);
    world.stop().await;
}

/// R114: rules take accounts back, admins assign and take back, members claim and return: all in one pool, of one account,
/// one after the other, with nothing to switch in between.
#[tokio::test]
async fn rules_admins_and_members_share_a_pool() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let id = world.lying("Acme", &pool).await;
    let days = |days| world.server.clock.advance(TimeDelta::days(days));
    let owner = async || world.ownership(&id).await.owner;

    // In by assignment, out by the rule.
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "bob"))
        .await
        .unwrap();
    days(31);
    world.sweep().await;
    assert_eq!(owner().await, "");
    // In by claiming, out by the rule: a claimed account is under it as much.
    world.user("cid").circulation().claim_account(claim(&id)).await.unwrap();
    days(29);
    world.sweep().await;
    assert_eq!(owner().await, "cid");
    days(2);
    world.sweep().await;
    assert_eq!(owner().await, "");
    // In by claiming, out by an admin.
    world.user("dan").circulation().claim_account(claim(&id)).await.unwrap();
    let reclaim = proto::ReclaimAccountRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    world.user("ann").circulation().reclaim_account(reclaim).await.unwrap();
    // In by assignment, out by returning.
    days(1);
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "bob"))
        .await
        .unwrap();
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    assert_eq!(world.ownership(&id).await.pool_id, pool);

    let request = proto::ListTenuresRequest {
        account_id: id,
        ..Default::default()
    };
    let told = world
        .server
        .admin()
        .history()
        .list_tenures(request)
        .await
        .unwrap()
        .into_inner()
        .tenures;
    let told: Vec<_> = told
        .iter()
        .rev()
        .map(|tenure| (tenure.user_id.as_str(), tenure.start_cause(), tenure.end_cause()))
        .collect();
    let expected = [
        ("bob", TenureStartCause::Assigned, TenureEndCause::AutoReclaimed),
        ("cid", TenureStartCause::Claimed, TenureEndCause::AutoReclaimed),
        ("dan", TenureStartCause::Claimed, TenureEndCause::Reclaimed),
        ("bob", TenureStartCause::Assigned, TenureEndCause::Returned),
    ];
    assert_eq!(told, expected);
    world.stop().await;
}
