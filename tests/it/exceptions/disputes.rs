//! X16: what becomes known only after an automatic reclaim.

use super::{Ask, Stage, exact};
use crate::{
    activities::{time, told},
    harness::Client,
    moves::{Wish, named_pool, reason},
    world::{claim, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::rpc::proto::{self, Activity, CombineMode, DisputedReclaim, Pool, ReclaimRule};
use tonic::Status;

async fn page(client: &Client, pool: &str, size: i32, token: &str) -> Result<(Vec<DisputedReclaim>, String), Status> {
    let request = proto::ListDisputedReclaimsRequest {
        pool_id: pool.into(),
        page_size: size,
        page_token: token.into(),
    };
    let listed = client.exceptions().list_disputed_reclaims(request).await?.into_inner();
    Ok((listed.disputed_reclaims, listed.next_page_token))
}

async fn listed(client: &Client, pool: &str) -> Vec<String> {
    let (rows, _) = page(client, pool, 0, "").await.unwrap();
    rows.into_iter().map(|row| row.account_id).collect()
}

impl Stage {
    /// Tells of it; whether the account is disputed afterwards.
    async fn tell(&self, event: &str, id: &str, kind: &str, at: DateTime<Utc>) -> bool {
        self.tell_all(vec![told(event, id, kind, at)], id).await
    }

    async fn tell_all(&self, activities: Vec<Activity>, id: &str) -> bool {
        let said = self.world.tell("crm", activities).await;
        assert!(said.iter().all(Result::is_ok), "{said:?}");
        self.world.account(id).await.disputed_time.is_some()
    }
}

/// X16, 3.12: the reclaim stands, the account is listed until it is undone, and the late follow-up counts then.
#[tokio::test]
async fn a_late_follow_up_disputes_the_reclaim() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let (adm, root) = (world.user("adm"), world.user("root"));
    let id = stage.reclaimed("Acme").await;
    let lost = stage.now();
    stage.pass(TimeDelta::hours(2));
    assert!(
        stage
            .tell("e1", &id, "sales_record.created", lost - TimeDelta::hours(1))
            .await
    );
    let account = world.account(&id).await;
    assert_eq!(account.disputed_time, time(stage.now()));
    assert_eq!(account.last_follow_up_time, time(lost - TimeDelta::hours(1)));
    assert_eq!(account.ownership.as_ref().unwrap().owner, "");
    assert_eq!(
        stage.kinds(&id).await,
        ["created", "claimed", "reclaimed", "reclaim_disputed"]
    );
    let (rows, token) = page(&adm, &stage.home, 0, "").await.unwrap();
    let expected = DisputedReclaim {
        account_id: id.clone(),
        name: "Acme".into(),
        last_owner: "bob".into(),
        origin_pool_id: stage.home.clone(),
        pool_id: stage.home.clone(),
        reclaimed_time: time(lost),
        disputed_time: account.disputed_time,
        etag: "4".into(),
    };
    assert_eq!((rows, token), (vec![expected], String::new()));
    // Another one tells nothing new.
    assert!(
        stage
            .tell("e2", &id, "sales_record.created", lost - TimeDelta::minutes(1))
            .await
    );
    assert_eq!(stage.kinds(&id).await.last().unwrap(), "activity_recorded");
    // Members who may claim it are told nothing of it.
    let request = proto::GetAccountRequest { account_id: id.clone() };
    let seen = world
        .user("bob")
        .accounts()
        .get_account(request)
        .await
        .unwrap()
        .into_inner()
        .account
        .unwrap();
    assert_eq!(seen.disputed_time, None);

    let undone = stage.ask("adm", &id, Ask::Undo).await.unwrap();
    assert_eq!(undone.disputed_time, None);
    assert_eq!(
        stage.deadline(&id).await,
        Some(lost - TimeDelta::minutes(1) + TimeDelta::days(30))
    );
    assert_eq!(listed(&root, "").await, Vec::<String>::new());
    stage.stop().await;
}

/// X16: only what lies in that tenure, and would have kept the account where it was.
#[tokio::test]
async fn only_what_would_have_saved_it_counts() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let before = stage.now();
    stage.pass(TimeDelta::days(1));
    let id = stage.reclaimed("Acme").await;
    let lost = stage.now();
    stage.pass(TimeDelta::days(1));
    for (event, kind, at) in [
        ("of-another-kind", "customer.opted_out", lost - TimeDelta::days(1)),
        ("before-him", "sales_record.created", before),
        ("after-him", "sales_record.created", lost),
        ("now", "sales_record.created", stage.now()),
    ] {
        assert!(!stage.tell(event, &id, kind, at).await, "{event}");
    }
    // Known since, but it does not belong to him; the one that does counts although it lies before.
    assert!(
        stage
            .tell("his", &id, "sales_record.created", lost - TimeDelta::microseconds(1))
            .await
    );

    // One whose days would have run out all the same: the account was swept late.
    let late = stage.claimed("Late", "bob").await;
    let claimed = stage.now();
    stage.pass(TimeDelta::days(50));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert!(
        !stage
            .tell("too-early", &late, "sales_record.created", claimed + TimeDelta::days(5))
            .await
    );
    assert!(
        stage
            .tell("in-time", &late, "sales_record.created", claimed + TimeDelta::days(25))
            .await
    );
    stage.stop().await;
}

