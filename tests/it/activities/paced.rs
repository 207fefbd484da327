//! X25: follow-ups that are no more than tokens: without words, many at once, or only in the last hours.

use super::{time, told};
use crate::{
    build::mask,
    harness::Refused,
    rules::exact,
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Activity, ActivityActors, ActivityRules, Pool, RecordOutcome},
};
use tonic::Code;

fn minutes(minutes: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: 60 * minutes,
        nanos: 0,
    }
}

const PACE: [&str; 4] = [
    "min_summary_length",
    "min_follow_up_spacing",
    "max_follow_ups_per_day",
    "late_follow_up_hours",
];

impl World {
    async fn asks(&self, rules: ActivityRules) {
        self.activity_rules(rules, &PACE).await.unwrap();
    }

    /// An account of bob's in a pool that reclaims after so many days.
    async fn had(&self, name: &str, days: i32) -> String {
        let pool = self.pool(in_utc(name)).await;
        self.rule(follow_up(&pool, days)).await;
        let id = self.lying(name, &pool).await;
        self.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
        id
    }

    /// Tells of it; when the last follow-up was then.
    async fn last_after(&self, activity: Activity) -> Option<prost_types::Timestamp> {
        let id = activity.account_id.clone();
        assert_eq!(self.tell("crm", vec![activity]).await, [Ok(RecordOutcome::Recorded)]);
        self.account(&id).await.last_follow_up_time
    }
}

/// Its days have 24 hours, and are not those of the tenant.
fn in_utc(name: &str) -> Pool {
    Pool {
        time_zone: "UTC".into(),
        ..open_pool(name)
    }
}

/// A follow-up without an object.
fn call(event: &str, id: &str, at: DateTime<Utc>) -> Activity {
    Activity {
        object_id: String::new(),
        ..told(event, id, "sales_record.created", at)
    }
}

/// Off unless they are set, each within its bounds, and named by its path where it is not.
#[tokio::test]
async fn what_is_asked_of_follow_ups_is_checked() {
    let world = World::start().await;
    let get = async || {
        let request = proto::GetActivityRulesRequest {};
        let answer = world.user("dan").activity_rules().get_activity_rules(request).await;
        answer.unwrap().into_inner().activity_rules.unwrap()
    };
    let of = |rules: &ActivityRules| {
        let spacing = rules.min_follow_up_spacing.map(|spacing| spacing.seconds);
        let numbers = (
            rules.min_summary_length,
            rules.max_follow_ups_per_day,
            rules.late_follow_up_hours,
        );
        (numbers, spacing)
    };
    assert_eq!(of(&get().await), ((0, 0, 0), None));
    let duration = |seconds: i64, nanos: i32| Some(prost_types::Duration { seconds, nanos });
    let refused = async |rules: ActivityRules, field: &str| {
        let refused = world.activity_rules(rules, &PACE).await;
        let details = refused.refused(Code::InvalidArgument, Reason::InvalidArgument);
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].field, format!("activity_rules.{field}"));
    };
    for (field, value) in [
        ("min_summary_length", 1001),
        ("min_summary_length", -1),
        ("max_follow_ups_per_day", 1001),
        ("max_follow_ups_per_day", i32::MIN),
        ("late_follow_up_hours", 169),
        ("late_follow_up_hours", -1),
    ] {
        let mut rules = ActivityRules::default();
        *match field {
            "min_summary_length" => &mut rules.min_summary_length,
            "max_follow_ups_per_day" => &mut rules.max_follow_ups_per_day,
            _ => &mut rules.late_follow_up_hours,
        } = value;
        refused(rules, field).await;
    }
    for spacing in [
        duration(86_401, 0),
        duration(-1, 0),
        duration(1, 1),
        duration(0, -1),
        duration(i64::MAX, 0),
    ] {
        let rules = ActivityRules {
            min_follow_up_spacing: spacing,
            ..Default::default()
        };
        refused(rules, "min_follow_up_spacing").await;
    }
    let most = ActivityRules {
        min_summary_length: 1000,
        min_follow_up_spacing: duration(86_400, 0),
        max_follow_ups_per_day: 1000,
        late_follow_up_hours: 168,
        ..Default::default()
    };
    world.asks(most).await;
    let set = get().await;
    assert_eq!(of(&set), ((1000, 1000, 168), Some(86_400)));
    assert_eq!(set.close_kinds, ["opportunity.won"]);
    world.asks(ActivityRules::default()).await;
    assert_eq!(of(&get().await), ((0, 0, 0), None));
    let changes = crate::build::events(&world.server.admin(), "activity_rules", "").await;
    let mut fields: Vec<_> = changes[0].changes.iter().map(|change| change.field.as_str()).collect();
    fields.sort_unstable();
    let mut all = PACE;
    all.sort_unstable();
    assert_eq!(fields, all);
    world.stop().await;
}

