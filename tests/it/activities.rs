//! Activities come in: what they change, what is refused, and that neither order nor repetition matters.

mod objects;
mod paced;
mod recompute;
mod rules;
mod schedules;

use crate::{
    harness::{Client, Refused},
    world::{World, claim, give_back, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Activity, DealStatus, Pool, RecordOutcome, RelatedAccess},
};
use tonic::Code;
use tonic_types::StatusExt;

#[expect(
    clippy::unnecessary_wraps,
    reason = "fields of messages are optional, and this is one"
)]
pub(crate) fn time(at: DateTime<Utc>) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: at.timestamp_subsec_nanos().cast_signed(),
    })
}

pub(crate) fn told(event: &str, account: &str, kind: &str, at: DateTime<Utc>) -> Activity {
    Activity {
        event_id: event.into(),
        account_id: account.into(),
        kind: kind.into(),
        // An object belongs to one account.
        object_id: format!("o-{account}"),
        occur_time: time(at),
        ..Activity::default()
    }
}

impl World {
    /// A service that may tell of activities.
    pub(crate) fn source(&self, name: &str) -> Client {
        self.server.caller("acme", name, &[Scope::Ingest])
    }

    /// Tells, and says what came of it: the outcome, or the reason of the refusal.
    pub(crate) async fn tell(&self, source: &str, activities: Vec<Activity>) -> Vec<Result<RecordOutcome, String>> {
        let request = proto::RecordActivitiesRequest {
            activities,
            ..Default::default()
        };
        let answer = self
            .source(source)
            .activities()
            .record_activities(request)
            .await
            .unwrap()
            .into_inner();
        let outcome = |result: proto::record_activities_response::Result| {
            let status = result.status.clone().unwrap();
            if status.code == 0 {
                return Ok(result.outcome());
            }
            let bytes = prost::Message::encode_to_vec(&status);
            let status = tonic::Status::with_details(Code::from(status.code), status.message, bytes.into());
            Err(status.get_error_details().error_info().unwrap().reason.clone())
        };
        answer.results.into_iter().map(outcome).collect()
    }
}

/// R007, R026-R028, R174, R175: a follow-up and a won opportunity are kept; a second one makes a repeated win, a reversal
/// takes it back.
#[tokio::test]
async fn follow_ups_and_deals_are_kept() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    world.server.clock.advance(TimeDelta::days(10));
    let now = world.server.clock.now();

    let order = told("e1", &id, "sales_order.created", now - TimeDelta::hours(2));
    let won = told("e2", &id, "opportunity.won", now - TimeDelta::hours(1));
    assert_eq!(
        world.tell("crm", vec![order, won]).await,
        [Ok(RecordOutcome::Recorded), Ok(RecordOutcome::Recorded)]
    );
    let account = world.account(&id).await;
    assert_eq!(account.last_follow_up_time, time(now - TimeDelta::hours(1)));
    let deals = account.deals.unwrap();
    assert_eq!(
        (deals.status(), deals.won_count, deals.last_won_time),
        (DealStatus::Won, 1, time(now - TimeDelta::hours(1)))
    );

    let again = Activity {
        object_id: "o2".into(),
        ..told("e3", &id, "opportunity.won", now)
    };
    world.tell("crm", vec![again]).await;
    assert_eq!(
        world.account(&id).await.deals.unwrap().status(),
        DealStatus::RepeatedlyWon
    );
    let reopened = Activity {
        object_id: "o2".into(),
        ..told("e4", &id, "opportunity.reopened", now)
    };
    world.tell("crm", vec![reopened]).await;
    assert_eq!(world.account(&id).await.deals.unwrap().status(), DealStatus::Won);
    world.stop().await;
}

/// D37, R029: what somebody outside the team closes does not count; what the owner or a system closes does.
#[tokio::test]
async fn only_the_owner_the_team_and_systems_close_deals() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let now = world.server.clock.now();
    let by = |event: &str, object: &str, actor: &str| Activity {
        actor: actor.into(),
        object_id: object.into(),
        ..told(event, &id, "opportunity.won", now)
    };
    world.tell("crm", vec![by("e1", "o1", "dan")]).await;
    assert_eq!(world.account(&id).await.deals.unwrap().won_count, 0);
    world.tell("crm", vec![by("e2", "o2", "bob"), by("e3", "o3", "")]).await;
    assert_eq!(world.account(&id).await.deals.unwrap().won_count, 2);
    world.stop().await;
}

