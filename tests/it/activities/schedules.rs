//! Whatever order events come in, however often and in what batches: the state at the end is that of a naive model.

use super::{
    objects::{All, Stored, money},
    time, told,
};
use crate::world::{World, open_pool};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::BTreeMap;
use tidepool::rpc::proto::{Activity, ActivityRules, DealStatus};

/// What a tenant asks of follow-ups: characters, minutes between two of a day, and how many of a day.
#[derive(Clone, Copy, Debug)]
struct Asked {
    text: usize,
    spacing: i64,
    per_day: i32,
}

const NOTHING: Asked = Asked {
    text: 0,
    spacing: 0,
    per_day: 0,
};

/// The last of these that counts, which are in their order: those of the last day on which there is any are taken one by one.
fn last_follow_up(times: &[DateTime<Utc>], asked: Asked) -> Option<DateTime<Utc>> {
    let day = |time: &DateTime<Utc>| time.with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
    let of_day = times.iter().filter(|time| times.last().map(day) == Some(day(time)));
    let (mut last, mut number) = (None, 0);
    for time in of_day {
        let near = last.is_some_and(|last: DateTime<Utc>| (*time - last).num_seconds() < 60 * asked.spacing);
        if !near && (asked.per_day == 0 || number < asked.per_day) {
            (last, number) = (Some(*time), number + 1);
        }
    }
    last
}

/// How the account and its objects have to be after these, in whatever order they came: the naive model.
fn model(events: &[(String, Activity)], asked: Asked) -> (All, i64, Option<DateTime<Utc>>) {
    let at = |activity: &Activity| {
        let time = activity.occur_time.unwrap();
        let time = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap()).unwrap();
        (time, activity.event_id.clone())
    };
    let mut objects: BTreeMap<_, Stored> = BTreeMap::new();
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|(_, activity)| at(activity));
    let (mut follow_ups, mut won) = (Vec::new(), BTreeMap::new());
    for (source, activity) in sorted {
        let (object, action) = activity.kind.split_once('.').unwrap();
        let key = (source.clone(), object.to_owned(), activity.object_id.clone());
        let time = at(activity).0;
        match activity.kind.as_str() {
            "opportunity.won" => drop(won.insert(key.clone(), time)),
            "opportunity.reopened" => drop(won.remove(&key)),
            _ => {}
        }
        let follows_up = ["opportunity.created", "sales_order.created"].contains(&activity.kind.as_str());
        if follows_up && activity.summary.chars().count() >= asked.text {
            follow_ups.push(time);
        }
        let amount = activity
            .amount
            .as_ref()
            .map(|money| format!("{} {}", money.amount, money.currency));
        let owner = Some(activity.object_owner.clone()).filter(|owner| !owner.is_empty());
        let viewers = activity.visible_to.iter().cloned().collect();
        let flags = (activity.object_locked, activity.object_in_workflow);
        let closed = won.contains_key(&key);
        objects.insert(
            key,
            (amount, owner, flags.0, flags.1, action.to_owned(), viewers, closed),
        );
    }
    let number = i64::try_from(won.len()).unwrap();
    let last = last_follow_up(&follow_ups, asked).max(won.into_values().max());
    (objects, number, last)
}

/// P4, R176: random events in two random schedules, with duplicates and batches of any size, from two sources, end in the same
/// state of the account and of all its objects, which is that of a naive model.
#[tokio::test]
async fn schedules_do_not_matter() {
    // Many at the same instant: ties go to the greater event id.
    all_end_alike(&[3, 14, 159], 8, NOTHING).await;
}

/// X25, P4: the same where follow-ups need a text and are judged together, over the midnight of the tenant.
#[tokio::test]
async fn schedules_do_not_matter_where_follow_ups_are_judged_together() {
    let asked = Asked {
        text: 3,
        spacing: 25,
        per_day: 3,
    };
    all_end_alike(&[26, 535, 897, 932, 384], 400, asked).await;
    all_end_alike(&[6, 264], 400, Asked { text: 0, ..asked }).await;
}