/// R174: a follow-up that says too little is kept, and moves neither the date nor the deadline; under rules with kinds of
/// their own neither. A deal needs no text, and a user's edit has none.
#[tokio::test]
async fn what_says_too_little_does_not_count() {
    let world = World::start().await;
    let id = world.had("Acme", 30).await;
    let pool = world.pool(in_utc("Kinds")).await;
    let own = proto::ReclaimRule {
        follow_up_kinds: vec!["call.made".into()],
        ..exact(&pool, 30)
    };
    world.rule(own).await;
    let other = world.create("Other", &pool, "bob").await.id;
    let rules = ActivityRules {
        min_summary_length: 5,
        follow_up_kinds: vec!["sales_record.created".into(), "account.updated".into()],
        ..Default::default()
    };
    let fields = ["min_summary_length", "follow_up_kinds"];
    world.activity_rules(rules, &fields).await.unwrap();
    world.server.clock.advance(TimeDelta::days(1));
    let now = world.server.clock.now();
    let says = |event: &str, summary: &str| Activity {
        summary: summary.into(),
        ..call(event, &id, now)
    };
    let due = world.ownership(&id).await.reclaim_time;
    assert_eq!(world.last_after(says("e1", "")).await, None);
    assert_eq!(world.last_after(says("e2", "\u{e9}t\u{e9}s")).await, None);
    let request = proto::UpdateAccountRequest {
        account: Some(proto::Account {
            id: id.clone(),
            remark: "edited".into(),
            ..Default::default()
        }),
        update_mask: mask(&["remark"]),
        ..Default::default()
    };
    world.user("bob").accounts().update_account(request).await.unwrap();
    assert_eq!(world.account(&id).await.last_follow_up_time, None);
    assert_eq!(world.ownership(&id).await.reclaim_time, due);
    assert_eq!(world.last_after(says("e3", "Ben will order")).await, time(now));
    assert_eq!(world.ownership(&id).await.reclaim_time, time(now + TimeDelta::days(30)));
    let won = told("e4", &id, "opportunity.won", now);
    assert_eq!(world.last_after(won).await, time(now));
    assert_eq!(world.account(&id).await.deals.unwrap().won_count, 1);

    let kind = |event: &str, summary: &str| Activity {
        summary: summary.into(),
        ..told(event, &other, "call.made", now)
    };
    let due = world.ownership(&other).await.reclaim_time;
    world.last_after(kind("e5", "hm")).await;
    assert_eq!(world.ownership(&other).await.reclaim_time, due);
    world.last_after(kind("e6", "no answer")).await;
    assert_eq!(
        world.ownership(&other).await.reclaim_time,
        time(now + TimeDelta::days(30))
    );
    world.stop().await;
}

