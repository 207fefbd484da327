//! Reclaim rules as configuration: created, read, changed, reordered, taken out of use, deleted; and the pools that
//! they refer to.

use crate::{
    harness::Refused,
    reclaim_rules::{
        create, delete, delete_pool, disable, disable_pool, enable, get, history, list, page, pool, reorder, shop,
        thirty, update,
    },
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, AfterWin, CombineMode, DayCounting, ReclaimAction, ReclaimRule, ReclaimRulePlace},
};
use tonic::{Code, Status};

fn ids(rules: &[ReclaimRule]) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

/// R132, R133, R134, R135, R146, R148: by follow-up, by close, both together, a first contact, never; into this or
/// another pool.
#[tokio::test]
async fn rules_of_every_kind_are_created_and_read_back() {
    let server = shop().await;
    let admin = server.admin();
    let (north, south) = (pool(&server, "North").await, pool(&server, "South").await);
    let whole = ReclaimRule {
        display_name: "New customers".into(),
        priority: 7,
        action: ReclaimAction::Reclaim.into(),
        first_contact_days: Some(3),
        close_days: Some(60),
        combine: CombineMode::Both.into(),
        after_win: AfterWin::Restart.into(),
        day_counting: DayCounting::Calendar.into(),
        target_pool_id: south.clone(),
        ..thirty(&north)
    };
    let made = create(&admin, whole.clone()).await.unwrap();
    assert!(made.enabled);
    let given = ReclaimRule {
        id: made.id.clone(),
        enabled: true,
        etag: made.etag.clone(),
        create_time: made.create_time,
        update_time: made.update_time,
        ..whole
    };
    assert_eq!(made, given);
    assert_eq!(get(&admin, &made.id).await.unwrap(), made);

    let close = ReclaimRule {
        pool_id: north.clone(),
        close_days: Some(60),
        ..ReclaimRule::default()
    };
    let close = create(&admin, close).await.unwrap();
    // Without a priority it comes last; what was not chosen reads as not chosen.
    assert_eq!(
        (close.priority, close.action(), close.after_win()),
        (8, ReclaimAction::Reclaim, AfterWin::Unspecified)
    );
    let never = ReclaimRule {
        pool_id: north.clone(),
        action: ReclaimAction::NoReclaim.into(),
        ..ReclaimRule::default()
    };
    assert_eq!(create(&admin, never).await.unwrap().action(), ReclaimAction::NoReclaim);
    assert_eq!(history(&server, &made.id).await, ["created"]);
    server.stop().await;
}

/// D07, D54: everything that is wrong is named at once, and nothing is stored.
#[tokio::test]
async fn a_wrong_rule_is_refused_with_everything_that_is_wrong() {
    let server = shop().await;
    let admin = server.admin();
    let (north, south) = (pool(&server, "North").await, pool(&server, "South").await);
    disable_pool(&server, &south).await.unwrap();
    let wrong = ReclaimRule {
        display_name: " x".into(),
        priority: -1,
        first_contact_days: Some(10_000),
        close_days: Some(0),
        target_pool_id: south.clone(),
        ..thirty(&north)
    };
    let said = create(&admin, wrong.clone()).await.violations();
    for field in [
        "display_name",
        "priority",
        "first_contact_days",
        "close_days",
        "combine",
        "target_pool_id",
    ] {
        let named = |line: &&String| line.starts_with(&format!("reclaim_rule.{field}: "));
        assert!(said.iter().any(|line| named(&line)), "{field}: {said:?}");
    }
    let unknown = ReclaimRule {
        pool_id: "x".into(),
        action: 9,
        combine: 9,
        after_win: 9,
        target_pool_id: "y".into(),
        ..wrong
    };
    assert_eq!(create(&admin, unknown).await.violations().len(), 5);
    let nowhere = thirty("01890a5d-ac96-774b-bcce-b302099a8057");
    assert!(create(&admin, nowhere).await.violations()[0].starts_with("reclaim_rule.pool_id: "));
    let own = ReclaimRule {
        target_pool_id: north.clone(),
        ..thirty(&north)
    };
    assert!(create(&admin, own).await.violations()[0].starts_with("reclaim_rule.target_pool_id: "));
    assert_eq!(list(&admin, &north).await.unwrap(), []);
    server.stop().await;
}

