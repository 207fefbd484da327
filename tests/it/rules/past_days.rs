//! A rule changes: whether past days count, and the notice that owners get.

use super::{create, exact, update};
use crate::{
    harness::{Client, Refused},
    reclaim_rules,
    world::World,
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ReclaimRule},
};
use tonic::{Code, Status};

/// The same rule with other days.
async fn days(client: &Client, rule: &ReclaimRule, days: i32, past: Option<bool>) -> Result<ReclaimRule, Status> {
    let rule = ReclaimRule {
        id: rule.id.clone(),
        follow_up_days: Some(days),
        ..ReclaimRule::default()
    };
    update(client, rule, &["follow_up_days"], past).await
}

/// An account that `bob` claimed now, in a pool with a rule of 30 days.
async fn thirty(world: &World, name: &str) -> (String, ReclaimRule) {
    let (account, pool) = world.claimed(name).await;
    let rule = create(&world.server.admin(), exact(&pool, 30), Some(true))
        .await
        .unwrap();
    world.sweep().await;
    (account, rule)
}

async fn enable(client: &Client, rule: &ReclaimRule, past: Option<bool>) -> Result<ReclaimRule, Status> {
    let request = proto::EnableReclaimRuleRequest {
        reclaim_rule_id: rule.id.clone(),
        include_past_days: past,
        ..Default::default()
    };
    let enabled = client.retention_rules().enable_reclaim_rule(request).await?;
    Ok(enabled.into_inner().reclaim_rule.unwrap())
}

/// R139, R140, D01, T20-T24, T30: after 10 of 30 days the rule says 25. With past days 15 are left, without them 25; once
/// something happens it is the same.
#[tokio::test]
async fn past_days_count_or_do_not() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (t20, _) = thirty(&world, "T20").await;
    let (t21, included) = thirty(&world, "T21").await;
    let (t22, anew) = thirty(&world, "T22").await;
    let (t23, anew_then_heard) = thirty(&world, "T23").await;
    let (t24, included_then_heard) = thirty(&world, "T24").await;
    let (t30, mixed) = thirty(&world, "T30").await;
    assert_eq!(world.deadline(&t20).await, "2026-03-31 10:00");

    world.go_to("2026-03-11 10:00");
    for rule in [&included, &included_then_heard] {
        days(&admin, rule, 25, Some(true)).await.unwrap();
    }
    for rule in [&anew, &anew_then_heard, &mixed] {
        let changed = days(&admin, rule, 25, Some(false)).await.unwrap();
        assert_eq!(super::shown(changed.clock_floor_time), "2026-03-11 10:00");
    }
    world.sweep().await;
    for (account, deadline) in [
        (&t20, "2026-03-31 10:00"),
        (&t21, "2026-03-26 10:00"),
        (&t22, "2026-04-05 10:00"),
    ] {
        assert_eq!(world.deadline(account).await, deadline);
    }

    world.go_to("2026-03-15 10:00");
    for account in [&t23, &t24] {
        world.hear(account, "sales_record.created").await;
        assert_eq!(world.deadline(account).await, "2026-04-09 10:00");
    }

    world.go_to("2026-03-21 10:00");
    days(&admin, &mixed, 20, Some(true)).await.unwrap();
    world.sweep().await;
    // The days that were given up on the 11th stay given up.
    assert_eq!(world.deadline(&t30).await, "2026-03-31 10:00");
    world.stop().await;
}

/// D02: an activity that comes between a change of rules and the computation of deadlines takes nobody's day away.
#[tokio::test]
async fn an_activity_after_a_change_leaves_the_day() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (account, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        follow_up_days: None,
        close_days: Some(60),
        ..exact(&pool, 0)
    };
    let rule = create(&admin, rule, Some(true)).await.unwrap();
    world.sweep().await;
    world.go_to("2026-03-21 10:00");
    let shorter = ReclaimRule {
        close_days: Some(10),
        ..rule
    };
    update(&admin, shorter, &["close_days"], Some(true)).await.unwrap();
    // It does nothing to days without a win, which by the new rule are over since the 11th.
    world.hear(&account, "sales_record.created").await;
    assert_eq!(world.deadline(&account).await, "2026-03-22 10:00");
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.go_to("2026-03-22 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    world.stop().await;
}

/// D02, R149: nor does one that comes after an account outgrew a rule and before the worker saw that.
#[tokio::test]
async fn an_activity_of_an_account_that_outgrew_a_rule_leaves_the_day() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (account, pool) = world.claimed("Acme").await;
    let young = ReclaimRule {
        created_within_months: Some(1),
        ..exact(&pool, 300)
    };
    let old = ReclaimRule {
        follow_up_days: None,
        close_days: Some(10),
        ..exact(&pool, 0)
    };
    for rule in [young, old] {
        create(&admin, rule, Some(true)).await.unwrap();
    }
    world.sweep().await;
    world.go_to("2026-04-02 10:00");
    world.hear(&account, "sales_record.created").await;
    assert_eq!(world.deadline(&account).await, "2026-04-03 10:00");
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.go_to("2026-04-03 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    world.stop().await;
}

