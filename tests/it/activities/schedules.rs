//! Whatever order events come in, however often and in what batches: the state at the end is that of a naive model.

use super::{
    objects::{All, Stored, money},
    time, told,
};
use crate::world::{World, open_pool};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::BTreeMap;
use tidepool::rpc::proto::{Activity, DealStatus};

/// How the account and its objects have to be after these, in whatever order they came: the naive model.
fn model(events: &[(String, Activity)]) -> (All, i64, Option<DateTime<Utc>>) {
    let at = |activity: &Activity| {
        let time = activity.occur_time.unwrap();
        let time = DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap()).unwrap();
        (time, activity.event_id.clone())
    };
    let mut objects: BTreeMap<_, Stored> = BTreeMap::new();
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|(_, activity)| at(activity));
    let (mut follow_up, mut won) = (None, BTreeMap::new());
    for (source, activity) in sorted {
        let (object, action) = activity.kind.split_once('.').unwrap();
        let key = (source.clone(), object.to_owned(), activity.object_id.clone());
        let time = at(activity).0;
        match activity.kind.as_str() {
            "opportunity.won" => drop(won.insert(key.clone(), time)),
            "opportunity.reopened" => drop(won.remove(&key)),
            _ => {}
        }
        if ["opportunity.created", "sales_order.created"].contains(&activity.kind.as_str()) {
            follow_up = follow_up.max(Some(time));
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
    (objects, number, follow_up)
}

/// P4, R176: random events in two random schedules, with duplicates and batches of any size, from two sources, end in the same
/// state of the account and of all its objects, which is that of a naive model.
#[tokio::test]
async fn schedules_do_not_matter() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let start = world.server.clock.now();
    world.server.clock.advance(TimeDelta::days(2));
    for seed in [3_u64, 14, 159] {
        let mut random = StdRng::seed_from_u64(seed);
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
                // Many at the same instant: ties go to the greater event id.
                ..told(
                    &format!("e{seed}-{at}"),
                    "",
                    kind,
                    start + TimeDelta::minutes(random.random_range(0..8)),
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
            let mut rest = schedule.as_slice();
            while !rest.is_empty() {
                let (batch, after) = rest.split_at(random.random_range(1..=rest.len().min(9)));
                rest = after;
                for source in ["crm", "erp"].map(|source| format!("{source}-{seed}-{round}")) {
                    let of = batch.iter().filter(|(of, _)| *of == source);
                    let of: Vec<_> = of.map(|(_, activity)| activity.clone()).collect();
                    if !of.is_empty() {
                        let answers = world.tell(&source, of).await;
                        assert!(answers.iter().all(Result::is_ok), "{seed}: {answers:?}");
                    }
                }
            }
            let account = world.account(&id).await;
            let deals = account.deals.unwrap();
            let (objects, number, follow_up) = model(&events);
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
    }
    world.stop().await;
}