/// Those of a day of the tenant are judged together: what is told late takes its place among them, and the last follow-up
/// with its deadline may go back within the day. A change of the rules moves nothing by itself.
#[tokio::test]
async fn follow_ups_of_a_day_are_judged_together() {
    let world = World::start().await;
    let id = world.had("Acme", 30).await;
    let midnight = world.server.clock.now() + TimeDelta::hours(14);
    world.server.clock.advance(TimeDelta::days(2));
    let at = |minute: i64| midnight + TimeDelta::minutes(minute);
    assert_eq!(world.last_after(call("e0", &id, at(-5))).await, time(at(-5)));
    assert_eq!(world.last_after(call("e1", &id, at(-1))).await, time(at(-1)));
    world
        .asks(ActivityRules {
            min_follow_up_spacing: Some(minutes(30)),
            max_follow_ups_per_day: 2,
            ..Default::default()
        })
        .await;
    assert_eq!(
        world.account(&id).await.last_follow_up_time,
        time(at(-1)),
        "what was counted stays"
    );
    // Another day of the tenant, though not of UTC.
    assert_eq!(world.last_after(call("e2", &id, at(1))).await, time(at(1)));
    assert_eq!(world.last_after(call("e3", &id, at(30))).await, time(at(1)));
    let version = async || world.ownership(&id).await.etag;
    assert_eq!(world.last_after(call("e4", &id, at(60))).await, time(at(60)));
    let before = version().await;
    assert_eq!(
        world.last_after(call("e5", &id, at(100))).await,
        time(at(60)),
        "two are enough"
    );
    assert_ne!(version().await, before);
    let event = world.events(&id).await.pop().unwrap();
    assert_eq!(
        (event.kind.as_str(), event.effects.unwrap().fields),
        ("account.activity_recorded", vec!["follow_ups".to_owned()])
    );
    // Before all of them: 0, 30.
    assert_eq!(world.last_after(call("e6", &id, at(0))).await, time(at(30)));
    assert_eq!(
        world.ownership(&id).await.reclaim_time,
        time(at(30) + TimeDelta::days(30))
    );
    // Another account, another day, an earlier one.
    let other = world.had("Other", 30).await;
    assert_eq!(world.last_after(call("e7", &other, at(2))).await, time(at(2)));
    assert_eq!(world.last_after(call("e8", &id, at(-3))).await, time(at(30)));
    assert_eq!(world.last_after(call("e9", &id, at(24 * 60))).await, time(at(24 * 60)));
    world.stop().await;
}

/// D36: whose follow-ups count is decided when they are told, also where they are judged again later.
#[tokio::test]
async fn only_those_are_judged_that_may_count() {
    for actors in [ActivityActors::Owner, ActivityActors::Team] {
        let world = World::start().await;
        let id = world.had("Acme", 30).await;
        let now = world.server.clock.now();
        world.server.clock.advance(TimeDelta::hours(20));
        let rules = ActivityRules {
            follow_ups_by: actors.into(),
            min_follow_up_spacing: Some(minutes(30)),
            ..Default::default()
        };
        world
            .activity_rules(rules, &["follow_ups_by", "min_follow_up_spacing"])
            .await
            .unwrap();
        let by = |actor: &str, minute: i64| Activity {
            actor: actor.into(),
            ..call(&format!("{actor}-{minute}"), &id, now + TimeDelta::minutes(minute))
        };
        let minute = |minute: i64| time(now + TimeDelta::minutes(minute));
        assert_eq!(world.last_after(by("dan", 0)).await, None);
        assert_eq!(world.last_after(by("bob", 10)).await, minute(10));
        let request = proto::ChangeAccountOwnerRequest {
            account_id: id.clone(),
            new_owner: "dan".into(),
            ..Default::default()
        };
        world
            .user("root")
            .circulation()
            .change_account_owner(request)
            .await
            .unwrap();
        // Bob was the owner then; dan was not.
        assert_eq!(world.last_after(by("dan", 39)).await, minute(10), "{actors:?}");
        assert_eq!(world.last_after(by("dan", 40)).await, minute(40), "{actors:?}");
        world.stop().await;
    }
}

/// A user's edit is not kept among the activities of its day: it is no follow-up where these are judged together, and what
/// was counted before stays.
#[tokio::test]
async fn edits_are_not_judged_with_others() {
    let world = World::start().await;
    let id = world.had("Acme", 30).await;
    let rules = ActivityRules {
        follow_up_kinds: vec!["sales_record.created".into(), "account.updated".into()],
        ..Default::default()
    };
    world.activity_rules(rules, &["follow_up_kinds"]).await.unwrap();
    let edit = async |remark: &str| {
        world.server.clock.advance(TimeDelta::hours(1));
        let account = proto::Account {
            id: id.clone(),
            remark: remark.into(),
            ..Default::default()
        };
        let request = proto::UpdateAccountRequest {
            account: Some(account),
            update_mask: mask(&["remark"]),
            ..Default::default()
        };
        world.user("bob").accounts().update_account(request).await.unwrap();
        world.account(&id).await.last_follow_up_time
    };
    let edited = edit("one").await;
    let now = world.server.clock.now();
    assert_eq!(edited, time(now));
    world
        .asks(ActivityRules {
            max_follow_ups_per_day: 1,
            ..Default::default()
        })
        .await;
    assert_eq!(edit("two").await, edited);
    let early = call("e1", &id, now - TimeDelta::minutes(30));
    assert_eq!(world.last_after(early).await, edited);
    world.stop().await;
}

