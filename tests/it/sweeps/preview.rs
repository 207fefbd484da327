//! X09: what a preview foresees is what the sweep then does.

use crate::{
    activities::{time, told},
    harness::Refused,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        self, AdvanceReminder, DayCounting, HeartbeatRequest, PreviewReclaimRequest, ReclaimRule, ReminderRecipient,
        SweepForecast, SweepHold, SweepOutcome,
    },
    worker,
};
use tonic::Code;

/// What comes of an account: which outcome, and what holds it.
type Fate = (SweepOutcome, SweepHold);

impl World {
    async fn foresee(&self, at: DateTime<Utc>, pool: &str, page_size: i32) -> Vec<SweepForecast> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = PreviewReclaimRequest {
                time: time(at),
                pool_id: pool.into(),
                page_size,
                page_token,
            };
            let page = self
                .user("root")
                .sweeps()
                .preview_reclaim(request)
                .await
                .unwrap()
                .into_inner();
            assert!(page.forecasts.len() <= usize::try_from(page_size).unwrap());
            all.extend(page.forecasts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// The kind of the account's last event.
    async fn last_event(&self, id: &str) -> String {
        let request = proto::ListAccountEventsRequest {
            account_id: id.into(),
            ..Default::default()
        };
        let events = self.user("root").history().list_account_events(request).await.unwrap();
        events.into_inner().account_events[0].kind.clone()
    }
}

fn fates(forecasts: &[SweepForecast]) -> BTreeMap<String, Fate> {
    let fates = forecasts
        .iter()
        .map(|f| (f.account_id.clone(), (f.outcome(), f.hold())));
    fates.collect()
}

/// X09: a pool in which everything happens: accounts that are due, reminded of, in grace, saved, held by the breaker;
/// and one that rests on days off.
#[tokio::test]
async fn the_sweep_does_what_was_foreseen() {
    let world = World::start().await;
    world.breaker(20, 1000).await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let reminders = vec![AdvanceReminder {
        days_before: 3,
        recipients: vec![ReminderRecipient::Owner.into(), ReminderRecipient::PoolAdmins.into()],
    }];
    world
        .rule(ReclaimRule {
            reminders,
            ..follow_up(&north, 10)
        })
        .await;
    // Ten business days from Sunday on end on a Friday.
    let business = ReclaimRule {
        day_counting: DayCounting::Business.into(),
        ..follow_up(&south, 10)
    };
    world.rule(business).await;
    let due = world.site().many("Due", &north, "bob", 30).await;
    world.server.clock.advance(TimeDelta::minutes(10));
    let grace = world.site().many("Grace", &north, "bob", 3).await;
    world.server.clock.advance(TimeDelta::days(2));
    let young = world.site().many("Young", &north, "cid", 4).await;
    let saved = due[0].clone();
    world.server.clock.advance(TimeDelta::hours(1));
    world
        .tell("crm", vec![told("e1", &saved, "sales_record.created", world.now())])
        .await;
    let at = world.now() + TimeDelta::days(8) - TimeDelta::hours(1) + TimeDelta::minutes(3);
    let before = world.server.db().statements();
    let foreseen = world.foresee(at, &north, 7).await;
    // A page costs what it shows.
    assert!(world.server.db().statements() - before < 12 * 7);
    assert_eq!(foreseen, world.foresee(at, &north, 500).await);
    let fates = fates(&foreseen);
    let of = |ids: &[String]| ids.iter().filter_map(|id| fates.get(id).copied()).collect::<Vec<_>>();
    let count = |fate: Fate| fates.values().filter(|other| **other == fate).count();
    let none = SweepHold::Unspecified;
    assert_eq!(of(&grace), [(SweepOutcome::Hold, SweepHold::Grace); 3]);
    assert_eq!(of(&young), [(SweepOutcome::Remind, none); 4]);
    assert_eq!(of(&[saved]), [(SweepOutcome::Remind, none)]);
    // A fifth of 37 is less than the floor.
    assert_eq!(count((SweepOutcome::Reclaim, none)), 20);
    assert_eq!(count((SweepOutcome::Hold, SweepHold::Breaker)), 9);
    let reminded: BTreeSet<_> = foreseen.iter().flat_map(|f| f.recipients.clone()).collect();
    assert_eq!(reminded, ["ann", "bob", "cid"].map(str::to_owned).into());
    // Of all pools at once nobody counts.
    let all = self::fates(&world.foresee(at, "", 500).await);
    assert_eq!(
        all.values()
            .filter(|fate| **fate == (SweepOutcome::Reclaim, none))
            .count(),
        29
    );

    world.server.clock.advance(at - world.now());
    assert_eq!(
        self::fates(&world.foresee(at, &north, 500).await),
        fates,
        "nothing changed but the time"
    );
    let swept = worker::sweep::once(world.app(), world.app().sweep_grace).await.unwrap();
    assert_eq!(
        (swept.reclaimed, swept.reminded, swept.stopped, swept.replanned),
        (20, 5, 9, 0)
    );
    for (id, (outcome, hold)) in &fates {
        let owned = !world.ownership(id).await.owner.is_empty();
        let event = world.last_event(id).await;
        match outcome {
            SweepOutcome::Reclaim => assert!(!owned, "{id}"),
            SweepOutcome::Remind => assert_eq!((owned, event.as_str()), (true, "account.reminded"), "{id}"),
            _ => assert_eq!((owned, event.as_str()), (true, "account.created"), "{id}: {hold:?}"),
        }
    }
    world.stop().await;
}

/// X09, X13: what is held says by what, and a source is taken to lag behind as much as it does now.
#[tokio::test]
async fn what_holds_is_told() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    world.rule(follow_up(&north, 7)).await;
    // Saturday, 2026-03-14, is no business day, and neither is Sunday.
    let business = ReclaimRule {
        day_counting: DayCounting::Business.into(),
        max_hold_days: Some(10),
        ..follow_up(&south, 20)
    };
    world.rule(business).await;
    let id = world.create("North", &north, "bob").await.id;
    world.require(&["orders"]).await;
    let at = world.now() + TimeDelta::days(7) + TimeDelta::minutes(30);
    let hold = async |world: &World| fates(&world.foresee(at, &north, 50).await).get(&id).copied();
    assert_eq!(hold(&world).await, Some((SweepOutcome::Hold, SweepHold::Source)));
    let beat = |complete_until| HeartbeatRequest { complete_until };
    let source = world.source("orders").sweeps();
    source
        .clone()
        .heartbeat(beat(time(world.now() - TimeDelta::hours(1))))
        .await
        .unwrap();
    assert_eq!(hold(&world).await, Some((SweepOutcome::Hold, SweepHold::Source)));
    source
        .clone()
        .heartbeat(beat(time(world.now() - TimeDelta::minutes(30))))
        .await
        .unwrap();
    assert_eq!(
        hold(&world).await,
        Some((SweepOutcome::Reclaim, SweepHold::Unspecified))
    );
    world.stop().await;
}

