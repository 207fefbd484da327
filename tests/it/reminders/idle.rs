//! Reminders that nothing happens with an account.

use super::before;
use crate::{
    build::{department, push_departments, push_users},
    rules::{create, exact},
    world::{World, assign, open_pool, user},
};
use tidepool::rpc::proto::{self, Account, ReclaimRule, ReminderRecipient, ReminderRule, User};

/// A rule of the pool: the owner is reminded after so many days.
pub(super) fn idle(pool: &str, days: i32) -> ReminderRule {
    ReminderRule {
        pool_id: pool.into(),
        idle_days: days,
        recipients: vec![ReminderRecipient::Owner.into()],
        ..ReminderRule::default()
    }
}

impl World {
    /// Makes a reminder rule.
    pub(super) async fn remind(&self, rule: ReminderRule) -> ReminderRule {
        let request = proto::CreateReminderRuleRequest {
            reminder_rule: Some(rule),
            ..Default::default()
        };
        let made = self.server.admin().reminder_rules().create_reminder_rule(request).await;
        made.unwrap().into_inner().reminder_rule.unwrap()
    }

    /// How many are reminded at that time.
    async fn idle_at(&self, text: &str) -> usize {
        self.go_to(text);
        self.sweep().await.reminded
    }
}

/// R153, R156: the owner of a claimed account is reminded once when nothing happened for so many days; a follow-up starts
/// them anew; whether the account is ever reclaimed does not matter, and the reminder of the deadline is another one.
#[tokio::test]
async fn owners_are_reminded_that_nothing_happens() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let (pooled, _) = world.claimed("Elsewhere").await;
    let lying = world.lying("Lying", &pool).await;
    let rule = world.remind(idle(&pool, 5)).await;
    assert_eq!(world.deadline(&id).await, "-");
    world.sweep().await;
    assert_eq!(world.idle_at("2026-03-06 09:59").await, 0);
    assert_eq!(world.idle_at("2026-03-06 10:00").await, 1);
    assert_eq!(world.idle_at("2026-03-10 12:00").await, 0);
    let told = &world.reminders(&id).await[0];
    assert_eq!(
        (told.rule_id.as_str(), told.days_before, told.deadline),
        (rule.id.as_str(), None, None)
    );

    world.hear(&id, "sales_record.created").await;
    assert_eq!(world.idle_at("2026-03-15 11:59").await, 0);
    assert_eq!(world.idle_at("2026-03-15 12:00").await, 1);
    // With a reclaim rule beside it there are both.
    let reclaim = ReclaimRule {
        reminders: vec![before(3, &[ReminderRecipient::Owner])],
        ..exact(&pool, 30)
    };
    create(&admin, reclaim, Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.idle_at("2026-04-06 09:00").await, 1);
    assert_eq!(
        world.reminded(&id).await,
        ["idle: bob", "idle: bob", "3 days before 2026-04-09 12:00: bob"]
    );
    // A new owner begins anew.
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "cid"))
        .await
        .unwrap();
    assert_eq!(world.idle_at("2026-04-11 09:00").await, 1);
    assert_eq!(world.reminded(&id).await[3], "idle: cid");
    for quiet in [&pooled, &lying] {
        assert_eq!(world.reminded(quiet).await, Vec::<String>::new());
    }
    world.stop().await;
}

/// R153: a win counts as something that happened, or ends it for the owner where the rule says so.
#[tokio::test]
async fn a_win_ends_it_where_the_rule_says_so() {
    let world = World::start().await;
    let (ended, first) = world.claimed("Ended").await;
    let (put_off, second) = world.claimed("Put off").await;
    world
        .remind(ReminderRule {
            until_won: true,
            ..idle(&first, 5)
        })
        .await;
    world.remind(idle(&second, 5)).await;
    world.go_to("2026-03-03 10:00");
    for id in [&ended, &put_off] {
        world.hear(id, "opportunity.won").await;
    }
    world.sweep().await;
    assert_eq!(world.idle_at("2026-03-08 10:00").await, 1);
    assert_eq!(world.reminded(&ended).await, Vec::<String>::new());
    // It was his win; the next owner has none yet.
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&ended, "cid"))
        .await
        .unwrap();
    assert_eq!(world.idle_at("2026-03-13 10:00").await, 1);
    assert_eq!(world.reminded(&ended).await, ["idle: cid"]);
    world.stop().await;
}