/// X16, R029: a deal that he closed in his time disputes it too, and counts as his although he owns the account no more.
#[tokio::test]
async fn a_late_win_disputes_the_reclaim() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    world
        .rule(ReclaimRule {
            follow_up_days: None,
            close_days: Some(30),
            ..exact(&stage.home, 30)
        })
        .await;
    let (id, other) = (stage.claimed("Acme", "bob").await, stage.claimed("Other", "bob").await);
    stage.pass(TimeDelta::days(30));
    assert_eq!(world.sweep().await.reclaimed, 2);
    let at = stage.now() - TimeDelta::days(2);
    let won = |event: &str, account: &str, actor: &str| Activity {
        actor: actor.into(),
        object_id: format!("of {event}").replace(' ', "-"),
        ..told(event, account, "opportunity.won", at)
    };
    // Follow-ups are no matter to this rule; deals of others do not count.
    assert!(!stage.tell("follow-up", &id, "sales_record.created", at).await);
    assert!(!stage.tell_all(vec![won("theirs", &id, "dan")], &id).await);
    assert!(stage.tell_all(vec![won("his", &id, "bob")], &id).await);
    assert!(stage.tell_all(vec![won("of-a-system", &other, "")], &other).await);
    assert_eq!(world.account(&id).await.deals.unwrap().won_count, 1);
    // A win exempts him.
    stage.ask("adm", &id, Ask::Undo).await.unwrap();
    assert_eq!(stage.deadline(&id).await, None);
    stage.stop().await;
}

/// X16: of two clocks that have to run out both, one that goes on is enough.
#[tokio::test]
async fn two_clocks_are_looked_at_together() {
    let stage = Stage::without_rule().await;
    let rule = ReclaimRule {
        close_days: Some(40),
        ..exact(&stage.home, 15)
    };
    stage
        .world
        .rule(ReclaimRule {
            combine: CombineMode::Either.into(),
            ..rule
        })
        .await;
    let id = stage.claimed("Acme", "bob").await;
    let claimed = stage.now();
    for day in [10, 20, 30] {
        stage.pass(claimed + TimeDelta::days(day) - stage.now());
        stage
            .tell(&format!("e{day}"), &id, "sales_record.created", stage.now())
            .await;
    }
    stage.pass(TimeDelta::days(10));
    assert_eq!(stage.world.sweep().await.reclaimed, 1);
    // The deal clock took it: a follow-up would not have helped.
    assert!(
        !stage
            .tell("late", &id, "sales_record.created", stage.now() - TimeDelta::days(1))
            .await
    );
    assert!(
        stage
            .tell("won", &id, "opportunity.won", stage.now() - TimeDelta::days(2))
            .await
    );
    stage.stop().await;
}