/// X09: a preview is for those who answer for the pool, not for the past, and its pages belong together.
#[tokio::test]
async fn previews_are_for_admins() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    world.site().many("Card", &pool, "bob", 3).await;
    let request = |pool: &str| PreviewReclaimRequest {
        time: time(world.now() + TimeDelta::days(8)),
        pool_id: pool.into(),
        page_size: 2,
        page_token: String::new(),
    };
    let page = world
        .user("ann")
        .sweeps()
        .preview_reclaim(request(&pool))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((page.forecasts.len(), page.next_page_token.is_empty()), (2, false));
    let refused = world.user("ann").sweeps().preview_reclaim(request("")).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let refused = world.user("bob").sweeps().preview_reclaim(request(&pool)).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let past = PreviewReclaimRequest {
        time: time(world.now() - TimeDelta::microseconds(1)),
        ..request(&pool)
    };
    let refused = world.user("ann").sweeps().preview_reclaim(past).await;
    assert_eq!(refused.violations(), ["time: must not lie in the past"]);
    assert_eq!(world.foresee(world.now(), &pool, 50).await, []);
    let other = PreviewReclaimRequest {
        time: None,
        page_token: page.next_page_token,
        ..request(&pool)
    };
    let refused = world.user("ann").sweeps().preview_reclaim(other).await;
    refused.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    world.stop().await;
}
