//! The worked examples of retention as everybody sees them: the owner does what they say at the time that they say, the
//! deadline that he reads is theirs, and the sweep takes the account then and not a microsecond before. Each row has a pool
//! with a rule of its own, and its own time: the clock goes back for the next one. Reminders (T50-T52), the cool-down (T60)
//! and working days (T70) stand with these.

mod changes;

use super::exact;
use crate::{
    activities::told,
    world::{World, assign, claim, give_back, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::rpc::proto::{
    Activity, AfterWin, CombineMode, DealStatus, Pool, ReclaimAction, ReclaimRule, RetentionExplanation,
};

/// What clocks in Shanghai show, with the year and seconds where they matter: `03-01 10:00` is in 2026.
fn at(text: &str) -> DateTime<Utc> {
    let text = if text.len() > 14 {
        text.to_owned()
    } else {
        format!("2026-{text}")
    };
    let seconds = if text.len() > 16 { "" } else { ":00" };
    let text = format!("{}{seconds}+08:00", text.replace(' ', "T"));
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// When, and what happens then.
type Steps<'a> = &'a [(&'a str, &'a str)];

/// An account with its rule.
struct Card<'a> {
    world: &'a World,
    name: String,
    pool: String,
    account: String,
    rule: ReclaimRule,
}

impl<'a> Card<'a> {
    /// Lies in a pool of its own, whose rule is made at once.
    async fn lying(world: &'a World, name: &str, rule: Option<ReclaimRule>) -> Self {
        let pool = world.pool(open_pool(name)).await;
        Self::lying_in(world, name, pool, rule).await
    }

    async fn lying_in(world: &'a World, name: &str, pool: String, rule: Option<ReclaimRule>) -> Self {
        let made = match rule {
            None => ReclaimRule::default(),
            Some(rule) => {
                let rule = ReclaimRule {
                    pool_id: pool.clone(),
                    ..rule
                };
                world.rule(rule).await
            }
        };
        let account = world.lying(name, &pool).await;
        Self {
            world,
            name: name.to_owned(),
            pool,
            account,
            rule: made,
        }
    }

    async fn play(&mut self, steps: Steps<'_>) {
        for (when, what) in steps {
            go_to(self.world, at(when));
            self.step(what).await;
        }
    }

    async fn step(&mut self, what: &str) {
        let world = self.world;
        let id = self.account.as_str();
        match what {
            "bob claims" | "cid claims" => {
                let who = what.split(' ').next().unwrap();
                let claimed = world.user(who).circulation().claim_account(claim(id)).await;
                claimed.unwrap_or_else(|refused| panic!("{}: {refused:?}", self.name));
            }
            "cid returns" => {
                let mut cid = world.user("cid").circulation();
                cid.return_account(give_back(id)).await.unwrap();
            }
            "cid gets it" => {
                let mut ann = world.user("ann").circulation();
                ann.assign_account(assign(id, "cid")).await.unwrap();
            }
            "follow-up" => self.hears("sales_record.created", world.server.clock.now()).await,
            "won" => self.hears("opportunity.won", world.server.clock.now()).await,
            "reversed" => self.hears("opportunity.reopened", world.server.clock.now()).await,
            other => match other.strip_prefix("follow-up of ") {
                Some(then) => self.hears("sales_record.created", at(then)).await,
                None => self.changes(other).await,
            },
        }
    }

    async fn hears(&self, kind: &str, then: DateTime<Utc>) {
        let event = format!("{}/{kind}/{}", self.account, then.timestamp());
        let event = Activity {
            object_id: format!("of-{}", self.account),
            ..told(&event, &self.account, kind, then)
        };
        let said = self.world.tell("crm", vec![event]).await;
        assert!(said[0].is_ok(), "{}: {said:?}", self.name);
    }

    /// The owner reads this deadline, the explanation says the same, and the account goes then. Empty means never.
    async fn ends(&self, deadline: &str) {
        let (world, name) = (self.world, &self.name);
        let due = (!deadline.is_empty()).then(|| at(deadline));
        assert_eq!(world.reclaim_instant(&self.account).await, due, "{name}");
        let found = self.explained().await;
        assert_eq!(super::instant(found.reclaim_time), due, "{name}");
        let Some(due) = due else {
            go_to(world, at("2027-12-31 10:00"));
            world.sweep().await;
            assert_ne!(self.owner().await, "", "{name}: never");
            return;
        };
        if world.server.clock.now() < due {
            go_to(world, due - TimeDelta::microseconds(1));
            world.sweep().await;
            assert_ne!(self.owner().await, "", "{name}: not before {deadline}");
            let left = world.account(&self.account).await.remaining_retention.unwrap();
            assert_eq!((left.seconds, left.nanos), (0, 1000), "{name}: the countdown");
            go_to(world, due);
        }
        world.sweep().await;
        let now = world.ownership(&self.account).await;
        assert_eq!(
            (now.owner.as_str(), &now.pool_id),
            ("", &self.pool),
            "{name}: at {deadline}"
        );
    }

    async fn owner(&self) -> String {
        self.world.ownership(&self.account).await.owner
    }

    async fn explained(&self) -> RetentionExplanation {
        self.world.user("root").explains(&self.account).await.unwrap()
    }
}

fn go_to(world: &World, then: DateTime<Utc>) {
    world.server.clock.advance(then - world.server.clock.now());
}

fn close(days: i32) -> ReclaimRule {
    ReclaimRule {
        follow_up_days: None,
        close_days: Some(days),
        ..exact("", 0)
    }
}

fn both(combine: CombineMode) -> ReclaimRule {
    ReclaimRule {
        close_days: Some(60),
        combine: combine.into(),
        ..exact("", 15)
    }
}

fn after(win: AfterWin, rule: ReclaimRule) -> ReclaimRule {
    ReclaimRule {
        after_win: win.into(),
        ..rule
    }
}

fn at_nine(rule: ReclaimRule) -> ReclaimRule {
    ReclaimRule {
        cutoff: "09:00".into(),
        ..rule
    }
}

/// T01-T18b, D05, D06, W19: claimed on 2026-03-01 10:00 in Shanghai, then what the row says. Deadline, explanation, countdown
/// and sweep are one formula.
#[tokio::test]
async fn t01_to_t18_clocks_run_as_the_examples_say() {
    use AfterWin::{Exempt, Restart};
    use CombineMode::{Both, Either};
    let (thirty, sixty) = (|| exact("", 30), || close(60));
    let (either, both) = (|| both(Either), || both(Both));
    let first = || ReclaimRule {
        first_contact_days: Some(3),
        ..exact("", 15)
    };
    let won = ("03-20 18:00", "won");
    let noon = ("03-20 12:00", "follow-up");
    let (late, won_noon) = (("05-10 12:00", "follow-up"), ("03-25 12:00", "won"));
    let earlier: Steps<'_> = &[
        ("2026-01-15 09:00", "cid claims"),
        ("2026-01-20 09:00", "won"),
        ("2026-02-01 09:00", "cid returns"),
    ];
    #[rustfmt::skip]
    let table: &[(&str, ReclaimRule, Steps<'_>, Steps<'_>, &str)] = &[
        ("T01", thirty(), &[], &[], "03-31 10:00"),
        ("T02", thirty(), &[], &[("03-11 15:30", "follow-up")], "04-10 15:30"),
        ("T03", thirty(), &[("02-20 09:00", "follow-up")], &[], "03-31 10:00"),
        ("T04", thirty(), &[], &[("03-11 15:30", "follow-up"), won], "04-19 18:00"),
        ("T05", thirty(), &[], &[("03-25 08:00", "cid gets it")], "04-24 08:00"),
        ("T06", thirty(), &[], &[("03-15 09:00", "follow-up"), ("03-16 09:00", "follow-up of 03-11 09:00")], "04-14 09:00"),
        ("T07", sixty(), &[], &[], "04-30 10:00"),
        ("T08", sixty(), &[], &[("03-11 10:00", "follow-up")], "04-30 10:00"),
        ("T09", after(Exempt, sixty()), &[], &[won], ""),
        ("T09 by default", sixty(), &[], &[won], ""),
        ("T10", after(Restart, sixty()), &[], &[won], "05-19 18:00"),
        ("T11", sixty(), earlier, &[], "04-30 10:00"),
        ("T11 restart", after(Restart, sixty()), earlier, &[], "04-30 10:00"),
        ("T12", either(), &[], &[noon], "04-04 12:00"),
        ("T13", both(), &[], &[noon], "04-30 10:00"),
        // No worker ran: the clock of wins has been over since the 30th.
        ("T14", either(), &[], &[noon, ("04-03 12:00", "follow-up"), ("04-17 12:00", "follow-up"), late], "04-30 10:00"),
        ("T15", both(), &[], &[late], "05-25 12:00"),
        ("T16", after(Exempt, either()), &[], &[noon, won_noon], "04-09 12:00"),
        ("T17", after(Exempt, both()), &[], &[noon, won_noon], ""),
        ("T18a", first(), &[], &[], "03-04 10:00"),
        ("T18a at nine", at_nine(first()), &[], &[], "03-05 09:00"),
        ("T18b", first(), &[], &[("03-02 12:00", "follow-up")], "03-17 12:00"),
        ("T18b at nine", at_nine(first()), &[], &[("03-02 12:00", "follow-up")], "03-18 09:00"),
        ("T18", after(Exempt, either()), &[], &[noon, won_noon, ("03-27 12:00", "reversed")], "04-04 12:00"),
    ];
    let world = World::start().await;
    for (name, rule, before, then, deadline) in table {
        go_to(&world, at("2026-01-10 10:00"));
        let mut card = Card::lying(&world, name, Some(rule.clone())).await;
        card.play(before).await;
        card.play(&[("03-01 10:00", "bob claims")]).await;
        card.play(then).await;
        card.ends(deadline).await;
    }
    world.stop().await;
}

/// R147, D03: seven days from these anchors, with each cutoff.
#[tokio::test]
async fn t18_cutoffs_are_as_the_examples_say() {
    let table = [
        ("03-02 00:00:00", ["03-09 09:00", "03-09 00:00", "03-09 00:00"]),
        ("03-02 08:59:59", ["03-09 09:00", "03-09 08:59:59", "03-10 00:00"]),
        ("03-02 09:00:00", ["03-09 09:00", "03-09 09:00:00", "03-10 00:00"]),
        ("03-02 09:00:01", ["03-10 09:00", "03-09 09:00:01", "03-10 00:00"]),
        ("03-02 23:30:00", ["03-10 09:00", "03-09 23:30:00", "03-10 00:00"]),
    ];
    let world = World::start().await;
    for (anchor, deadlines) in table {
        for (cutoff, deadline) in ["09:00", "NONE", "00:00"].into_iter().zip(deadlines) {
            go_to(&world, at("03-01 10:00"));
            let rule = ReclaimRule {
                cutoff: cutoff.into(),
                ..exact("", 7)
            };
            let mut card = Card::lying(&world, &format!("{anchor}, {cutoff}"), Some(rule)).await;
            card.play(&[(anchor, "bob claims")]).await;
            card.ends(deadline).await;
        }
    }
    world.stop().await;
}

/// 3.3: seven days in New York, over both changes of its clocks. Times here are those of UTC.
#[tokio::test]
async fn clocks_that_change_are_as_the_examples_say() {
    let utc = |text: &str| -> DateTime<Utc> { format!("2026-{text}:00Z").replace(' ', "T").parse().unwrap() };
    let world = World::start().await;
    for (claimed, due) in [
        // 02:30, which does not exist a week later: the first instant after the gap, 03:00.
        ("03-01 07:30", "03-08 07:00"),
        // 10:00 to 10:00, an hour less.
        ("03-05 15:00", "03-12 14:00"),
        // 01:30, which exists twice a week later: the first one.
        ("10-25 05:30", "11-01 05:30"),
    ] {
        go_to(&world, at("03-01 10:00"));
        let pool = Pool {
            time_zone: "America/New_York".into(),
            ..open_pool(claimed)
        };
        let pool = world.pool(pool).await;
        let mut card = Card::lying_in(&world, claimed, pool, Some(exact("", 7))).await;
        go_to(&world, utc(claimed));
        card.step("bob claims").await;
        let due = (utc(due) + TimeDelta::hours(8)).format("%Y-%m-%d %H:%M:%S").to_string();
        card.ends(&due).await;
    }
    world.stop().await;
}

/// T40, T42: the countdown is shown from the last 30 % on, and where no clock runs there is nothing to show.
#[tokio::test]
async fn t40_t42_the_countdown_is_shown_when_little_is_left() {
    let world = World::start().await;
    let left = async |card: &Card<'_>| {
        let account = card.world.account(&card.account).await;
        account.remaining_retention.map(|left| left.seconds)
    };
    let mut card = Card::lying(&world, "T40", Some(exact("", 30))).await;
    card.play(&[("03-01 10:00", "bob claims")]).await;
    let nine_days = 9 * 86_400;
    for (when, wanted) in [
        ("03-01 10:00:00", None),
        ("03-22 10:00:00", None),
        ("03-22 10:00:01", Some(nine_days - 1)),
        ("03-31 09:59:59", Some(1)),
        ("03-31 10:00:00", Some(0)),
        ("04-30 10:00:00", Some(0)),
    ] {
        go_to(&world, at(when));
        assert_eq!(left(&card).await, wanted, "T40 at {when}");
    }

    let never = ReclaimRule {
        action: ReclaimAction::NoReclaim.into(),
        ..ReclaimRule::default()
    };
    for (name, rule, steps) in [
        ("no rule", None, &["bob claims"][..]),
        ("NO_RECLAIM", Some(never), &["bob claims"]),
        ("NEVER", Some(close(60)), &["bob claims", "won"]),
        ("UNASSIGNED", Some(close(60)), &["cid claims", "cid returns"]),
    ] {
        go_to(&world, at("03-01 10:00"));
        let mut card = Card::lying(&world, &format!("T42 {name}"), rule).await;
        for step in steps {
            card.step(step).await;
        }
        go_to(&world, at("12-31 10:00"));
        assert_eq!(left(&card).await, None, "T42: {name}");
        assert_eq!(world.reclaim_instant(&card.account).await, None, "T42: {name}");
    }
    world.stop().await;
}

/// R181: what nobody touched for 60 days goes back, and somebody else makes something of it.
#[tokio::test]
async fn r181_what_lay_idle_is_developed_by_somebody_else() {
    let world = World::start().await;
    let mut card = Card::lying(&world, "Idle", Some(exact("", 60))).await;
    card.play(&[("03-01 10:00", "bob claims")]).await;
    card.ends("04-30 10:00").await;
    let before = world.ownership(&card.account).await;
    assert_eq!(before.last_owner, "bob");
    card.play(&[
        ("05-02 10:00", "cid claims"),
        ("05-03 10:00", "follow-up"),
        ("05-20 10:00", "won"),
    ])
    .await;
    let now = world.account(&card.account).await;
    assert_eq!(now.deals.unwrap().status(), DealStatus::Won);
    assert_eq!(now.ownership.unwrap().owner, "cid");
    // His days are his own, from his last deed on.
    card.ends("07-19 10:00").await;
    world.stop().await;
}
