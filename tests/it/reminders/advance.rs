//! Reminders before the deadline.

use super::before;
use crate::{
    build::push_users,
    rules::{create, exact, local, update},
    world::{World, assign, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{
    self, Account, Pool, ReclaimAction, ReclaimRule, ReminderRecipient, TeamAccess, TeamRole, TenantSettings,
};

const OWNER: &[ReminderRecipient] = &[ReminderRecipient::Owner];

impl World {
    /// Sweeps just before the time, when nobody may be reminded, then at it; answers how many are.
    async fn reminded_at(&self, text: &str) -> usize {
        self.server
            .clock
            .advance(local(text) - self.server.clock.now() - TimeDelta::microseconds(1));
        assert_eq!(self.sweep().await.reminded, 0, "just before {text}");
        self.go_to(text);
        self.sweep().await.reminded
    }
}

/// R136, T50-T52: at least three full days before the deadline, at nine.
#[tokio::test]
async fn owners_are_reminded_full_days_before() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = ReclaimRule {
        reminders: vec![before(3, OWNER)],
        ..exact(&pool, 29)
    };
    let rule = create(&world.server.admin(), rule, None).await.unwrap();
    let mut ids = vec![];
    for at in ["08:00", "09:00", "10:00"] {
        world.go_to(&format!("2026-03-02 {at}"));
        let id = world.lying(at, &pool).await;
        world.claim(&id).await;
        ids.push(id);
    }
    assert_eq!(world.reminded_at("2026-03-27 09:00").await, 1);
    assert_eq!(world.reminded(&ids[0]).await, ["3 days before 2026-03-31 08:00: bob"]);
    assert_eq!(world.reminded_at("2026-03-28 09:00").await, 2);
    assert_eq!(world.reminded(&ids[1]).await, ["3 days before 2026-03-31 09:00: bob"]);
    assert_eq!(world.reminded(&ids[2]).await, ["3 days before 2026-03-31 10:00: bob"]);
    // The event is one of its own, says by which rule, and moves nothing.
    let told = &world.reminders(&ids[2]).await[0];
    assert_eq!((told.rule_id.as_str(), told.days_before), (rule.id.as_str(), Some(3)));
    assert_eq!(world.deadline(&ids[2]).await, "2026-03-31 10:00");
    // Never twice, and the account goes when it is due.
    world.go_to("2026-03-30 09:00");
    assert_eq!(world.sweep().await.reminded, 0);
    world.go_to("2026-03-31 10:00");
    assert_eq!(world.sweep().await.reclaimed, 3);
    assert_eq!(world.reminded(&ids[0]).await.len(), 1);
    world.stop().await;
}

/// X04: the nearer the deadline, the higher up; each person once, and nobody who has left.
#[tokio::test]
async fn reminders_escalate() {
    use ReminderRecipient::{Owner, PoolAdmins, Supervisor, Team};
    let world = World::start().await;
    let admin = world.server.admin();
    let pool = world.pool(Pool {
        administrators: vec!["dan".into(), "eve".into(), "ann".into()],
        ..open_pool("North")
    });
    let pool = pool.await;
    let rule = ReclaimRule {
        reminders: vec![
            before(1, &[Owner, Supervisor, Team, PoolAdmins]),
            before(7, &[Owner]),
            before(3, &[Owner, Supervisor]),
        ],
        ..exact(&pool, 30)
    };
    create(&admin, rule, None).await.unwrap();
    let id = world.lying("Acme", &pool).await;
    world.claim(&id).await;
    let member = proto::PutTeamMemberRequest {
        account_id: id.clone(),
        team_member: Some(proto::TeamMember {
            user_id: "cid".into(),
            role: TeamRole::JointFollowUp.into(),
            access: TeamAccess::Read.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.user("bob").teams().put_team_member(member).await.unwrap();
    for at in ["2026-03-24 09:00", "2026-03-28 09:00", "2026-03-30 09:00"] {
        assert_eq!(world.reminded_at(at).await, 1, "{at}");
    }
    assert_eq!(
        world.reminded(&id).await,
        [
            "7 days before 2026-03-31 10:00: bob",
            "3 days before 2026-03-31 10:00: bob, ann",
            "1 days before 2026-03-31 10:00: bob, ann, cid, dan"
        ]
    );
    // What members of the pool see of it once it waits again names nobody.
    world.go_to("2026-03-31 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    push_users(&admin, vec![user("fay")]).await;
    let request = proto::ListAccountEventsRequest {
        account_id: id,
        ..Default::default()
    };
    let events = world.user("fay").history().list_account_events(request).await.unwrap();
    let events = events.into_inner().account_events;
    assert!(events.iter().any(|event| event.kind == "account.reminded"));
    assert!(
        events
            .iter()
            .all(|event| event.effects.as_ref().unwrap().reminder.is_none())
    );
    world.stop().await;
}

/// R136: from the first on every day, to those whom the last configured one reaches; the time of day is the tenant's.
#[tokio::test]
async fn reminders_are_repeated_daily() {
    use ReminderRecipient::{Owner, Supervisor};
    let world = World::start().await;
    let settings = TenantSettings {
        reminder_time: "17:30".into(),
        ..TenantSettings::default()
    };
    world.settings(settings, &["settings.reminder_time"]).await;
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        reminders: vec![before(4, &[Owner]), before(2, &[Owner, Supervisor])],
        repeat_daily: true,
        ..exact(&pool, 30)
    };
    create(&world.server.admin(), rule, None).await.unwrap();
    world.sweep().await;
    for at in [
        "2026-03-26 17:30",
        "2026-03-27 17:30",
        "2026-03-28 17:30",
        "2026-03-29 17:30",
    ] {
        assert_eq!(world.reminded_at(at).await, 1, "{at}");
    }
    assert_eq!(
        world.reminded(&id).await,
        [
            "4 days before 2026-03-31 10:00: bob",
            "3 days before 2026-03-31 10:00: bob",
            "2 days before 2026-03-31 10:00: bob, ann",
            "1 days before 2026-03-31 10:00: bob, ann"
        ]
    );
    world.stop().await;
}

/// R155, R190: of new customers the owner is reminded every day without being told so, until he does something.
#[tokio::test]
async fn owners_of_new_customers_are_reminded_daily() {
    let world = World::start().await;
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        reminders: vec![before(5, OWNER)],
        created_within_months: Some(6),
        ..exact(&pool, 10)
    };
    create(&world.server.admin(), rule, None).await.unwrap();
    world.sweep().await;
    for at in ["2026-03-06 09:00", "2026-03-07 09:00"] {
        assert_eq!(world.reminded_at(at).await, 1, "{at}");
    }
    world.hear(&id, "sales_record.created").await;
    world.go_to("2026-03-11 23:00");
    assert_eq!(world.sweep().await.reminded, 0);
    assert_eq!(world.reminded_at("2026-03-12 09:00").await, 1);
    assert_eq!(
        world.reminded(&id).await,
        [
            "5 days before 2026-03-11 10:00: bob",
            "4 days before 2026-03-11 10:00: bob",
            "5 days before 2026-03-17 09:00: bob"
        ]
    );
    world.stop().await;
}

/// 3.9: a deadline that moves arms its reminders again; one that is late goes out at once, and of several only the nearest.
#[tokio::test]
async fn a_moved_deadline_arms_reminders_again() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        reminders: vec![before(7, OWNER), before(3, OWNER)],
        ..exact(&pool, 30)
    };
    let rule = create(&admin, rule, None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.reminded_at("2026-03-24 09:00").await, 1);
    world.go_to("2026-03-25 12:00");
    world.hear(&id, "sales_record.created").await;
    assert_eq!(world.reminded_at("2026-04-17 09:00").await, 1);
    // Shortened so that all of them are late: the owner has notice of the move and one reminder.
    world.go_to("2026-04-18 12:00");
    let shorter = ReclaimRule {
        id: rule.id.clone(),
        follow_up_days: Some(26),
        ..ReclaimRule::default()
    };
    update(&admin, shorter, &["follow_up_days"], Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.sweep().await.reminded, 1);
    assert_eq!(world.sweep().await.reminded, 0);
    assert_eq!(
        world.reminded(&id).await,
        [
            "7 days before 2026-03-31 10:00: bob",
            "7 days before 2026-04-24 12:00: bob",
            "3 days before 2026-04-20 12:00: bob"
        ]
    );
    // A new owner has reminders of his own.
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "cid"))
        .await
        .unwrap();
    assert_eq!(world.deadline(&id).await, "2026-05-14 12:00");
    assert_eq!(world.reminded_at("2026-05-07 09:00").await, 1);
    assert_eq!(world.reminded(&id).await[3], "7 days before 2026-05-14 12:00: cid");
    world.stop().await;
}

