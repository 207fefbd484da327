//! The clock of a service is set while it works: an hour ahead, an hour back, over a change between winter and summer time. What
//! was followed up in time stays, times of an account never go back, ids rise, nobody waits for what the clock said before.
//!
//! Without chance, with the clock that tests have; storms set the clocks of real processes (`wall_clock`).

use crate::{
    activities::{time, told},
    harness::{Refused, run_sql},
    sweeping::follow_up,
    world::{World, claim, give_back, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use std::collections::HashSet;
use tidepool::{
    clock::Clock,
    domain::refusal::Reason,
    rpc::proto::{self, AccountEvent, Pool, RecordOutcome},
};
use tonic::Code;

/// Without a follow-up accounts go back after so many days here.
const DAYS: i64 = 7;
const HOUR: TimeDelta = TimeDelta::hours(1);

impl World {
    /// Somebody sets the clock.
    fn set_clock(&self, to: DateTime<Utc>) {
        let clock = &self.server.clock;
        clock.advance(to - clock.now());
    }

    /// Tells of a follow-up; says what came of it.
    async fn follows_up(&self, event: &str, account: &str, at: DateTime<Utc>) -> Result<RecordOutcome, String> {
        let activity = told(event, account, "sales_record.created", at);
        self.tell("crm", vec![activity]).await.remove(0)
    }

    /// How many accounts the sweep takes now.
    async fn takes(&self) -> usize {
        self.sweep().await.reclaimed
    }

    /// What happened to the account, the first first: times and versions rise, whatever the clock was.
    async fn runs_forward(&self, account: &str) {
        let request = proto::ListAccountEventsRequest {
            account_id: account.into(),
            page_size: 500,
            ..Default::default()
        };
        let listed = self.server.admin().history().list_account_events(request).await;
        let mut events = listed.unwrap().into_inner().account_events;
        events.sort_by_key(|event| event.version);
        let at = |event: &AccountEvent| event.event_time.map(|time| (time.seconds, time.nanos));
        assert!(events.is_sorted_by_key(at), "{events:?}");
        let versions = events.iter().map(|event| event.version);
        assert!(versions.eq(1..=i64::try_from(events.len()).unwrap()), "{events:?}");
    }

    async fn owner(&self, account: &str) -> String {
        self.ownership(account).await.owner
    }
}

/// P6, P13, W21: what was followed up stays though the clock is an hour ahead; what is due by then goes once, and does not come
/// back with the hour; afterwards everything is as it would have been.
#[tokio::test]
async fn an_hour_ahead_takes_nothing_that_was_followed_up() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    let begin = world.server.clock.now();
    let saved = world.create("Saved", &pool, "bob").await.id;
    let soon = world.create("Soon", &pool, "bob").await.id;
    world.server.clock.advance(HOUR * 2);
    let later = world.create("Later", &pool, "bob").await.id;
    let right = begin + TimeDelta::days(DAYS) - HOUR / 2;
    world.set_clock(right);
    assert_eq!(
        world.follows_up("saves", &saved, right).await,
        Ok(RecordOutcome::Recorded)
    );
    assert_eq!(world.takes().await, 0);

    world.set_clock(right + HOUR);
    assert_eq!(world.takes().await, 1);
    assert_eq!(
        (world.owner(&saved).await, world.owner(&soon).await),
        ("bob".into(), String::new())
    );
    // What happens now bears the later time.
    let ahead = world.user("cid").circulation().claim_account(claim(&soon)).await;
    let ahead = ahead.unwrap().into_inner().ownership.unwrap();
    world.relay().await;

    world.set_clock(right);
    assert_eq!(world.takes().await, 0);
    let returned = world.user("cid").circulation().return_account(give_back(&soon)).await;
    let returned = returned.unwrap().into_inner().ownership.unwrap();
    assert!(
        returned.pool_entry_time.unwrap().seconds >= (right + HOUR).timestamp(),
        "{returned:?}"
    );
    assert_ne!(returned.etag, ahead.etag);
    world
        .user("dan")
        .circulation()
        .claim_account(claim(&soon))
        .await
        .unwrap();
    assert_eq!(world.relay().await, 2);
    // Whoever has it now has all his days, from the time at which his account was last.
    let deadline = world.ownership(&soon).await.reclaim_time;
    assert_eq!(deadline, time(right + HOUR + TimeDelta::days(DAYS)));
    let kept = world.ownership(&saved).await;
    assert_eq!(kept.reclaim_time, time(right + TimeDelta::days(DAYS)));

    world.set_clock(begin + TimeDelta::days(DAYS) + HOUR * 2);
    assert_eq!(world.takes().await, 1);
    assert_eq!(world.owner(&later).await, "");
    for id in [&saved, &soon, &later] {
        world.runs_forward(id).await;
    }
    world.stop().await;
}

/// P3, P5, P10, P13: while the clock is an hour behind nothing is taken, nobody claims again before his time, what was answered is
/// answered in the same way; what services tell is refused where it lies ahead of everything, and taken when the hour is over.
#[tokio::test]
async fn an_hour_back_gives_nothing_away() {
    let world = World::start().await;
    let pool = Pool {
        cooldown_days: Some(1),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    world.rule(follow_up(&pool, 7)).await;
    let untouched = world.create("Untouched", &pool, "bob").await.id;
    let kept = world.create("Kept", &pool, "bob").await.id;
    let cooled = world.create("Cooled", &pool, "bob").await.id;
    world.server.clock.advance(TimeDelta::days(2));
    let right = world.server.clock.now();
    assert_eq!(
        world.follows_up("first", &kept, right).await,
        Ok(RecordOutcome::Recorded)
    );
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&cooled))
        .await
        .unwrap();
    let request = proto::ClaimAccountRequest {
        request_id: "once".into(),
        ..claim(&cooled)
    };
    let cid = world.user("cid");
    let claimed = cid
        .circulation()
        .claim_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    world.relay().await;

    let behind = right - HOUR;
    world.set_clock(behind);
    assert_eq!(world.takes().await, 0);
    let again = cid
        .circulation()
        .claim_account(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, claimed);
    // The account itself was there at that time; of the other one nothing is known that late.
    assert_eq!(
        world.follows_up("second", &kept, right).await,
        Ok(RecordOutcome::Recorded)
    );
    let refused = world.follows_up("third", &untouched, right).await;
    assert_eq!(refused, Err(Reason::OccurredInFuture.as_str().into()));
    cid.circulation().return_account(give_back(&cooled)).await.unwrap();
    for (user, lasts) in [("bob", true), ("cid", true), ("dan", false)] {
        let answer = world.user(user).circulation().claim_account(claim(&cooled)).await;
        if lasts {
            answer.refused(Code::FailedPrecondition, Reason::ClaimCooldownActive);
        } else {
            answer.unwrap();
        }
    }
    // Nothing older takes the place of what is known.
    assert_eq!(
        world.follows_up("old", &kept, behind).await,
        Ok(RecordOutcome::Recorded)
    );
    assert_eq!(world.account(&kept).await.last_follow_up_time, time(right));
    world.relay().await;

    world.set_clock(right);
    assert_eq!(
        world.follows_up("third", &untouched, right).await,
        Ok(RecordOutcome::Recorded)
    );
    assert_eq!(
        cid.circulation().claim_account(request).await.unwrap().into_inner(),
        claimed
    );
    assert_eq!(world.takes().await, 0);
    world.set_clock(right + TimeDelta::days(DAYS) - HOUR);
    assert_eq!(world.takes().await, 0);
    world.set_clock(right + TimeDelta::days(DAYS));
    assert_eq!(world.takes().await, 3);
    for id in [&untouched, &kept, &cooled] {
        world.runs_forward(id).await;
    }
    world.stop().await;
}

