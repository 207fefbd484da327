//! What a preview says of a change of rules, and that it is what the replan then does.

use super::{exact, instant};
use crate::{
    harness::Refused,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        self, GradeDays, ReclaimRule, ReclaimRuleEffect, ReclaimRulePreview,
        preview_reclaim_rule_change_request::Change,
    },
};
use tonic::{Code, Status};

async fn preview(world: &World, who: &str, change: Change) -> Result<ReclaimRulePreview, Status> {
    let request = proto::PreviewReclaimRuleChangeRequest { change: Some(change) };
    let mut client = world.user(who).retention();
    let answer = client.preview_reclaim_rule_change(request).await?;
    Ok(answer.into_inner().preview.unwrap())
}

fn update(rule: &ReclaimRule, days: i32) -> proto::UpdateReclaimRuleRequest {
    proto::UpdateReclaimRuleRequest {
        reclaim_rule: Some(ReclaimRule {
            follow_up_days: Some(days),
            grade_days: vec![],
            ..rule.clone()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["follow_up_days".into(), "grade_days".into()],
        }),
        ..Default::default()
    }
}

fn counts(effect: &ReclaimRuleEffect) -> [i32; 7] {
    [
        effect.affected_count,
        effect.earlier_count,
        effect.later_count,
        effect.gained_count,
        effect.lost_count,
        effect.notice_count,
        effect.overdue_count,
    ]
}

type Deadline = Option<DateTime<Utc>>;
type Deadlines = BTreeMap<String, Deadline>;

async fn deadlines(world: &World, ids: &[String]) -> Deadlines {
    let mut all = Deadlines::new();
    for id in ids {
        all.insert(id.clone(), world.reclaim_instant(id).await);
    }
    all
}

/// Sets grades as CRM admins do.
async fn grade(world: &World, id: &str, grade: &str) {
    let request = proto::UpdateAccountRequest {
        account: Some(proto::Account {
            id: id.into(),
            grade: grade.into(),
            ..proto::Account::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["grade".into()],
        }),
        ..Default::default()
    };
    world.server.admin().accounts().update_account(request).await.unwrap();
}

/// Accounts of different age and grade under one rule, 25 days after the first was given away.
async fn shop() -> (World, ReclaimRule, Vec<String>) {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let elsewhere = world.pool(open_pool("South")).await;
    let rule = world
        .rule(ReclaimRule {
            condition: "account.grade != \"C\"".into(),
            grade_days: vec![GradeDays {
                grade: "A".into(),
                follow_up_days: Some(60),
                ..GradeDays::default()
            }],
            ..exact(&pool, 30)
        })
        .await;
    world.rule(exact(&elsewhere, 10)).await;
    world.given("Elsewhere", &elsewhere, "bob").await;
    world.lying("Lying", &pool).await;
    let mut ids = Vec::new();
    for (at, of_grade) in (0..).zip(["", "A", "B", "C", "", "A", "B", "C", "", "A"]) {
        let id = world.given(&format!("Card {at}"), &pool, "bob").await;
        if !of_grade.is_empty() {
            grade(&world, &id, of_grade).await;
        }
        ids.push(id);
        world.server.clock.advance(TimeDelta::hours(58));
    }
    (world, rule, ids)
}

/// X09, 3.4, R139: what the preview says is what the replan then does, with past days and without; the preview itself does
/// nothing.
#[tokio::test]
async fn a_preview_says_what_the_replan_does() {
    for past in [true, false] {
        let (world, rule, ids) = shop().await;
        let before = deadlines(&world, &ids).await;
        let asked = preview(&world, "root", Change::Update(update(&rule, 20)))
            .await
            .unwrap();
        assert_eq!((asked.account_count, asked.complete), (10, true));
        assert_eq!(deadlines(&world, &ids).await, before);
        assert_eq!(world.sweep().await.replanned, 0);
        let said = if past {
            asked.including_past_days
        } else {
            asked.excluding_past_days
        }
        .unwrap();

        let request = proto::UpdateReclaimRuleRequest {
            include_past_days: Some(past),
            ..update(&rule, 20)
        };
        let mut rules = world.server.admin().retention_rules();
        rules.update_reclaim_rule(request).await.unwrap();
        world.sweep().await;
        let after = deadlines(&world, &ids).await;
        let moved = |fits: fn(&Deadline, &Deadline) -> bool| {
            let pairs = before.iter().zip(after.values());
            i32::try_from(pairs.filter(|((_, old), new)| fits(old, new)).count()).unwrap()
        };
        let notice = world.server.clock.now() + TimeDelta::days(1);
        let noticed = after.values().filter(|at| **at == Some(notice)).count();
        let expected = [
            moved(|old, new| old != new),
            moved(|old, new| old.zip(*new).is_some_and(|(old, new)| new < old)),
            moved(|old, new| old.zip(*new).is_some_and(|(old, new)| new > old)),
            moved(|old, new| old.is_none() && new.is_some()),
            moved(|old, new| old.is_some() && new.is_none()),
            i32::try_from(noticed).unwrap(),
        ];
        assert_eq!(counts(&said)[..6], expected, "{past}");
        assert_eq!(
            counts(&said),
            if past {
                [8, 8, 0, 0, 0, 3, 2]
            } else {
                [8, 5, 3, 0, 0, 0, 0]
            }
        );
        let sampled: Deadlines = said
            .samples
            .iter()
            .map(|sample| (sample.account_id.clone(), instant(sample.new_reclaim_time)))
            .collect();
        assert_eq!(sampled.len(), 8);
        for sample in &said.samples {
            assert_eq!(instant(sample.old_reclaim_time), before[&sample.account_id]);
            assert_eq!(instant(sample.new_reclaim_time), after[&sample.account_id]);
            assert_eq!(sample.owner, "bob");
        }
        assert!(said.samples.is_sorted_by_key(|sample| instant(sample.new_reclaim_time)));
        world.stop().await;
    }
}