/// D02, 3.4: who has a day left by a change of the rule is told at once, whatever the rule says of reminders.
#[tokio::test]
async fn whoever_has_a_day_left_is_told_at_once() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let rule = create(&admin, exact(&pool, 30), Some(true)).await.unwrap();
    world.sweep().await;
    world.go_to("2026-03-21 10:00");
    let shorter = ReclaimRule {
        id: rule.id.clone(),
        follow_up_days: Some(15),
        ..ReclaimRule::default()
    };
    update(&admin, shorter, &["follow_up_days"], Some(true)).await.unwrap();
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.reminded(&id).await, ["moved to 2026-03-22 10:00: bob"]);
    assert_eq!(world.reminders(&id).await[0].rule_id, rule.id);
    world.stop().await;
}

/// D02, 3.4: so he is where it comes of a grade, of another pool, or of a change of the rule that is found when an activity
/// becomes known; and not again by the worker.
#[tokio::test]
async fn whatever_leaves_a_day_is_told_at_once() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (graded, first) = world.claimed("Graded").await;
    let (moved, second) = world.claimed("Moved").await;
    let (heard, third) = world.claimed("Heard").await;
    let (put_off, fourth) = world.claimed("Put off").await;
    let by_grade = ReclaimRule {
        grade_days: vec![proto::GradeDays {
            grade: "A".into(),
            follow_up_days: Some(15),
            ..proto::GradeDays::default()
        }],
        ..exact(&first, 60)
    };
    create(&admin, by_grade, Some(true)).await.unwrap();
    let without_win = ReclaimRule {
        follow_up_days: None,
        close_days: Some(60),
        ..exact(&third, 0)
    };
    let without_win = create(&admin, without_win, Some(true)).await.unwrap();
    create(&admin, exact(&second, 60), Some(true)).await.unwrap();
    let idle = create(&admin, exact(&fourth, 60), Some(true)).await.unwrap();
    let target = world.pool(open_pool("Strict")).await;
    create(&admin, exact(&target, 15), Some(true)).await.unwrap();
    world.sweep().await;

    world.go_to("2026-03-21 10:00");
    let grade = Account {
        id: graded.clone(),
        grade: "A".into(),
        ..Account::default()
    };
    world.change(grade, &["grade"]).await;
    let transfer = proto::TransferAccountRequest {
        account_id: moved.clone(),
        target_pool_id: target,
        ..Default::default()
    };
    let mut moves = world.user("ann").circulation();
    moves.transfer_account(transfer).await.unwrap();
    let shorter = ReclaimRule {
        close_days: Some(10),
        ..without_win
    };
    update(&admin, shorter, &["close_days"], Some(true)).await.unwrap();
    let shorter = ReclaimRule {
        follow_up_days: Some(10),
        ..idle
    };
    update(&admin, shorter, &["follow_up_days"], Some(true)).await.unwrap();
    for id in [&heard, &put_off] {
        world.hear(id, "sales_record.created").await;
    }
    for _ in 0..3 {
        for id in [&graded, &moved, &heard] {
            assert_eq!(world.reminded(id).await, ["moved to 2026-03-22 10:00: bob"]);
        }
        // He followed up, and has ten days again.
        assert_eq!(world.reminded(&put_off).await, Vec::<String>::new());
        world.sweep().await;
    }
    world.stop().await;
}