/// X16: whoever owns the account next ends the dispute, whichever way he gets it; so does its end.
#[tokio::test]
async fn the_next_owner_ends_the_dispute() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let root = world.user("root");
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.push(stage.claimed(&format!("Card {at}"), "bob").await);
    }
    stage.pass(TimeDelta::days(30));
    assert_eq!(world.sweep().await.reclaimed, 5);
    stage.pass(TimeDelta::hours(1));
    for (at, id) in ids.iter().enumerate() {
        let follow_up = stage.now() - TimeDelta::hours(2);
        assert!(
            stage
                .tell(&format!("e{at}"), id, "sales_record.created", follow_up)
                .await
        );
    }
    assert_eq!(listed(&root, "").await, ids);
    // Where it is moved, it stays disputed; out of use, it is not shown.
    let other = world.pool(named_pool("Other")).await;
    world.play("adm", &ids[0], Wish::transfer(&other)).await;
    world.play("root", &ids[1], Wish::Cancel).await;
    assert_eq!(
        listed(&world.user("adm"), &stage.home).await,
        [&ids[0], &ids[2], &ids[3], &ids[4]].map(Clone::clone)
    );
    assert_eq!(listed(&world.user("adm"), &other).await, Vec::<String>::new());
    world.play("root", &ids[1], Wish::Delete).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[2]))
        .await
        .unwrap();
    world.play("adm", &ids[3], Wish::assign("cid")).await;
    world.play("root", &ids[4], Wish::Cancel).await;
    assert_eq!(listed(&root, "").await, ids[..1]);
    world.play("root", &ids[4], Wish::Restore(false)).await;
    // What comes back without an owner is as it was.
    assert_eq!(listed(&root, "").await, [&ids[0], &ids[4]].map(Clone::clone));
    world.server.verify().await;
    // A later late one disputes nothing any more.
    assert!(
        !stage
            .tell(
                "later",
                &ids[2],
                "sales_record.created",
                stage.now() - TimeDelta::hours(2)
            )
            .await
    );
    stage.stop().await;
}

/// X16: pages by pool and account; for the admins of the pool that accounts came from, wherever they lie now.
#[tokio::test]
async fn disputes_are_listed_where_accounts_came_from() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let north = world
        .pool(Pool {
            administrators: vec!["ann".into()],
            ..open_pool("North")
        })
        .await;
    world
        .rule(ReclaimRule {
            target_pool_id: north.clone(),
            ..exact(&stage.home, 30)
        })
        .await;
    world.rule(exact(&north, 30)).await;
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.push(stage.claimed(&format!("Card {at}"), "bob").await);
    }
    let own = world.create("North's own", &north, "bob").await.id;
    stage.pass(TimeDelta::days(30));
    assert_eq!(world.sweep().await.reclaimed, 6);
    for id in ids.iter().chain([&own]) {
        assert!(
            stage
                .tell(id, id, "sales_record.created", stage.now() - TimeDelta::hours(2))
                .await
        );
    }
    let (adm, ann, root) = (world.user("adm"), world.user("ann"), world.user("root"));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let (rows, next) = page(&adm, &stage.home, 2, &token).await.unwrap();
        assert!(rows.len() <= 2);
        assert!(
            rows.iter()
                .all(|row| row.origin_pool_id == stage.home && row.pool_id == north)
        );
        seen.extend(rows.into_iter().map(|row| row.account_id));
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ids);
    assert_eq!(listed(&ann, &north).await, std::slice::from_ref(&own));
    let mut all = ids.clone();
    all.push(own);
    let (first, token) = page(&root, "", 3, "").await.unwrap();
    let (rest, _) = page(&root, "", 3, &token).await.unwrap();
    let both: Vec<_> = first.into_iter().chain(rest).map(|row| row.account_id).collect();
    assert_eq!(both, all);
    for (who, pool, expected) in [
        ("ann", stage.home.as_str(), "NOT_FOUND"),
        ("bob", stage.home.as_str(), "NOT_AUTHORIZED"),
        ("adm", "", "NOT_AUTHORIZED"),
    ] {
        assert_eq!(
            reason(&page(&world.user(who), pool, 0, "").await.unwrap_err()),
            expected,
            "{who}"
        );
    }
    // What they see there they can undo, although they know nothing of the pool where it lies.
    stage.ask("adm", &ids[0], Ask::Undo).await.unwrap();
    assert_eq!(world.ownership(&ids[0]).await.pool_id, stage.home);
    assert_eq!(stage.verdict("ann", &ids[1], Ask::Undo).await, "NOT_AUTHORIZED");
    stage.stop().await;
}
