//! A reminder is there once: whatever happens to the workers that decide it, and however many there are.

use super::{before, brief, idle::idle};
use crate::{
    jobs::{another_app, lease},
    rules::{create, exact},
    world::{World, open_pool},
};
use chrono::TimeDelta;
use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};
use tidepool::rpc::proto::{
    BulkClaimAccountsRequest, ReclaimRule, ReminderRecipient, bulk_claim_accounts_request::Item,
};

/// A world in which `bob` claimed so many accounts, whose deadline is on 31 March, 10:00, with reminders before.
async fn due(accounts: usize) -> (World, String, Vec<String>) {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let rule = ReclaimRule {
        reminders: vec![
            before(3, &[ReminderRecipient::Owner]),
            before(1, &[ReminderRecipient::Owner]),
        ],
        ..exact(&pool, 30)
    };
    create(&world.server.admin(), rule, None).await.unwrap();
    let ids = world.many_lying("Card", &pool, accounts).await;
    let item = |id: &String| Item {
        account_id: id.clone(),
        ..Item::default()
    };
    for chunk in ids.chunks(500) {
        let request = BulkClaimAccountsRequest {
            items: chunk.iter().map(item).collect(),
            ..Default::default()
        };
        let mut moves = world.user("bob").circulation();
        moves.bulk_claim_accounts(request).await.unwrap();
    }
    (world, pool, ids)
}

async fn all_reminded(world: &World, ids: &[String], wanted: &[&str]) {
    for id in ids {
        let reminders = world.reminders(id).await;
        let found: Vec<_> = reminders.iter().map(brief).collect();
        assert_eq!(found, wanted, "{id}");
    }
}

const THREE: &str = "3 days before 2026-03-31 10:00: bob";
const ONE: &str = "1 days before 2026-03-31 10:00: bob";

/// W22: two workers at the same accounts at the same time, without a lease between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_remind_once() {
    let (world, pool, ids) = due(120).await;
    world.remind(idle(&pool, 28)).await;
    world.sweep().await;
    let other = another_app(&world).await;
    let here = &world.server.running.app;
    let (one, two) = (lease(here, "one").await, lease(&other, "two").await);
    for (at, wanted) in [
        ("2026-03-28 09:00", vec![THREE]),
        ("2026-03-29 10:00", vec![THREE, "idle: bob"]),
        ("2026-03-30 09:00", vec![THREE, "idle: bob", ONE]),
    ] {
        world.go_to(at);
        let (first, second) = tokio::join!(
            here.sweep(&one, TimeDelta::zero(), || true),
            other.sweep(&two, TimeDelta::zero(), || true)
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(
            (first.reminded + second.reminded, first.failed + second.failed),
            (120, 0),
            "{at}"
        );
        all_reminded(&world, &ids, &wanted).await;
    }
    other.db.close().await;
    world.stop().await;
}

/// W22: a worker that stops between two batches; whoever goes on repeats nothing and leaves nothing out.
#[tokio::test]
async fn another_worker_goes_on_where_one_stopped() {
    let (world, _, ids) = due(700).await;
    let other = another_app(&world).await;
    let leased = lease(&other, "other").await;
    world.go_to("2026-03-28 09:00");
    let rounds = AtomicUsize::new(0);
    let once = || rounds.fetch_add(1, Ordering::SeqCst) == 0;
    let swept = other.sweep(&leased, TimeDelta::zero(), once).await.unwrap();
    assert_eq!(swept.reminded, 500);
    other.db.close().await;
    // A process of its own, that knows nothing of the one before.
    let next = another_app(&world).await;
    let leased = lease(&next, "next").await;
    let swept = next.sweep(&leased, TimeDelta::zero(), || true).await.unwrap();
    assert_eq!(swept.reminded, 200);
    assert_eq!(world.sweep().await.reminded, 0);
    all_reminded(&world, &ids, &[THREE]).await;
    next.db.close().await;
    world.stop().await;
}

/// W20, W22: a worker that dies anywhere in the middle of its work has reminded or it has not: the mark on the account and
/// the event are one transaction.
#[tokio::test]
async fn a_worker_that_dies_neither_loses_nor_repeats() {
    let (world, _, ids) = due(20).await;
    world.go_to("2026-03-28 09:00");
    let deaths = [
        ("a", 1),
        ("b", 2),
        ("c", 3),
        ("d", 5),
        ("e", 8),
        ("f", 13),
        ("g", 21),
        ("h", 34),
    ];
    for (name, polls) in deaths {
        let doomed = another_app(&world).await;
        let leased = lease(&doomed, name).await;
        {
            let mut sweep = pin!(doomed.sweep(&leased, TimeDelta::zero(), || true));
            let mut left: u32 = polls;
            std::future::poll_fn(|context| {
                let ended = sweep.as_mut().poll(context).is_ready();
                left -= 1;
                if ended || left == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        doomed.db.close().await;
        let (none, some): (Vec<String>, _) = (vec![], vec![THREE.to_owned()]);
        let mut found = vec![];
        for id in &ids {
            found.push(world.reminded(id).await);
        }
        let together = found.iter().all(|one| *one == none) || found.iter().all(|one| *one == some);
        assert!(together, "after {polls} polls: {found:?}");
    }
    world.sweep().await;
    all_reminded(&world, &ids, &[THREE]).await;
    world.go_to("2026-03-30 09:00");
    assert_eq!(world.sweep().await.reminded, 20);
    all_reminded(&world, &ids, &[THREE, ONE]).await;
    world.stop().await;
}