/// R138, D09: rules are listed in the order in which they are asked, on pages; a new order takes all of them.
#[tokio::test]
async fn rules_are_asked_by_priority_and_reordered_together() {
    let server = shop().await;
    let admin = server.admin();
    let north = pool(&server, "North").await;
    let rule = |priority| ReclaimRule {
        priority,
        ..thirty(&north)
    };
    let c = create(&admin, rule(30)).await.unwrap();
    let a = create(&admin, rule(10)).await.unwrap();
    let b = create(&admin, rule(20)).await.unwrap();
    let listed = list(&admin, &north).await.unwrap();
    assert_eq!(listed, [a.clone(), b.clone(), c.clone()]);
    let (first, token) = page(&admin, &north, 2, "").await.unwrap();
    let (rest, end) = page(&admin, &north, 2, &token).await.unwrap();
    assert_eq!((first.len(), rest, end.as_str()), (2, vec![c.clone()], ""));

    assert!(create(&admin, rule(20)).await.violations()[0].contains(&b.id));
    let taken = ReclaimRule {
        priority: 10,
        ..b.clone()
    };
    assert!(update(&admin, &taken, &["priority"]).await.violations()[0].contains(&a.id));

    let elsewhere = create(&admin, thirty(&pool(&server, "South").await)).await.unwrap();
    let (a_, b_, c_) = ((a.id.as_str(), ""), (b.id.as_str(), ""), (c.id.as_str(), ""));
    assert_eq!(reorder(&admin, &north, &[a_, b_]).await.violations().len(), 1);
    assert_eq!(
        reorder(&admin, &north, &[a_, b_, b_, (&elsewhere.id, "")])
            .await
            .violations()
            .len(),
        3
    );
    reorder(&admin, &north, &[c_, b_, (&a.id, "9")])
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    let ordered = reorder(&admin, &north, &[c_, (&b.id, &b.etag), a_]).await.unwrap();
    assert_eq!(ids(&ordered), [&c.id, &b.id, &a.id]);
    assert_eq!(ordered.iter().map(|rule| rule.priority).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(list(&admin, &north).await.unwrap(), ordered);
    // The same order once more changes nothing.
    assert_eq!(reorder(&admin, &north, &[c_, b_, a_]).await.unwrap(), ordered);
    assert_eq!(history(&server, &a.id).await, ["created", "updated"]);
    server.stop().await;
}

#[tokio::test]
async fn a_rule_is_changed_by_who_saw_its_latest_state() {
    let server = shop().await;
    let admin = server.admin();
    let north = pool(&server, "North").await;
    let made = create(&admin, thirty(&north)).await.unwrap();
    let wanted = ReclaimRule {
        follow_up_days: Some(25),
        display_name: "not named by the mask".into(),
        ..made.clone()
    };
    let changed = update(&admin, &wanted, &["follow_up_days"]).await.unwrap();
    assert_eq!((changed.follow_up_days, changed.display_name.as_str()), (Some(25), ""));
    assert_ne!(changed.etag, made.etag);
    update(&admin, &wanted, &["follow_up_days"])
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    disable(&admin, &made.id, &made.etag)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    delete(&admin, &made.id, &made.etag)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    // A change to what it is already raises nothing.
    let same = update(&admin, &changed, &["*"]).await.unwrap();
    assert_eq!(same, changed);
    for fixed in ["pool_id", "enabled", "id", "colour"] {
        let refused = update(&admin, &changed, &[fixed]).await;
        refused.refused(Code::InvalidArgument, Reason::FieldNotUpdatable);
    }
    // The whole is judged, not only what changes.
    let second = ReclaimRule {
        close_days: Some(60),
        ..changed.clone()
    };
    assert!(update(&admin, &second, &["close_days"]).await.violations()[0].starts_with("reclaim_rule.combine: "));

    let off = disable(&admin, &made.id, &changed.etag).await.unwrap();
    assert!(!off.enabled);
    enable(&admin, &made.id, &changed.etag)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    assert!(enable(&admin, &made.id, &off.etag).await.unwrap().enabled);
    assert_eq!(
        history(&server, &made.id).await,
        ["created", "updated", "disabled", "enabled"]
    );
    delete(&admin, &made.id, "").await.unwrap();
    get(&admin, &made.id).await.refused(Code::NotFound, Reason::NotFound);
    delete(&admin, &made.id, "")
        .await
        .refused(Code::NotFound, Reason::NotFound);
    // R137: the pool is without a rule again.
    assert_eq!(list(&admin, &north).await.unwrap(), []);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_answers_as_the_first_did() {
    let server = shop().await;
    let admin = server.admin();
    let north = pool(&server, "North").await;
    let request = |days| proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(ReclaimRule {
            follow_up_days: Some(days),
            ..thirty(&north)
        }),
        request_id: "create-1".into(),
        ..Default::default()
    };
    let mut rules = admin.retention_rules();
    let first = rules.create_reclaim_rule(request(30)).await.unwrap().into_inner();
    let again = rules.create_reclaim_rule(request(30)).await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = rules.create_reclaim_rule(request(31)).await;
    other.refused(Code::FailedPrecondition, Reason::RequestIdReused);
    assert_eq!(list(&admin, &north).await.unwrap().len(), 1);

    let rule = first.reclaim_rule.unwrap();
    let request = proto::ReorderReclaimRulesRequest {
        pool_id: north.clone(),
        places: vec![ReclaimRulePlace {
            reclaim_rule_id: rule.id.clone(),
            etag: rule.etag.clone(),
        }],
        request_id: "reorder-1".into(),
        ..Default::default()
    };
    let one = rules.reorder_reclaim_rules(request.clone()).await.unwrap().into_inner();
    delete(&admin, &rule.id, "").await.unwrap();
    assert_eq!(rules.reorder_reclaim_rules(request).await.unwrap().into_inner(), one);
    server.stop().await;
}

#[tokio::test]
async fn crm_admins_change_rules_and_pool_admins_read_them() {
    let server = shop().await;
    let north = pool(&server, "North").await;
    let rule = create(&server.admin(), thirty(&north)).await.unwrap();
    let (ann, bob, cid) = (server.user("ann"), server.user("bob"), server.user("cid"));
    assert_eq!(get(&ann, &rule.id).await.unwrap(), rule);
    assert_eq!(list(&ann, &north).await.unwrap(), std::slice::from_ref(&rule));
    get(&bob, &rule.id)
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    list(&bob, &north)
        .await
        .refused(Code::PermissionDenied, Reason::NotAuthorized);
    // Who may not know of the pool does not learn of its rules.
    get(&cid, &rule.id).await.refused(Code::NotFound, Reason::NotFound);
    list(&cid, &north).await.refused(Code::NotFound, Reason::NotFound);
    delete(&cid, &rule.id, "")
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let place = [(rule.id.as_str(), "")];
    for client in [&ann, &bob] {
        let not = |result: Result<(), Status>| drop(result.refused(Code::PermissionDenied, Reason::NotAuthorized));
        not(create(client, thirty(&north)).await.map(drop));
        not(update(client, &rule, &["*"]).await.map(drop));
        not(reorder(client, &north, &place).await.map(drop));
        not(enable(client, &rule.id, "").await.map(drop));
        not(disable(client, &rule.id, "").await.map(drop));
        not(delete(client, &rule.id, "").await);
    }
    assert_eq!(get(&ann, &rule.id).await.unwrap(), rule);
    server.stop().await;
}

/// R101, D52: a pool into which rules of other pools reclaim is neither deleted nor disabled; its own rules go with it.
#[tokio::test]
async fn a_pool_that_rules_reclaim_into_stays() {
    let server = shop().await;
    let admin = server.admin();
    let (north, south) = (pool(&server, "North").await, pool(&server, "South").await);
    let into_south = ReclaimRule {
        target_pool_id: south.clone(),
        ..thirty(&north)
    };
    let rule = create(&admin, into_south).await.unwrap();
    let own = create(&admin, thirty(&south)).await.unwrap();
    let named = |result: Result<(), Status>| {
        let details = result.refused(Code::FailedPrecondition, Reason::PoolReferenced);
        let info = details.error_info().unwrap();
        assert_eq!(info.metadata.get("references"), Some(&rule.id));
        assert_eq!(details.precondition_failure().unwrap().violations.len(), 1);
    };
    named(delete_pool(&server, &south).await);
    named(disable_pool(&server, &south).await);
    // A rule that is out of use could come back.
    disable(&admin, &rule.id, "").await.unwrap();
    named(delete_pool(&server, &south).await);
    named(disable_pool(&server, &south).await);

    let here = ReclaimRule {
        id: rule.id.clone(),
        ..ReclaimRule::default()
    };
    update(&admin, &here, &["target_pool_id"]).await.unwrap();
    // A pool's own rules do not hold it.
    disable_pool(&server, &south).await.unwrap();
    delete_pool(&server, &south).await.unwrap();
    get(&admin, &own.id).await.refused(Code::NotFound, Reason::NotFound);
    assert_eq!(history(&server, &own.id).await, ["created", "deleted"]);
    assert_eq!(get(&admin, &rule.id).await.unwrap().target_pool_id, "");
    server.stop().await;
}

/// D52: whichever of the two comes first, no rule ever reclaims into a pool that is out of use.
#[tokio::test]
async fn a_pool_is_disabled_while_a_rule_begins_to_reclaim_into_it() {
    let server = shop().await;
    let admin = server.admin();
    let north = pool(&server, "North").await;
    for round in 0..10 {
        let south = pool(&server, &format!("South {round}")).await;
        let into_south = ReclaimRule {
            target_pool_id: south.clone(),
            ..thirty(&north)
        };
        let (rule, disabled) = tokio::join!(create(&admin, into_south), disable_pool(&server, &south));
        assert_ne!(rule.is_ok(), disabled.is_ok(), "{rule:?} {disabled:?}");
    }
    server.stop().await;
}

/// Nothing of a tenant's rules is seen or changed from another.
#[tokio::test]
async fn rules_of_another_tenant_do_not_exist() {
    let server = shop().await;
    server.create_tenant("other").await;
    let other = server.caller("other", "console", &[Scope::Admin]);
    let north = pool(&server, "North").await;
    let rule = create(&server.admin(), thirty(&north)).await.unwrap();
    get(&other, &rule.id).await.refused(Code::NotFound, Reason::NotFound);
    list(&other, &north).await.refused(Code::NotFound, Reason::NotFound);
    update(&other, &rule, &["*"])
        .await
        .refused(Code::NotFound, Reason::NotFound);
    delete(&other, &rule.id, "")
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let said = create(&other, thirty(&north)).await.violations();
    assert!(said[0].starts_with("reclaim_rule.pool_id: "), "{said:?}");
    assert_eq!(list(&server.admin(), &north).await.unwrap(), [rule]);
    server.stop().await;
}