/// R153, R155, R190: every day at the tenant's time until something happens; so it is always where only new customers
/// count, and these grow out of it.
#[tokio::test]
async fn reminders_that_nothing_happens_are_repeated_daily() {
    let world = World::start().await;
    let (id, first) = world.claimed("Daily").await;
    let (young, second) = world.claimed("Young").await;
    world
        .remind(ReminderRule {
            repeat_daily: true,
            ..idle(&first, 5)
        })
        .await;
    let window = ReminderRule {
        created_within_months: Some(1),
        ..idle(&second, 28)
    };
    world.remind(window).await;
    world.sweep().await;
    assert_eq!(world.idle_at("2026-03-06 10:00").await, 1);
    assert_eq!(world.idle_at("2026-03-07 08:59").await, 0);
    assert_eq!(world.idle_at("2026-03-07 09:00").await, 1);
    assert_eq!(world.idle_at("2026-03-08 09:00").await, 1);
    // A worker that was away for days reminds once.
    assert_eq!(world.idle_at("2026-03-12 12:00").await, 1);
    assert_eq!(world.idle_at("2026-03-13 08:00").await, 0);
    world.hear(&id, "sales_record.created").await;
    assert_eq!(world.idle_at("2026-03-14 09:00").await, 0);
    world.hear(&id, "sales_record.created").await;

    for (at, times) in [
        ("2026-03-29 10:00", 1),
        ("2026-03-30 09:00", 2),
        ("2026-04-01 09:00", 3),
        ("2026-04-02 09:00", 3),
    ] {
        world.go_to(at);
        world.sweep().await;
        assert_eq!(world.reminders(&young).await.len(), times, "{at}");
    }
    world.stop().await;
}

/// R154: of accounts outside pools the rules of all departments of the owner remind, and of those above that say so;
/// those of a pool are for its accounts alone.
#[tokio::test]
async fn departments_remind_of_accounts_outside_pools() {
    let world = World::start().await;
    let admin = world.server.admin();
    let departments = vec![
        department("company", ""),
        department("sales", "company"),
        department("service", ""),
    ];
    push_departments(&admin, departments).await;
    let bob = User {
        primary_department: "sales".into(),
        other_departments: vec!["service".into()],
        supervisor: "ann".into(),
        ..user("bob")
    };
    push_users(&admin, vec![bob]).await;
    let pool = world.pool(open_pool("North")).await;
    let (own, pooled) = (
        world.create("Own", "", "bob").await.id,
        world.create("Pooled", &pool, "bob").await.id,
    );
    let of = |department: &str, days: i32| ReminderRule {
        pool_id: String::new(),
        department_id: department.into(),
        ..idle("", days)
    };
    let below = |rule: ReminderRule, recipient: ReminderRecipient| ReminderRule {
        include_sub_departments: true,
        recipients: vec![recipient.into()],
        ..rule
    };
    world.remind(of("sales", 3)).await;
    world.remind(of("service", 4)).await;
    world
        .remind(below(of("company", 5), ReminderRecipient::Supervisor))
        .await;
    // Not for departments below.
    world.remind(of("company", 2)).await;
    let graded = ReminderRule {
        condition: "account.grade == \"A\"".into(),
        ..of("sales", 1)
    };
    world.remind(graded).await;
    world.sweep().await;
    for (at, number) in [
        ("2026-03-03 10:00", 0),
        ("2026-03-04 10:00", 1),
        ("2026-03-05 10:00", 1),
        ("2026-03-06 10:00", 1),
    ] {
        assert_eq!(world.idle_at(at).await, number, "{at}");
    }
    assert_eq!(world.reminded(&own).await, ["idle: bob", "idle: bob", "idle: ann"]);
    assert_eq!(world.reminded(&pooled).await, Vec::<String>::new());
    // Whoever comes to meet a condition late is late at once.
    let grade = Account {
        id: own.clone(),
        grade: "A".into(),
        ..Account::default()
    };
    world.change(grade, &["grade"]).await;
    assert_eq!(world.sweep().await.reminded, 1);
    // A move to another department takes him out of its rules.
    push_users(&admin, vec![user("bob")]).await;
    world.hear(&own, "sales_record.created").await;
    world.sweep().await;
    assert_eq!(world.idle_at("2026-03-31 10:00").await, 0);
    world.stop().await;
}
