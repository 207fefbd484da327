//! What each further field of a rule does to the deadline.

use super::{create, exact, update};
use crate::{
    build::fields,
    world::{World, assign, give_back, open_pool},
};
use tidepool::rpc::proto::{
    Account, AdvanceReminder, CombineMode, DayCounting, GradeDays, ReclaimAction, ReclaimRule, ReminderRecipient,
};

fn grade(name: &str, follow_up_days: i32) -> GradeDays {
    GradeDays {
        grade: name.into(),
        follow_up_days: Some(follow_up_days),
        ..GradeDays::default()
    }
}

/// R150, T33: days by grade; one that is not named has the general ones; whoever is upgraded has a day.
#[tokio::test]
async fn days_differ_by_grade() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        grade_days: vec![grade("A", 15), grade("B", 30)],
        ..exact(&pool, 60)
    };
    create(&admin, rule, Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-04-30 10:00");
    let account = |grade: &str| Account {
        id: id.clone(),
        grade: grade.into(),
        ..Account::default()
    };
    world.go_to("2026-03-21 10:00");
    for (grade, deadline) in [
        ("C", "2026-04-30 10:00"),
        ("B", "2026-03-31 10:00"),
        ("A", "2026-03-22 10:00"),
    ] {
        world.change(account(grade), &["grade"]).await;
        assert_eq!(world.deadline(&id).await, deadline, "{grade}");
    }
    world.stop().await;
}

/// R147, D03, D04 (3.3): where a rule names no cutoff, the tenant's counts, which is 09:00 unless changed; `NONE` is at once.
#[tokio::test]
async fn reclaims_take_effect_at_the_cutoff() {
    let world = World::start().await;
    let admin = world.server.admin();
    let mut ids = vec![];
    for (at, claimed) in ["2026-03-02 00:00", "2026-03-02 09:00", "2026-03-02 09:01"]
        .iter()
        .enumerate()
    {
        world.go_to(claimed);
        for cutoff in ["", "NONE", "00:00"] {
            let (id, pool) = world.claimed(&format!("Card {at}, cutoff {cutoff:?}")).await;
            let rule = ReclaimRule {
                cutoff: cutoff.into(),
                ..exact(&pool, 7)
            };
            let rule = create(&admin, rule, Some(true)).await.unwrap();
            assert_eq!(rule.cutoff, cutoff);
            ids.push(id);
        }
    }
    world.sweep().await;
    let mut found = vec![];
    for id in &ids {
        found.push(world.deadline(id).await);
    }
    let wanted = [
        ["2026-03-09 09:00", "2026-03-09 00:00", "2026-03-09 00:00"],
        ["2026-03-09 09:00", "2026-03-09 09:00", "2026-03-10 00:00"],
        ["2026-03-10 09:00", "2026-03-09 09:01", "2026-03-10 00:00"],
    ];
    assert_eq!(found, wanted.concat());
    // Another one of the tenant's moves what follows it, and nothing else.
    let settings = tidepool::rpc::proto::TenantSettings {
        default_cutoff: "18:00".into(),
        ..Default::default()
    };
    world.settings(settings, &["settings.default_cutoff"]).await;
    world.sweep().await;
    assert_eq!(world.deadline(&ids[0]).await, "2026-03-09 18:00");
    assert_eq!(world.deadline(&ids[1]).await, "2026-03-09 00:00");
    world.stop().await;
}