/// P13: ids of one process rise through any jump, and are never given twice; what was created last is last.
#[tokio::test]
async fn ids_rise_whatever_the_clock_says() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let right = world.server.clock.now();
    let mut ids = Vec::new();
    for (at, off) in [0, 3600, 0, -3600, 0, 7200, -7200].into_iter().enumerate() {
        world.set_clock(right + TimeDelta::seconds(off));
        ids.extend(world.many_lying(&format!("Jump {at}"), &pool, 40).await);
    }
    let different: HashSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    assert!(ids.is_sorted(), "{ids:?}");
    world.stop().await;
}

/// A pool of New York whose accounts go back after a day, and two of them that bob owns since then.
async fn in_new_york(world: &World, since: DateTime<Utc>) -> [String; 2] {
    world.set_clock(since);
    let name = since.to_string();
    let pool = Pool {
        time_zone: "America/New_York".into(),
        ..open_pool(&name)
    };
    let pool = world.pool(pool).await;
    world.rule(follow_up(&pool, 1)).await;
    let ids = world.site().many(&name, &pool, "bob", 2).await;
    ids.try_into().unwrap()
}

/// P13, T30: the clock jumps over the hour that is missing in spring, and back, and over the one that is there twice in autumn, and
/// back. Days end when they end by the zone's clock: nothing is taken before, and nothing that was followed up.
#[tokio::test]
async fn jumps_over_a_change_of_the_zone_take_nothing_early() {
    let utc = |text: &str| -> DateTime<Utc> { format!("2026-{text}:00Z").replace(' ', "T").parse().unwrap() };
    let world = World::start().await;
    for (since, jumps, followed_up, due) in [
        // Ten in the morning to ten in the morning: an hour less than a day.
        (
            "03-07 15:00",
            ["03-08 06:30", "03-08 07:30", "03-08 06:30"],
            "03-08 07:30",
            "03-08 14:00",
        ),
        // An hour more. Half past one comes twice.
        (
            "10-31 14:00",
            ["11-01 05:30", "11-01 06:30", "11-01 05:30"],
            "11-01 06:30",
            "11-01 15:00",
        ),
    ] {
        let [idle, saved] = in_new_york(&world, utc(since)).await;
        for (at, jump) in jumps.into_iter().enumerate() {
            world.set_clock(utc(jump));
            assert_eq!(world.takes().await, 0, "{jump}");
            assert_eq!(world.ownership(&idle).await.reclaim_time, time(utc(due)));
            let event = format!("{}-{at}", since.replace([' ', ':'], "-"));
            assert_eq!(
                world.follows_up(&event, &saved, utc(jump)).await,
                Ok(RecordOutcome::Recorded)
            );
        }
        assert_eq!(world.account(&saved).await.last_follow_up_time, time(utc(followed_up)));
        world.set_clock(utc(due) - TimeDelta::microseconds(1));
        assert_eq!(world.takes().await, 0);
        world.set_clock(utc(due));
        assert_eq!(world.takes().await, 1);
        assert_eq!(
            (world.owner(&idle).await, world.owner(&saved).await),
            (String::new(), "bob".into())
        );
        // A day after the last one by the zone's clock, to which nothing has jumped yet.
        let deadline = world.ownership(&saved).await.reclaim_time.unwrap();
        assert_eq!(deadline.seconds, (utc(followed_up) + TimeDelta::days(1)).timestamp());
        world.set_clock(utc(followed_up) + TimeDelta::days(1));
        assert_eq!(world.takes().await, 1);
        for id in [&idle, &saved] {
            world.runs_forward(id).await;
        }
    }
    world.stop().await;
}

/// P12, P13: the database's own clock goes back by an hour while somebody has the leases, who dies. They end later than leases can:
/// whoever comes next does not wait for an hour.
#[tokio::test]
async fn leases_of_another_time_are_nobodys() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 7)).await;
    world.create("Idle", &pool, "bob").await;
    assert_eq!((world.takes().await, world.relay().await), (0, 1));
    world.server.clock.advance(TimeDelta::days(DAYS));
    let until = Clock::System.now() + HOUR;
    let held = format!(
        "UPDATE lease SET owner = 'dead', epoch = epoch + 1, expire_time = {}",
        until.timestamp_micros()
    );
    run_sql(world.server.config.database.url.expose_secret(), held).await;
    assert_eq!((world.takes().await, world.relay().await), (1, 1));
    world.stop().await;
}
