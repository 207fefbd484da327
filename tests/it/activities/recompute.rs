//! Deals are counted again on request, under the present rules.

use super::told;
use crate::{
    harness::{Refused, run_sql},
    jobs::{another_app, lease},
    world::{World, open_pool},
};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tidepool::{
    domain::{
        ids::{JobId, TenantName},
        refusal::Reason,
    },
    rpc::proto::{self, Activity, DealStatus, Job, JobState},
    store::job::Open,
    worker,
};
use tonic::Code;

impl World {
    async fn recompute(&self) -> Job {
        let request = proto::RecomputeDealStatusRequest::default();
        let mut rules = self.user("root").activity_rules();
        let started = rules.recompute_deal_status(request).await.unwrap().into_inner();
        started.job.unwrap()
    }

    pub(super) async fn recomputed(&self) -> Job {
        let job = self.recompute().await;
        // A batch that had too little time, on a machine with much else to do, is tried again.
        for _ in 0..5 {
            if worker::jobs::once(&self.server.running.app).await.unwrap().failed == 0 {
                break;
            }
        }
        let request = proto::GetJobRequest { job_id: job.id };
        let got = self.server.admin().jobs().get_job(request).await.unwrap();
        got.into_inner().job.unwrap()
    }

    async fn deals(&self, id: &str) -> (i64, DealStatus) {
        let deals = self.account(id).await.deals.unwrap();
        (deals.won_count, deals.status())
    }
}

/// D39: deals are counted again from all that was told, by who was in the team when it was told, and a second time changes
/// nothing. Where a deadline comes nearer by that, the owner has notice. CRM admins start it.
#[tokio::test]
async fn deals_are_counted_again_on_request() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = proto::ReclaimRule {
        close_days: Some(10),
        follow_up_days: None,
        ..crate::sweeping::follow_up(&pool, 7)
    };
    world.rule(rule).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    let other = world.create("Other", &pool, "bob").await.id;
    let start = world.server.clock.now();
    world.server.clock.advance(TimeDelta::days(9));
    let at = |event: &str, object: &str, kind: &str, hour: i64| Activity {
        object_id: object.into(),
        ..told(event, &id, kind, start + TimeDelta::hours(hour))
    };
    let by = |actor: &str, activity: Activity| Activity {
        actor: actor.into(),
        ..activity
    };
    world
        .tell(
            "crm",
            vec![
                by("bob", at("e1", "p1", "opportunity.won", 1)),
                at("e2", "s1", "sales_order.confirmed", 2),
                by("bob", at("e3", "s2", "sales_order.confirmed", 3)),
                by("dan", at("e4", "s3", "sales_order.confirmed", 4)),
                at("e5", "s4", "sales_order.confirmed", 5),
                at("e6", "s4", "sales_order.canceled", 6),
            ],
        )
        .await;
    assert_eq!(world.deals(&id).await, (1, DealStatus::Won));
    assert_eq!(world.ownership(&id).await.reclaim_time, None, "a win exempts");
    world.close_by("sales_order.confirmed").await;
    assert_eq!(world.deals(&id).await, (1, DealStatus::Won), "not of itself");

    let request = proto::RecomputeDealStatusRequest::default();
    let by_bob = world.user("bob").activity_rules().recompute_deal_status(request).await;
    by_bob.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let look = proto::RecomputeDealStatusRequest {
        validate_only: true,
        ..Default::default()
    };
    let mut admin = world.user("root").activity_rules();
    let preview = admin.recompute_deal_status(look).await.unwrap().into_inner();
    assert_eq!((preview.job, preview.preview.unwrap().total), (None, 2));

    let job = world.recomputed().await;
    assert_eq!(
        (job.state(), job.done, job.moved, job.refused),
        (JobState::Succeeded, 2, 1, 0)
    );
    assert_eq!(world.deals(&id).await, (2, DealStatus::RepeatedlyWon));
    let before = (world.account(&id).await, world.account(&other).await);
    let job = world.recomputed().await;
    assert_eq!((job.state(), job.done, job.moved), (JobState::Succeeded, 2, 0));
    assert_eq!((world.account(&id).await, world.account(&other).await), before);

    // Nothing that was told closes any more.
    world.close_by("contract.created").await;
    world.server.clock.advance(TimeDelta::days(30));
    world.recomputed().await;
    assert_eq!(world.deals(&id).await, (0, DealStatus::Open));
    let now = world.server.clock.now();
    let due = world.ownership(&id).await.reclaim_time.unwrap();
    assert!(due.seconds >= (now + TimeDelta::hours(24)).timestamp(), "{due:?}");
    let request = proto::ListAccountEventsRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    let events = world
        .server
        .admin()
        .history()
        .list_account_events(request)
        .await
        .unwrap();
    let events = events.into_inner().account_events;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "account.deals_recomputed").count(),
        2
    );
    world.stop().await;
}