/// The usual rules cost nothing more; judged together, each 128 accounts are one more read.
#[tokio::test]
async fn judging_costs_a_statement() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 130).await;
    let now = world.server.clock.now();
    let mut second = 0;
    let mut spent = async |count: usize| {
        second += 1;
        let at = now - TimeDelta::minutes(1) + TimeDelta::seconds(second);
        let told = ids.iter().take(count);
        let told = told.map(|id| call(&format!("{second}-{id}"), id, at)).collect();
        let before = world.server.db().statements();
        let said = world.tell("crm", told).await;
        assert!(said.iter().all(Result::is_ok), "{said:?}");
        world.server.db().statements() - before
    };
    let mut costs = Vec::new();
    let together = ActivityRules {
        max_follow_ups_per_day: 1000,
        ..Default::default()
    };
    let alone = ActivityRules {
        late_follow_up_hours: 24,
        ..Default::default()
    };
    for rules in [ActivityRules::default(), alone, together] {
        world.asks(rules).await;
        // The rules are read anew.
        spent(1).await;
        costs.push((spent(1).await, spent(128).await, spent(130).await));
    }
    let (one, many, more) = costs[0];
    assert_eq!(costs[1], (one, many, more));
    assert_eq!(costs[2], (one + 1, many + 1, more + 2));
    world.stop().await;
}

/// A deadline that is put off by the first follow-up of a tenure, in the last hours before it: the event says so.
#[tokio::test]
async fn tokens_in_the_last_hours_are_told() {
    let world = World::start().await;
    let late = async |id: &str, activities: Vec<Activity>| {
        let said = world.tell("crm", activities).await;
        assert!(said.iter().all(Result::is_ok), "{said:?}");
        let event = world.events(id).await.pop().unwrap();
        let effects = event.effects.unwrap();
        assert!(effects.reclaim_time.is_some());
        effects.late_follow_up
    };
    let early = world.had("Early", 10).await;
    let mut ids = Vec::new();
    for name in ["Token", "Off", "Batch", "Won", "Again"] {
        ids.push(world.had(name, 10).await);
    }
    let start = world.server.clock.now();
    let at = |hours: i64| start + TimeDelta::hours(hours);
    world.server.clock.advance(TimeDelta::hours(239));
    assert!(
        !late(&ids[1], vec![call("o", &ids[1], at(238))]).await,
        "off unless it is set"
    );
    world
        .asks(ActivityRules {
            late_follow_up_hours: 24,
            ..Default::default()
        })
        .await;
    // The deadline is after 240 hours.
    let tick = TimeDelta::microseconds(1);
    assert!(!late(&early, vec![call("e", &early, at(216) - tick)]).await);
    assert!(late(&ids[0], vec![call("t", &ids[0], at(216))]).await);
    let both = vec![call("b2", &ids[2], at(230)), call("b1", &ids[2], at(100))];
    assert!(!late(&ids[2], both).await, "not the first one");
    let deal = told("w1", &ids[3], "opportunity.won", at(1));
    let said = world.tell("crm", vec![deal]).await;
    assert!(said[0].is_ok());
    assert!(
        !late(&ids[3], vec![call("w2", &ids[3], at(230))]).await,
        "he had won it"
    );
    // What was known of the owner before says nothing of this one.
    assert!(late(&ids[4], vec![call("a1", &ids[4], at(220))]).await);
    assert!(
        !late(&ids[4], vec![call("a2", &ids[4], at(221))]).await,
        "the second one"
    );
    world.server.clock.advance(TimeDelta::hours(2));
    let request = proto::ChangeAccountOwnerRequest {
        account_id: ids[4].clone(),
        new_owner: "cid".into(),
        ..Default::default()
    };
    world
        .user("root")
        .circulation()
        .change_account_owner(request)
        .await
        .unwrap();
    world.server.clock.advance(TimeDelta::hours(230));
    let now = world.server.clock.now();
    assert!(late(&ids[4], vec![call("a3", &ids[4], now)]).await);
    world.stop().await;
}