/// D51: the hard cap takes an account whatever its owner does; without it the last follow-up counts.
#[tokio::test]
async fn the_hard_cap_counts_from_the_beginning() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let capped = ReclaimRule {
        max_hold_days: Some(40),
        ..exact(&pool, 30)
    };
    let rule = create(&admin, capped, Some(true)).await.unwrap();
    // Alone it is enough for a rule.
    let (only, elsewhere) = world.claimed("Only").await;
    let alone = ReclaimRule {
        follow_up_days: None,
        max_hold_days: Some(50),
        ..exact(&elsewhere, 0)
    };
    create(&admin, alone, Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    world.go_to("2026-03-25 10:00");
    for id in [&id, &only] {
        world.hear(id, "sales_record.created").await;
    }
    assert_eq!(world.deadline(&id).await, "2026-04-10 10:00");
    assert_eq!(world.deadline(&only).await, "2026-04-20 10:00");
    let uncapped = ReclaimRule {
        max_hold_days: None,
        etag: String::new(),
        ..rule
    };
    update(&admin, uncapped, &["max_hold_days"], Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-04-24 10:00");
    world.stop().await;
}

/// R192: a rule that names its follow-up kinds hears no others; wins always count.
#[tokio::test]
async fn a_rule_narrows_what_counts_as_follow_up() {
    let world = World::start().await;
    let (id, pool) = world.claimed("Acme").await;
    let narrow = ReclaimRule {
        follow_up_kinds: vec!["contact_record.added".into()],
        ..exact(&pool, 30)
    };
    create(&world.server.admin(), narrow, Some(true)).await.unwrap();
    world.sweep().await;
    world.go_to("2026-03-05 10:00");
    world.hear(&id, "sales_record.created").await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    world.go_to("2026-03-06 10:00");
    world.hear(&id, "contact_record.added").await;
    assert_eq!(world.deadline(&id).await, "2026-04-05 10:00");
    world.go_to("2026-03-07 10:00");
    world.hear(&id, "opportunity.won").await;
    assert_eq!(world.deadline(&id).await, "2026-04-06 10:00");
    world.stop().await;
}

/// R191, R177: an activity of a kind that the rule names reclaims at once, whatever the days say; by hand it is returned under
/// every rule.
#[tokio::test]
async fn an_activity_reclaims_at_once() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..exact(&pool, 30)
    };
    create(&admin, rule, Some(true)).await.unwrap();
    let (other, elsewhere) = world.claimed("Other").await;
    let days = ReclaimRule {
        follow_up_days: None,
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..exact(&elsewhere, 0)
    };
    create(&admin, days, Some(true)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&other).await, "-");
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&other))
        .await
        .unwrap();
    world.go_to("2026-03-05 10:00");
    world.hear(&id, "customer.opted_out").await;
    assert_eq!(world.deadline(&id).await, "2026-03-05 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    // It was about the owner who has gone.
    world.go_to("2026-03-06 10:00");
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "cid"))
        .await
        .unwrap();
    assert_eq!(world.deadline(&id).await, "2026-04-05 10:00");
    world.stop().await;
}

/// X17: whoever gets an account back within the rule's days goes on with his old clock; later he begins anew.
#[tokio::test]
async fn to_and_fro_starts_no_clock() {
    let world = World::start().await;
    let (id, pool) = world.claimed("Acme").await;
    let rule = ReclaimRule {
        no_restart_days: Some(7),
        ..exact(&pool, 30)
    };
    create(&world.server.admin(), rule, Some(true)).await.unwrap();
    let to = async |user: &str| {
        world
            .user("ann")
            .circulation()
            .assign_account(assign(&id, user))
            .await
            .unwrap();
        world.deadline(&id).await
    };
    world.go_to("2026-03-11 10:00");
    assert_eq!(to("cid").await, "2026-04-10 10:00");
    world.go_to("2026-03-18 10:00");
    assert_eq!(to("bob").await, "2026-03-31 10:00");
    world.go_to("2026-03-20 10:00");
    assert_eq!(to("cid").await, "2026-04-10 10:00");
    world.go_to("2026-03-28 10:00");
    assert_eq!(to("bob").await, "2026-04-27 10:00");
    world.stop().await;
}

/// R131, R135, R141, R147-R150, R190-R192: every field is stored as it was given.
#[tokio::test]
async fn every_field_is_read_back() {
    let world = World::start().await;
    let admin = world.server.admin();
    let (north, south) = (
        world.pool(open_pool("North")).await,
        world.pool(open_pool("South")).await,
    );
    let whole = ReclaimRule {
        display_name: "Whole".into(),
        priority: 3,
        action: ReclaimAction::Reclaim.into(),
        condition: "account.grade in [\"A\", \"B\"]".into(),
        created_within_months: Some(120),
        first_contact_days: Some(3),
        close_days: Some(9999),
        combine: CombineMode::Either.into(),
        grade_days: vec![
            GradeDays {
                first_contact_days: Some(2),
                close_days: Some(40),
                ..grade("A", 15)
            },
            grade("B", 20),
        ],
        cutoff: "23:59".into(),
        day_counting: DayCounting::Business.into(),
        max_hold_days: Some(400),
        contract_end_days: Some(1),
        follow_up_kinds: vec!["call.made".into(), "visit.done".into()],
        reclaim_kinds: vec!["customer.opted_out".into()],
        no_restart_days: Some(14),
        target_pool_id: south,
        reminders: vec![AdvanceReminder {
            days_before: 14,
            recipients: vec![ReminderRecipient::Owner.into()],
        }],
        repeat_daily: true,
        ..exact(&north, 30)
    };
    let made = create(&admin, whole.clone(), Some(true)).await.unwrap();
    let given = ReclaimRule {
        id: made.id.clone(),
        enabled: true,
        after_win: made.after_win,
        etag: made.etag.clone(),
        create_time: made.create_time,
        update_time: made.update_time,
        ..whole
    };
    assert_eq!(made, given);
    // And replaced as a whole.
    let bare = ReclaimRule {
        id: made.id.clone(),
        priority: 3,
        day_counting: DayCounting::Calendar.into(),
        action: ReclaimAction::Reclaim.into(),
        ..exact("", 5)
    };
    let replaced = update(&admin, bare.clone(), &["*"], Some(true)).await.unwrap();
    let wanted = ReclaimRule {
        pool_id: north,
        enabled: true,
        etag: replaced.etag.clone(),
        create_time: replaced.create_time,
        update_time: replaced.update_time,
        ..bare
    };
    assert_eq!(replaced, wanted);
    world.stop().await;
}

