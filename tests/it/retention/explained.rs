//! What an explanation says, and to whom.

use super::{exact, instant, remind};
use crate::{
    activities::told,
    harness::{Refused, start},
    world::{World, open_pool},
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        self, Department, Pool, PoolMembers, ReclaimAction, ReclaimRule, ReclaimRuleStanding as Standing,
        ReminderRecipient as Recipient, RetentionAnchor, RetentionBasis, RetentionOutcome, TeamAccess, User,
    },
};
use tonic::Code;

/// X08, R151, R152: the deciding rule and those that lost, the anchor and its activity, reminders with names, what is
/// left; and it is the stored deadline.
#[tokio::test]
async fn an_explanation_says_why_then() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let grade_a = world
        .rule(ReclaimRule {
            condition: "account.grade == \"A\"".into(),
            ..exact(&pool, 5)
        })
        .await;
    let decides = world
        .rule(ReclaimRule {
            display_name: "Thirty".into(),
            first_contact_days: Some(10),
            reminders: vec![
                remind(7, &[Recipient::Owner]),
                remind(2, &[Recipient::Owner, Recipient::Supervisor, Recipient::Team]),
            ],
            ..exact(&pool, 30)
        })
        .await;
    let outranked = world.rule(exact(&pool, 40)).await;
    let id = world.given("Acme", &pool, "bob").await;
    world.join_team(&id, "dan", TeamAccess::Read).await;

    let first = world.user("bob").explains(&id).await.unwrap();
    assert_eq!(
        (first.outcome(), first.basis()),
        (RetentionOutcome::Reclaim, RetentionBasis::FirstContact)
    );
    assert_eq!(first.anchor(), RetentionAnchor::OwnerSince);
    assert_eq!(
        (instant(first.reclaim_time), &first.anchor_activity),
        (Some(start() + TimeDelta::days(10)), &None)
    );
    assert_eq!(instant(first.reclaim_time), world.reclaim_instant(&id).await);

    world.server.clock.advance(TimeDelta::days(4));
    let called = world.server.clock.now();
    let other = proto::Activity {
        object_id: "o2".into(),
        ..told("e0", &id, "sales_record.deleted", called)
    };
    world
        .tell("crm", vec![told("e1", &id, "sales_record.created", called), other])
        .await;
    let found = world.user("bob").explains(&id).await.unwrap();
    assert_eq!(instant(found.reclaim_time), Some(called + TimeDelta::days(30)));
    assert_eq!(instant(found.reclaim_time), world.reclaim_instant(&id).await);
    assert_eq!(
        (found.basis(), found.anchor()),
        (RetentionBasis::FollowUp, RetentionAnchor::FollowUp)
    );
    let activity = found.anchor_activity.clone().unwrap();
    assert_eq!((activity.event_id.as_str(), activity.source.as_str()), ("e1", "crm"));
    let clock = found.follow_up_clock.unwrap();
    assert_eq!(
        (clock.days, instant(clock.end_time), clock.stop_time),
        (30, instant(found.reclaim_time), None)
    );
    assert_eq!(
        (&found.close_clock, found.cutoff.as_str(), found.time_zone.as_str()),
        (&None, "NONE", "Asia/Shanghai")
    );
    let rules: Vec<_> = found
        .rules
        .iter()
        .map(|rule| (rule.reclaim_rule_id.clone(), rule.standing()))
        .collect();
    let expected = [
        (grade_a.id, Standing::OutOfScope),
        (decides.id, Standing::Decides),
        (outranked.id, Standing::Outranked),
    ];
    assert_eq!(rules, expected);
    assert_eq!(
        (found.rules[1].display_name.as_str(), found.rules[1].pool_id.as_str()),
        ("Thirty", pool.as_str())
    );
    let reminders: Vec<_> = found
        .reminders
        .iter()
        .map(|next| (next.days_before, next.user_ids.join(" ")))
        .collect();
    assert_eq!(reminders, [(7, "bob".to_owned()), (2, "bob ann dan".to_owned())]);
    assert_eq!(
        (found.remaining.unwrap().seconds, found.remaining_is_displayed),
        (30 * 86_400, false)
    );
    // Whoever reads all of it gets the same: those above, the team, admins of the pool, CRM admins.
    for user in ["ann", "dan", "root"] {
        assert_eq!(world.user(user).explains(&id).await.unwrap(), found, "{user}");
    }
    assert_eq!(world.server.admin().explains(&id).await.unwrap(), found);
    world
        .server
        .clock
        .advance(TimeDelta::days(21) + TimeDelta::microseconds(1));
    assert!(world.user("bob").explains(&id).await.unwrap().remaining_is_displayed);
    world.stop().await;
}