/// D39, P4: activities that come while deals are counted again are neither lost nor counted twice, and two workers do the work
/// of one.
#[tokio::test]
async fn counting_again_races_with_activities() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 12).await;
    let now = world.server.clock.now();
    let told = |event: &str, id: &str, object: &str| Activity {
        object_id: format!("{object}-{id}"),
        ..told(&format!("{event}-{id}"), id, "sales_order.confirmed", now)
    };
    world
        .tell("crm", ids.iter().map(|id| told("a", id, "s1")).collect())
        .await;
    world.close_by("sales_order.confirmed").await;
    let job = world.recompute().await;
    let open = Open {
        tenant: TenantName::parse("acme").unwrap(),
        id: JobId::parse(&job.id).unwrap(),
    };
    let second = another_app(&world).await;
    let first = &world.server.running.app;
    let leases = (lease(first, "one").await, lease(&second, "two").await);
    let work = async |app: &tidepool::app::App, lease| while app.one_batch(lease, &open, 5).await.unwrap_or(true) {};
    let telling = async {
        for id in &ids {
            let answers = world.tell("crm", vec![told("b", id, "s2"), told("c", id, "s1")]).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
    };
    tokio::join!(work(first, &leases.0), work(&second, &leases.1), telling);
    for id in &ids {
        assert_eq!(world.deals(id).await, (2, DealStatus::RepeatedlyWon));
    }
    second.db.close().await;
    world.stop().await;
}

/// An account of which more was told than the ten thousand activities, and objects, that are read at once: it is counted page
/// by page, exactly.
#[tokio::test]
async fn an_account_of_any_size_is_counted_again() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let (id, small) = (world.lying("Acme", &pool).await, world.lying("Small", &pool).await);
    let now = world.server.clock.now();
    let seed = Activity {
        object_id: "seed".into(),
        ..told("seed", &id, "sales_order.confirmed", now)
    };
    let other = Activity {
        object_id: "z-other".into(),
        ..told("other", &small, "sales_order.confirmed", now)
    };
    world.tell("crm", vec![seed, other]).await;
    let digits: Vec<_> = (0..10).map(|digit| format!("SELECT {digit} AS digit")).collect();
    let digits = digits.join(" UNION ALL ");
    let places = ["a", "b", "c", "d", "e"].map(|place| format!("JOIN ({digits}) {place}"));
    let number = "a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit";
    // Of each object that it was confirmed, then, of each tenth, that it was canceled.
    let count = 12_000;
    let fill = format!(
        "INSERT INTO activity (tenant, source, event_id, payload_hash, account_id, kind, object_id, occur_time, record_time, \
         summary) SELECT s.tenant, s.source, 2 * ({number}) + w.later, s.payload_hash, s.account_id, \
         CASE WHEN w.later = 0 THEN s.kind WHEN a.digit = 3 THEN 'sales_order.canceled' ELSE 'sales_order.shipped' END, \
         {number}, s.occur_time - 60000000 + w.later, s.record_time, s.summary FROM activity s \
         JOIN (SELECT 0 AS later UNION ALL SELECT 1) w {} WHERE s.event_id = 'seed' AND {number} < {count}",
        places.join(" ")
    );
    run_sql(world.server.config.database.url.expose_secret(), fill).await;
    world.close_by("sales_order.confirmed").await;
    let job = world.recomputed().await;
    assert_eq!((job.state(), job.moved), (JobState::Succeeded, 2));
    // Nine of ten, and that from the beginning.
    assert_eq!(world.deals(&id).await, (count / 10 * 9 + 1, DealStatus::RepeatedlyWon));
    assert_eq!(world.deals(&small).await, (1, DealStatus::Won));
    let last = world.account(&id).await.deals.unwrap().last_won_time;
    assert_eq!(last, super::time(now));
    assert_eq!(world.recomputed().await.moved, 0);
    // And all of them back.
    world.close_by("opportunity.won").await;
    assert_eq!(world.recomputed().await.moved, 2);
    assert_eq!(world.deals(&id).await, (0, DealStatus::Open));
    world.stop().await;
}