/// W18: what is told twice is told once; another payload under the same id, the far future, and accounts that are not
/// there are refused one by one.
#[tokio::test]
async fn bad_activities_fail_alone() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    let now = world.server.clock.now();
    let first = told("e1", &id, "sales_record.created", now);
    assert_eq!(
        world.tell("crm", vec![first.clone()]).await,
        [Ok(RecordOutcome::Recorded)]
    );
    let other = Activity {
        summary: "something else".into(),
        ..first.clone()
    };
    let future = told(
        "e2",
        &id,
        "call.made",
        now + TimeDelta::minutes(5) + TimeDelta::microseconds(1),
    );
    let unknown = told("e3", "01890a5d-ac96-774b-bcce-b302099a8057", "call.made", now);
    let wrong = Activity {
        kind: "Call".into(),
        occur_time: None,
        ..told("e4", &id, "", now)
    };
    let no_object = Activity {
        object_id: String::new(),
        ..told("e5", &id, "opportunity.won", now)
    };
    let fine = told("e6", &id, "call.made", now);
    let answers = world
        .tell(
            "crm",
            vec![first.clone(), other, future, unknown, wrong, no_object, fine],
        )
        .await;
    let refused = |reason: Reason| Err(reason.as_str().to_owned());
    assert_eq!(
        answers,
        [
            Ok(RecordOutcome::Duplicate),
            refused(Reason::EventIdReused),
            refused(Reason::OccurredInFuture),
            refused(Reason::NotFound),
            refused(Reason::InvalidArgument),
            refused(Reason::InvalidArgument),
            Ok(RecordOutcome::Recorded),
        ]
    );
    // Another source has ids of its own.
    assert_eq!(world.tell("erp", vec![first]).await, [Ok(RecordOutcome::Recorded)]);
    world.stop().await;
}

/// Events that come in any order, twice, and in any batches end in the same state.
#[tokio::test]
async fn order_and_repetition_do_not_matter() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let start = world.server.clock.now();
    world.server.clock.advance(TimeDelta::days(30));
    let script = |id: &str| {
        let day = |days: i64| start + TimeDelta::days(days);
        vec![
            told("a", id, "sales_record.created", day(3)),
            told("b", id, "opportunity.won", day(5)),
            told("c", id, "opportunity.reopened", day(6)),
            told("d", id, "opportunity.won", day(9)),
            Activity {
                object_id: "o2".into(),
                ..told("e", id, "opportunity.won", day(7))
            },
            told("f", id, "sales_order.created", day(2)),
        ]
    };
    // A seeded shuffle: the multiplier is coprime to the number of events.
    let mut states = Vec::new();
    for round in 0..6_usize {
        let id = world.lying(&format!("Acme {round}"), &pool).await;
        let source = format!("source-{round}");
        let events = script(&id);
        let order: Vec<_> = (0..events.len())
            .map(|at| (at * [1, 5, 1, 5, 1, 5][round] + round) % events.len())
            .collect();
        for batch in order.chunks(1 + round % 3) {
            let batch: Vec<_> = batch.iter().map(|at| events[*at].clone()).collect();
            // One event twice in a batch is one event.
            world
                .tell(&source, batch.iter().chain(&batch[..1]).cloned().collect())
                .await;
        }
        world.tell(&source, events).await;
        let account = world.account(&id).await;
        states.push((account.last_follow_up_time, account.deals));
    }
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "{states:?}");
    assert_eq!(states[0].1.as_ref().unwrap().won_count, 2);
    world.stop().await;
}

/// R170, R187: members see activities of an unclaimed account as the pool allows; users tell of their own accounts.
#[tokio::test]
async fn timelines_are_shown_as_the_pool_allows() {
    let world = World::start().await;
    let closed = world.pool(open_pool("Closed")).await;
    let open = Pool {
        unclaimed_related_access: RelatedAccess::View.into(),
        ..open_pool("Open")
    };
    let open = world.pool(open).await;
    let now = world.server.clock.now();
    for (pool, allowed) in [(&closed, false), (&open, true)] {
        let id = world.lying(&format!("In {pool}"), pool).await;
        world
            .tell(
                "crm",
                vec![told(&format!("e {pool}").replace(' ', "-"), &id, "call.made", now)],
            )
            .await;
        let list = || proto::ListActivitiesRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let answer = world.user("bob").activities().list_activities(list()).await;
        if allowed {
            assert_eq!(answer.unwrap().into_inner().activities.len(), 1);
        } else {
            answer.refused(Code::PermissionDenied, Reason::NotAuthorized);
        }
        let activities = vec![told("by-bob", &id, "call.made", now)];
        let request = proto::RecordActivitiesRequest {
            activities,
            ..Default::default()
        };
        let by_bob = world
            .user("bob")
            .activities()
            .record_activities(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(by_bob.results[0].status.as_ref().unwrap().code, Code::NotFound as i32);
        world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
        assert_eq!(
            world
                .user("bob")
                .activities()
                .list_activities(list())
                .await
                .unwrap()
                .into_inner()
                .activities
                .len(),
            1
        );
        world
            .user("bob")
            .circulation()
            .return_account(give_back(&id))
            .await
            .unwrap();
    }
    world.stop().await;
}