/// D02, T25-T29: whoever's days are over by a change has a day, to the next cutoff; longer rules give what they say.
#[tokio::test]
async fn a_change_gives_a_day_at_least() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (t25, shorter) = thirty(&world, "T25").await;
    let (t25_nine, shorter_at_nine) = thirty(&world, "T25 at nine").await;
    let (t26, shorter_anew) = thirty(&world, "T26").await;
    let (t27, longer) = thirty(&world, "T27").await;
    let (t28, longer_anew) = thirty(&world, "T28").await;
    let (t29, to_the_minute) = thirty(&world, "T29").await;

    world.go_to("2026-03-21 10:00");
    days(&admin, &shorter, 15, Some(true)).await.unwrap();
    let at_nine = ReclaimRule {
        id: shorter_at_nine.id.clone(),
        follow_up_days: Some(15),
        cutoff: "09:00".into(),
        ..ReclaimRule::default()
    };
    update(&admin, at_nine, &["follow_up_days", "cutoff"], Some(true))
        .await
        .unwrap();
    days(&admin, &shorter_anew, 15, Some(false)).await.unwrap();
    days(&admin, &longer, 45, Some(true)).await.unwrap();
    days(&admin, &longer_anew, 45, Some(false)).await.unwrap();
    assert_eq!(world.sweep().await.reclaimed, 0);
    for (account, deadline) in [
        (&t25, "2026-03-22 10:00"),
        (&t25_nine, "2026-03-23 09:00"),
        (&t26, "2026-04-05 10:00"),
        (&t27, "2026-04-15 10:00"),
        (&t28, "2026-05-05 10:00"),
    ] {
        assert_eq!(world.deadline(account).await, deadline);
    }

    world.go_to("2026-03-26 10:00");
    days(&admin, &to_the_minute, 25, Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.ownership(&t29).await.owner, "bob");
    assert_eq!(world.deadline(&t29).await, "2026-03-27 10:00");
    world.stop().await;
}

/// T31: a rule that was out of use for ten days.
#[tokio::test]
async fn days_without_the_rule_count_or_do_not() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (kept, with_past) = thirty(&world, "with").await;
    let (anew, without_past) = thirty(&world, "without").await;
    world.go_to("2026-03-11 10:00");
    for rule in [&with_past, &without_past] {
        reclaim_rules::disable(&admin, &rule.id, "").await.unwrap();
    }
    world.sweep().await;
    assert_eq!(
        (world.deadline(&kept).await, world.deadline(&anew).await),
        ("-".into(), "-".into())
    );
    world.go_to("2026-03-21 10:00");
    let silent = enable(&admin, &with_past, None).await;
    silent.refused(Code::InvalidArgument, Reason::IncludePastDaysRequired);
    enable(&admin, &with_past, Some(true)).await.unwrap();
    enable(&admin, &without_past, Some(false)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&kept).await, "2026-03-31 10:00");
    assert_eq!(world.deadline(&anew).await, "2026-04-20 10:00");
    world.stop().await;
}

/// T32: a new rule over accounts that have been idle for months starts anew, unless it is told otherwise; then they have
/// a day.
#[tokio::test]
async fn a_new_rule_starts_anew_unless_told_otherwise() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.go_to("2025-12-01 10:00");
    let (anew, without_past) = world.claimed("without").await;
    let (idle, with_past) = world.claimed("with").await;
    world.go_to("2026-03-21 10:00");
    create(&admin, exact(&without_past, 30), None).await.unwrap();
    create(&admin, exact(&with_past, 30), Some(true)).await.unwrap();
    assert_eq!(world.sweep().await.reclaimed, 0);
    assert_eq!(world.deadline(&anew).await, "2026-04-20 10:00");
    assert_eq!(world.deadline(&idle).await, "2026-03-22 10:00");
    world.stop().await;
}

/// R139: whoever changes how clocks run has to choose; name, priority, condition, target and reminders ask nothing.
#[tokio::test]
async fn whoever_changes_clocks_chooses() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (_, rule) = thirty(&world, "North").await;
    let south = world.pool(crate::world::open_pool("South")).await;
    let rule = ReclaimRule {
        follow_up_days: Some(20),
        first_contact_days: Some(5),
        close_days: Some(60),
        combine: proto::CombineMode::Both.into(),
        after_win: proto::AfterWin::Restart.into(),
        grade_days: vec![proto::GradeDays {
            grade: "A".into(),
            follow_up_days: Some(10),
            ..proto::GradeDays::default()
        }],
        cutoff: "08:30".into(),
        day_counting: proto::DayCounting::Business.into(),
        max_hold_days: Some(90),
        contract_end_days: Some(10),
        follow_up_kinds: vec!["call.made".into()],
        reclaim_kinds: vec!["customer.opted_out".into()],
        no_restart_days: Some(7),
        display_name: "Strict".into(),
        priority: 9,
        condition: "account.industry == \"education\"".into(),
        created_within_months: None,
        target_pool_id: south,
        reminders: vec![proto::AdvanceReminder {
            days_before: 3,
            recipients: vec![proto::ReminderRecipient::Owner.into()],
        }],
        repeat_daily: true,
        ..rule
    };
    let together = ["close_days", "combine"];
    let asking: [&[&str]; 12] = [
        &["follow_up_days"],
        &["first_contact_days"],
        &together,
        &["after_win"],
        &["grade_days"],
        &["cutoff"],
        &["day_counting"],
        &["max_hold_days"],
        &["contract_end_days"],
        &["follow_up_kinds"],
        &["reclaim_kinds"],
        &["no_restart_days"],
    ];
    let rule = ReclaimRule {
        etag: String::new(),
        ..rule
    };
    let silent = async |paths: &[&str]| update(&admin, rule.clone(), paths, None).await;
    for paths in asking {
        let details = silent(paths)
            .await
            .refused(Code::InvalidArgument, Reason::IncludePastDaysRequired);
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(
            (violations.len(), violations[0].field.as_str()),
            (1, "include_past_days"),
            "{paths:?}"
        );
    }
    let others = ["display_name", "priority", "condition", "target_pool_id"];
    for paths in others {
        silent(&[paths]).await.unwrap();
    }
    let changed = silent(&["reminders", "repeat_daily"]).await.unwrap();
    assert_eq!((changed.clock_floor_time, changed.repeat_daily), (None, true));
    world.stop().await;
}