/// X09: every change can be asked about; what accounts gain and lose is counted.
#[tokio::test]
async fn every_change_has_a_preview() {
    let (world, rule, _) = shop().await;
    let effect = |asked: ReclaimRulePreview| {
        let (with, without) = (asked.including_past_days.unwrap(), asked.excluding_past_days.unwrap());
        (counts(&with), counts(&without))
    };
    let asked = async |change| effect(preview(&world, "root", change).await.unwrap());
    let id = rule.id.clone();
    let off = proto::DisableReclaimRuleRequest {
        reclaim_rule_id: id.clone(),
        ..Default::default()
    };
    let lost = [8, 0, 0, 0, 8, 0, 0];
    assert_eq!(asked(Change::Disable(off.clone())).await, (lost, lost));
    let gone = proto::DeleteReclaimRuleRequest {
        reclaim_rule_id: id.clone(),
        ..Default::default()
    };
    assert_eq!(asked(Change::Delete(gone)).await, (lost, lost));
    let second = proto::CreateReclaimRuleRequest {
        reclaim_rule: Some(exact(&rule.pool_id, 10)),
        ..Default::default()
    };
    // Those of grade C had no rule; the older one is overdue.
    let (with, without) = asked(Change::Create(second.clone())).await;
    assert_eq!((with, without), ([2, 0, 0, 2, 0, 1, 1], [2, 0, 0, 2, 0, 0, 0]));
    let mut rules = world.server.admin().retention_rules();
    let second = rules
        .create_reclaim_rule(second)
        .await
        .unwrap()
        .into_inner()
        .reclaim_rule
        .unwrap();
    world.sweep().await;
    let order = proto::ReorderReclaimRulesRequest {
        pool_id: rule.pool_id.clone(),
        places: [&second.id, &id]
            .map(|id| proto::ReclaimRulePlace {
                reclaim_rule_id: id.clone(),
                ..Default::default()
            })
            .into(),
        ..Default::default()
    };
    let (with, without) = asked(Change::Reorder(order)).await;
    assert_eq!((with, with[0]), (without, 8));
    rules.disable_reclaim_rule(off).await.unwrap();
    world.sweep().await;
    let on = proto::EnableReclaimRuleRequest {
        reclaim_rule_id: id,
        ..Default::default()
    };
    let (with, without) = asked(Change::Enable(on)).await;
    // The oldest goes before the ten days that it has under the other rule, unless all begin anew.
    assert_eq!((with[1], with[2], without[2]), (1, 7, 8));
    world.stop().await;
}

/// What is wrong with a change is said by its preview as by the change itself; only CRM admins ask.
#[tokio::test]
async fn a_preview_refuses_what_the_change_refuses() {
    let (world, rule, _) = shop().await;
    for who in ["ann", "bob"] {
        let asked = preview(&world, who, Change::Update(update(&rule, 20))).await;
        asked.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let wrong = preview(&world, "root", Change::Update(update(&rule, 0))).await;
    let named = wrong.violations();
    assert!(
        named[0].starts_with("update.reclaim_rule.follow_up_days: "),
        "{named:?}"
    );
    let old = ReclaimRule {
        etag: "77".into(),
        ..rule.clone()
    };
    let stale = preview(&world, "root", Change::Update(update(&old, 20))).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let mut client = world.server.admin().retention();
    let nothing = client
        .preview_reclaim_rule_change(proto::PreviewReclaimRuleChangeRequest { change: None })
        .await;
    assert_eq!(nothing.violations(), ["change: must be set"]);
    let missing = proto::DeleteReclaimRuleRequest {
        reclaim_rule_id: "0190a2f0-0000-7000-8000-000000000000".into(),
        ..Default::default()
    };
    let missing = preview(&world, "root", Change::Delete(missing)).await;
    missing.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// A preview reads pages of accounts and nothing else.
#[tokio::test]
async fn a_preview_reads_pages() {
    let (world, rule, _) = shop().await;
    preview(&world, "root", Change::Update(update(&rule, 20)))
        .await
        .unwrap();
    let before = world.server.db().statements();
    preview(&world, "root", Change::Update(update(&rule, 20)))
        .await
        .unwrap();
    // The revisions, a page, and the empty one after it.
    assert_eq!(world.server.db().statements() - before, 3);
    world.stop().await;
}