/// Random events of so many minutes.
async fn all_end_alike(seeds: &[u64], minutes: i64, asked: Asked) {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    // Three hours before a midnight.
    let start = world.server.clock.now() + TimeDelta::hours(11);
    world.server.clock.advance(TimeDelta::days(2));
    let rules = ActivityRules {
        min_summary_length: i32::try_from(asked.text).unwrap(),
        min_follow_up_spacing: Some(prost_types::Duration {
            seconds: 60 * asked.spacing,
            nanos: 0,
        }),
        max_follow_ups_per_day: asked.per_day,
        ..Default::default()
    };
    let fields = ["min_summary_length", "min_follow_up_spacing", "max_follow_ups_per_day"];
    world.activity_rules(rules, &fields).await.unwrap();
    let mut turned = 0;
    for seed in seeds {
        let mut went_back = 0;
        let mut random = StdRng::seed_from_u64(*seed);
        let kinds = [
            "opportunity.created",
            "opportunity.won",
            "opportunity.reopened",
            "sales_order.created",
            "sales_order.canceled",
            "payment.received",
            "return.created",
        ];
        let mut script = Vec::new();
        for at in 0..40 {
            let kind = kinds[random.random_range(0..kinds.len())];
            let (amount, viewers) = (random.random_range(0..4), random.random_range(0..3));
            let activity = Activity {
                object_id: format!("o{}", random.random_range(0..3)),
                amount: (amount > 0).then(|| money(&format!("{amount}.25"), "USD").unwrap()),
                object_owner: if random.random() { "bob".into() } else { String::new() },
                visible_to: (0..viewers).map(|at| format!("viewer-{at}")).collect(),
                object_locked: random.random(),
                object_in_workflow: random.random(),
                summary: "said".chars().take(random.random_range(1..=4)).collect(),
                ..told(
                    &format!("e{seed}-{at}"),
                    "",
                    kind,
                    start + TimeDelta::minutes(random.random_range(0..minutes)),
                )
            };
            let source = ["crm", "erp"][random.random_range(0..2)];
            script.push((source.to_owned(), activity));
        }
        let mut states = Vec::new();
        for round in 0..2 {
            let id = world.lying(&format!("Acme {seed} {round}"), &pool).await;
            // Ids are of their source; those of the other round are other events about other objects.
            let own = |(source, activity): &(String, Activity)| {
                let activity = Activity {
                    account_id: id.clone(),
                    ..activity.clone()
                };
                (format!("{source}-{seed}-{round}"), activity)
            };
            let events: Vec<_> = script.iter().map(own).collect();
            let mut schedule: Vec<_> = events.iter().chain(&events[..15]).cloned().collect();
            schedule.shuffle(&mut random);
            let (mut rest, mut known) = (schedule.as_slice(), None);
            while !rest.is_empty() {
                let (batch, after) = rest.split_at(random.random_range(1..=rest.len().min(9)));
                rest = after;
                for source in ["crm", "erp"].map(|source| format!("{source}-{seed}-{round}")) {
                    let of = batch.iter().filter(|(of, _)| *of == source);
                    let of: Vec<_> = of.map(|(_, activity)| activity.clone()).collect();
                    if !of.is_empty() {
                        let answers = world.tell(&source, of).await;
                        assert!(answers.iter().all(Result::is_ok), "{seed}: {answers:?}");
                        let last = world.account(&id).await.last_follow_up_time.map(|time| time.seconds);
                        went_back += usize::from(last < known);
                        known = last;
                    }
                }
            }
            let account = world.account(&id).await;
            let deals = account.deals.unwrap();
            let (objects, number, follow_up) = model(&events, asked);
            assert_eq!(world.objects(&id).await, objects, "{seed}");
            assert_eq!(
                (deals.won_count, account.last_follow_up_time),
                (number, follow_up.and_then(time)),
                "{seed}"
            );
            let status = [DealStatus::Open, DealStatus::Won, DealStatus::RepeatedlyWon];
            let at = usize::try_from(number).unwrap().min(2);
            assert_eq!(deals.status(), status[at], "{seed}");
            states.push((deals, account.last_follow_up_time));
        }
        assert_eq!(states[0], states[1], "{seed}");
        turned += went_back;
    }
    assert_eq!(turned > 0, asked.spacing > 0, "only what is judged together goes back");
    world.stop().await;
}
