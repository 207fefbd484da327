//! The worked examples of changes: of a rule, with past days and without, and of what it looks at.

use super::{Card, Steps, at, at_nine, exact, go_to};
use crate::{
    reclaim_rules,
    rules::{create, update},
    world::World,
};
use tidepool::rpc::proto::{self, Account, GradeDays, ReclaimRule};

impl Card<'_> {
    /// A change, and what follows it in the background.
    pub(super) async fn changes(&mut self, what: &str) {
        let admin = self.world.server.admin();
        let past = Some(!what.ends_with(" anew"));
        let what = what.strip_suffix(" anew").unwrap_or(what);
        match what {
            "out of use" => {
                reclaim_rules::disable(&admin, &self.rule.id, "").await.unwrap();
            }
            "in use" => {
                let request = proto::EnableReclaimRuleRequest {
                    reclaim_rule_id: self.rule.id.clone(),
                    include_past_days: past,
                    ..Default::default()
                };
                admin.retention_rules().enable_reclaim_rule(request).await.unwrap();
            }
            "a rule by default" | "a rule" => {
                let past = past.filter(|_| what == "a rule");
                self.rule = create(&admin, exact(&self.pool, 30), past).await.unwrap();
            }
            "grade A" => {
                let account = Account {
                    id: self.account.clone(),
                    grade: "A".into(),
                    ..Account::default()
                };
                self.world.change(account, &["grade"]).await;
            }
            days => {
                let days = days.strip_suffix(" days").and_then(|days| days.parse().ok());
                let rule = ReclaimRule {
                    id: self.rule.id.clone(),
                    follow_up_days: Some(days.unwrap_or_else(|| panic!("{what}"))),
                    ..ReclaimRule::default()
                };
                update(&admin, rule, &["follow_up_days"], past).await.unwrap();
            }
        }
        self.world.sweep().await;
        assert_ne!(self.owner().await, "", "{}: {what}", self.name);
    }
}

/// T20-T32, R139, R140, D01, D02: claimed on 03-01 10:00, or in December, with a rule of 30 days or none; then it changes.
#[tokio::test]
async fn t20_to_t32_changes_come_to_what_the_examples_say() {
    let thirty = || Some(exact("", 30));
    let march: &str = "03-01 10:00";
    let december = "2025-12-01 10:00";
    #[rustfmt::skip]
    let table: &[(&str, Option<ReclaimRule>, &str, Steps<'_>, &str)] = &[
        ("T20", thirty(), march, &[], "03-31 10:00"),
        ("T21", thirty(), march, &[("03-11 10:00", "25 days")], "03-26 10:00"),
        ("T22", thirty(), march, &[("03-11 10:00", "25 days anew")], "04-05 10:00"),
        ("T23", thirty(), march, &[("03-11 10:00", "25 days anew"), ("03-15 10:00", "follow-up")], "04-09 10:00"),
        ("T24", thirty(), march, &[("03-11 10:00", "25 days"), ("03-15 10:00", "follow-up")], "04-09 10:00"),
        ("T25", thirty(), march, &[("03-21 10:00", "15 days")], "03-22 10:00"),
        ("T25 at nine", thirty().map(at_nine), march, &[("03-21 10:00", "15 days")], "03-23 09:00"),
        ("T26", thirty(), march, &[("03-21 10:00", "15 days anew")], "04-05 10:00"),
        ("T27", thirty(), march, &[("03-21 10:00", "45 days")], "04-15 10:00"),
        ("T28", thirty(), march, &[("03-21 10:00", "45 days anew")], "05-05 10:00"),
        ("T29", thirty(), march, &[("03-26 10:00", "25 days")], "03-27 10:00"),
        ("T30", thirty(), march, &[("03-11 10:00", "25 days anew"), ("03-21 10:00", "20 days")], "03-31 10:00"),
        ("T31", thirty(), march, &[("03-11 10:00", "out of use"), ("03-21 10:00", "in use")], "03-31 10:00"),
        ("T31 anew", thirty(), march, &[("03-11 10:00", "out of use"), ("03-21 10:00", "in use anew")], "04-20 10:00"),
        ("T32", None, december, &[("03-21 10:00", "a rule by default")], "04-20 10:00"),
        ("T32 anew", None, december, &[("03-21 10:00", "a rule anew")], "04-20 10:00"),
        ("T32 with past days", None, december, &[("03-21 10:00", "a rule")], "03-22 10:00"),
    ];
    let world = World::start().await;
    for (name, rule, claimed, steps, deadline) in table {
        go_to(&world, at("2025-11-30 10:00"));
        let mut card = Card::lying(&world, name, rule.clone()).await;
        card.play(&[(claimed, "bob claims")]).await;
        card.play(steps).await;
        card.ends(deadline).await;
    }
    world.stop().await;
}

/// T33, R150: 60 days, of grade A 15, of which it is since 03-21: overdue by that, and so he has a day.
#[tokio::test]
async fn t33_a_better_grade_leaves_a_day() {
    let rule = ReclaimRule {
        grade_days: vec![GradeDays {
            grade: "A".into(),
            follow_up_days: Some(15),
            ..GradeDays::default()
        }],
        ..exact("", 60)
    };
    let world = World::start().await;
    let steps: [(Steps<'_>, &str); 2] = [(&[], "04-30 10:00"), (&[("03-21 10:00", "grade A")], "03-22 10:00")];
    for (steps, deadline) in steps {
        go_to(&world, at("03-01 10:00"));
        let mut card = Card::lying(&world, deadline, Some(rule.clone())).await;
        card.play(&[("03-01 10:00", "bob claims")]).await;
        card.play(steps).await;
        card.ends(deadline).await;
    }
    world.stop().await;
}