/// R136: no deadline, no reminder: nobody owns the account, no rule matches, the rule never reclaims, a win ended it.
#[tokio::test]
async fn without_a_deadline_nobody_is_reminded() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (won, first) = world.claimed("Won").await;
    let close = ReclaimRule {
        follow_up_days: None,
        close_days: Some(30),
        reminders: vec![before(7, OWNER)],
        ..exact(&first, 0)
    };
    create(&admin, close, None).await.unwrap();
    let (never, second) = world.claimed("Never").await;
    let no = ReclaimRule {
        action: ReclaimAction::NoReclaim.into(),
        pool_id: second.clone(),
        ..ReclaimRule::default()
    };
    create(&admin, no, None).await.unwrap();
    let (outside, third) = world.claimed("Outside").await;
    let others = ReclaimRule {
        condition: "account.grade == \"A\"".into(),
        reminders: vec![before(7, OWNER)],
        ..exact(&third, 30)
    };
    create(&admin, others, None).await.unwrap();
    let lying = world.lying("Lying", &first).await;
    world.sweep().await;
    world.hear(&won, "opportunity.won").await;
    assert_eq!(world.deadline(&won).await, "-");
    world.go_to("2026-03-26 10:00");
    assert_eq!(world.sweep().await.reminded, 0);
    for id in [&won, &never, &outside, &lying] {
        assert_eq!(world.reminded(id).await, Vec::<String>::new());
    }
    // Once it has one, late as it is, it is reminded of.
    let grade = Account {
        id: outside.clone(),
        grade: "A".into(),
        ..Account::default()
    };
    world.change(grade, &["grade"]).await;
    assert_eq!(world.sweep().await.reminded, 1);
    assert_eq!(world.reminded(&outside).await, ["7 days before 2026-03-31 10:00: bob"]);
    world.stop().await;
}