/// R097, R169: before the claim members learn nothing of clocks, and of accounts of others nothing at all.
#[tokio::test]
async fn who_may_not_read_an_account_learns_nothing_of_its_clock() {
    let world = World::start().await;
    let browsed = Pool {
        members_may_browse: true,
        ..open_pool("North")
    };
    let pool = world.pool(browsed).await;
    let closed = Pool {
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    world.rule(exact(&pool, 30)).await;
    let lying = world.lying("Lying", &pool).await;
    let hidden = world.lying("Hidden", &closed).await;
    let owned = world.given("Owned", &pool, "bob").await;
    let member = world.user("dan").explains(&lying).await;
    member.refused(Code::PermissionDenied, Reason::NotAuthorized);
    for id in [&hidden, &owned] {
        let stranger = world.user("dan").explains(id).await;
        stranger.refused(Code::NotFound, Reason::NotFound);
    }
    let found = world.user("ann").explains(&lying).await.unwrap();
    assert_eq!((found.outcome(), found.rules.len()), (RetentionOutcome::NotOwned, 0));
    let none = world.server.admin().explains("no-id").await;
    assert_eq!(none.violations().len(), 1);
    world.stop().await;
}

/// X08, R132, R137, R143, T09: why an account is not reclaimed at all.
#[tokio::test]
async fn an_explanation_says_why_not() {
    let world = World::start().await;
    let never = world.pool(open_pool("Never")).await;
    let none = world.pool(open_pool("None")).await;
    let won = world.pool(open_pool("Won")).await;
    world
        .rule(ReclaimRule {
            pool_id: never.clone(),
            action: ReclaimAction::NoReclaim.into(),
            ..ReclaimRule::default()
        })
        .await;
    world
        .rule(ReclaimRule {
            pool_id: won.clone(),
            close_days: Some(60),
            cutoff: "NONE".into(),
            ..ReclaimRule::default()
        })
        .await;
    let now = world.server.clock.now();
    for (pool, expected) in [
        (&never, RetentionOutcome::NoReclaim),
        (&none, RetentionOutcome::NoRule),
        (&won, RetentionOutcome::Never),
    ] {
        let id = world.given(&format!("{expected:?}"), pool, "bob").await;
        world.tell(pool, vec![told("e1", &id, "opportunity.won", now)]).await;
        let found = world.user("bob").explains(&id).await.unwrap();
        assert_eq!(found.outcome(), expected);
        assert_eq!((found.reclaim_time, found.remaining), (None, None));
        let stopped = found.close_clock.and_then(|clock| instant(clock.stop_time));
        let win = expected == RetentionOutcome::Never;
        assert_eq!((stopped.is_some(), found.anchor_activity.is_some()), (win, win));
    }
    world.stop().await;
}

/// R141, R142, 3.5: outside pools the rules of the owner's departments are named, with the one that is chosen and why.
#[tokio::test]
async fn an_explanation_names_the_departments() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let department = |id: &str| Department {
        id: id.into(),
        display_name: id.into(),
        ..Department::default()
    };
    let request = proto::BatchUpsertDepartmentsRequest {
        departments: vec![department("east"), department("west")],
        ..Default::default()
    };
    let mut directory = world.server.admin().directory();
    directory.batch_upsert_departments(request).await.unwrap();
    let request = proto::BatchUpsertUsersRequest {
        users: vec![User {
            supervisor: "ann".into(),
            primary_department: "west".into(),
            other_departments: vec!["east".into()],
            ..crate::world::user("bob")
        }],
        ..Default::default()
    };
    directory.batch_upsert_users(request).await.unwrap();
    let of = |department: &str, days| ReclaimRule {
        pool_id: String::new(),
        department_id: department.into(),
        target_pool_id: pool.clone(),
        ..exact("", days)
    };
    let east = world.rule(of("east", 10)).await;
    let west = world.rule(of("west", 20)).await;
    let id = world.create("Acme", "", "bob").await.id;
    let found = world.user("bob").explains(&id).await.unwrap();
    let choice = found.department_choice.clone().unwrap();
    assert_eq!(choice.department_id, "west");
    assert_eq!(
        (choice.reason(), choice.candidates.len()),
        (proto::DepartmentChoiceReason::Primary, 2)
    );
    let rules: Vec<_> = found
        .rules
        .iter()
        .map(|rule| (rule.reclaim_rule_id.clone(), rule.standing()))
        .collect();
    assert_eq!(rules, [(west.id, Standing::Decides), (east.id, Standing::OtherHome)]);
    assert_eq!(found.rules[1].department_id, "east");
    assert_eq!(instant(found.reclaim_time), Some(start() + TimeDelta::days(20)));
    assert_eq!(instant(found.reclaim_time), world.reclaim_instant(&id).await);
    world.stop().await;
}

/// D02: between a change of rules and its replan the explanation says what is about to be stored, and that it is.
#[tokio::test]
async fn an_explanation_says_what_is_about_to_be_stored() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.given("Acme", &pool, "bob").await;
    world.server.clock.advance(TimeDelta::days(20));
    let request = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(exact(&pool, 15)),
        include_past_days: Some(true),
        ..Default::default()
    };
    let mut rules = world.server.admin().retention_rules();
    rules.create_reclaim_rule(request).await.unwrap();
    let found = world.user("bob").explains(&id).await.unwrap();
    let notice = world.server.clock.now() + TimeDelta::days(1);
    assert!(found.recomputing);
    assert_eq!(
        (instant(found.reclaim_time), instant(found.notice_floor_time)),
        (Some(notice), Some(notice))
    );
    assert_eq!(world.reclaim_instant(&id).await, None);
    world.sweep().await;
    let stored = world.user("bob").explains(&id).await.unwrap();
    assert_eq!(world.reclaim_instant(&id).await, Some(notice));
    assert!(!stored.recomputing);
    assert_eq!(stored.reclaim_time, found.reclaim_time);
    world.stop().await;
}

/// A call costs what it says: revisions and account, the team of whom the actor supervises, reminded teams, the activity.
#[tokio::test]
async fn an_explanation_costs_a_few_statements() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(exact(&pool, 30)).await;
    let id = world.given("Acme", &pool, "bob").await;
    world.user("bob").explains(&id).await.unwrap();
    let before = world.server.db().statements();
    world.user("bob").explains(&id).await.unwrap();
    assert_eq!(world.server.db().statements() - before, 1);
    world.server.clock.advance(TimeDelta::days(1));
    world
        .tell(
            "crm",
            vec![told("e1", &id, "sales_record.created", world.server.clock.now())],
        )
        .await;
    let before = world.server.db().statements();
    world.user("bob").explains(&id).await.unwrap();
    assert_eq!(world.server.db().statements() - before, 2);
    world.stop().await;
}