/// D54, R190: every number has its range, and everything that is wrong is named at once.
#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let world = World::start().await;
    let admin = world.server.admin();
    let north = world.pool(open_pool("North")).await;
    let reminder = |days_before, recipients: &[ReminderRecipient]| AdvanceReminder {
        days_before,
        recipients: recipients.iter().map(|recipient| (*recipient).into()).collect(),
    };
    let (owner, team) = (ReminderRecipient::Owner, ReminderRecipient::Team);
    let wrong = ReclaimRule {
        display_name: "x".repeat(256),
        priority: 10_000,
        condition: "account.colour".into(),
        created_within_months: Some(121),
        first_contact_days: Some(31),
        close_days: Some(10_000),
        grade_days: vec![grade("A", 0), grade("A", 20), GradeDays::default()],
        max_hold_days: Some(0),
        contract_end_days: Some(-1),
        follow_up_kinds: vec!["Call".into()],
        reclaim_kinds: vec!["a.b".into(), "a.b".into()],
        no_restart_days: Some(10_000),
        target_pool_id: north.clone(),
        reminders: vec![
            reminder(0, &[owner]),
            reminder(30, &[owner]),
            reminder(3, &[]),
            reminder(3, &[owner, team]),
        ],
        ..exact(&north, 30)
    };
    let mut named = fields(create(&admin, wrong, None).await);
    named.dedup();
    for field in [
        "display_name",
        "priority",
        "condition",
        "created_within_months",
        "first_contact_days",
        "close_days",
        "combine",
        "grade_days[1]",
        "grade_days[0].follow_up_days",
        "grade_days[2].grade",
        "max_hold_days",
        "contract_end_days",
        "follow_up_kinds[0]",
        "reclaim_kinds[1]",
        "no_restart_days",
        "target_pool_id",
        "reminders[3]",
        "reminders[0].days_before",
        "reminders[1].days_before",
        "reminders[2].recipients",
        "reminders[3].recipients",
    ] {
        assert!(named.contains(&format!("reclaim_rule.{field}")), "{field}: {named:?}");
    }
    // What cannot even be read is named together too.
    let unreadable = ReclaimRule {
        cutoff: "9:00".into(),
        day_counting: 9,
        reminders: vec![AdvanceReminder {
            days_before: 1,
            recipients: vec![0, 9],
        }],
        ..exact(&north, 30)
    };
    assert_eq!(
        fields(create(&admin, unreadable, None).await),
        [
            "reclaim_rule.day_counting",
            "reclaim_rule.cutoff",
            "reclaim_rule.reminders[0].recipients[0]",
            "reclaim_rule.reminders[0].recipients[1]"
        ]
    );
    // A rule that never reclaims counts nothing.
    let never = ReclaimRule {
        action: ReclaimAction::NoReclaim.into(),
        max_hold_days: Some(1),
        repeat_daily: true,
        ..exact(&north, 30)
    };
    assert_eq!(fields(create(&admin, never, None).await).len(), 4);
    let nothing = ReclaimRule {
        follow_up_days: None,
        ..exact(&north, 0)
    };
    assert_eq!(
        fields(create(&admin, nothing, None).await),
        ["reclaim_rule.follow_up_days"]
    );
    world.stop().await;
}
