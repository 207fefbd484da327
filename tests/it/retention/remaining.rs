//! What is left to owners, and what managers see of it.

use super::{exact, instant};
use crate::{
    activities::time,
    explain::explain,
    harness::external_server,
    sweeping::follow_up,
    world::{World, open_pool},
};
use chrono::{DateTime, TimeDelta, Utc};
use tidepool::rpc::proto::{
    AccountFilter, AccountOrder, AccountScope, GetPoolCountersRequest, ListAccountsRequest, ReclaimRule,
};

fn shanghai(text: &str) -> DateTime<Utc> {
    format!("2026-{}+08:00", text.replace(' ', "T")).parse().unwrap()
}

fn wait_until(world: &World, to: DateTime<Utc>) {
    world.server.clock.advance(to - world.server.clock.now());
}

/// T41, R152: 7 days, cutoff 09:00, anchor 03-02 23:30: 7 d 9 h 30 m in all, shown from 03-08 03:45:00 on, exclusive;
/// nothing remains of an account that is overdue; the explanation says the same.
#[tokio::test]
async fn t41_remaining_retention_with_a_cutoff() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world
        .rule(ReclaimRule {
            cutoff: "09:00".into(),
            ..follow_up(&pool, 7)
        })
        .await;
    wait_until(&world, shanghai("03-02 23:30:00"));
    let id = world.given("Acme", &pool, "bob").await;
    assert_eq!(world.reclaim_instant(&id).await, Some(shanghai("03-10 09:00:00")));
    let remaining = async || world.account(&id).await.remaining_retention.map(|left| left.seconds);
    for (at, left) in [
        ("03-02 23:30:00", None),
        ("03-08 03:45:00", None),
        ("03-08 03:45:01", Some(2 * 86_400 + 5 * 3600 + 14 * 60 + 59)),
        ("03-10 08:59:59", Some(1)),
        ("03-10 09:00:00", Some(0)),
        ("03-12 09:00:00", Some(0)),
    ] {
        wait_until(&world, shanghai(at));
        assert_eq!(remaining().await, left, "{at}");
        let found = world.user("bob").explains(&id).await.unwrap();
        assert_eq!(found.remaining_is_displayed, left.is_some(), "{at}");
        let said = found.remaining.map(|left| left.seconds);
        assert!(left.is_none() || said == left, "{at}: {said:?}");
    }
    world.stop().await;
}

/// R185: a manager lists what his team is about to lose, the first to go at the top, and counts what a pool is.
#[tokio::test]
async fn r185_managers_see_what_is_about_to_be_lost() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let slow = world.pool(open_pool("South")).await;
    world.rule(exact(&pool, 20)).await;
    world.rule(exact(&slow, 90)).await;
    for (name, pool, owner) in [
        ("First", &pool, "cid"),
        ("Late", &slow, "bob"),
        ("Second", &pool, "bob"),
        ("Not his", &pool, "dan"),
        ("Third", &pool, "cid"),
    ] {
        world.given(name, pool, owner).await;
        world.server.clock.advance(TimeDelta::hours(1));
    }
    let never = world.create("Never", "", "bob").await;
    let list = |filter, descending| ListAccountsRequest {
        scope: AccountScope::Team.into(),
        order: AccountOrder::Deadline.into(),
        filter: Some(filter),
        descending,
        page_size: 50,
        ..ListAccountsRequest::default()
    };
    let names = async |request| {
        let listed = world.user("ann").accounts().list_accounts(request).await.unwrap();
        let accounts = listed.into_inner().accounts;
        accounts.into_iter().map(|account| account.name).collect::<Vec<_>>()
    };
    let all = ["First", "Second", "Third", "Late", "Never"];
    assert_eq!(names(list(AccountFilter::default(), false)).await, all);
    let back: Vec<_> = all.into_iter().rev().collect();
    assert_eq!(names(list(AccountFilter::default(), true)).await, back);
    let soon = AccountFilter {
        reclaim_time_before: time(world.server.clock.now() + TimeDelta::days(30)),
        ..AccountFilter::default()
    };
    assert_eq!(names(list(soon, false)).await, ["First", "Second", "Third"]);
    let late = AccountFilter {
        reclaim_time_from: time(world.server.clock.now() + TimeDelta::days(30)),
        ..AccountFilter::default()
    };
    assert_eq!(names(list(late, false)).await, ["Late"]);
    assert_eq!(
        instant(world.account(&never.id).await.ownership.unwrap().reclaim_time),
        None
    );

    let due_soon = async |pool: &str| {
        let request = GetPoolCountersRequest { pool_id: pool.into() };
        let counted = world.user("ann").pools().get_pool_counters(request).await.unwrap();
        counted.into_inner().counters.unwrap().due_soon
    };
    assert_eq!((due_soon(&pool).await, due_soon(&slow).await), (0, 0));
    world.server.clock.advance(TimeDelta::days(13));
    assert_eq!((due_soon(&pool).await, due_soon(&slow).await), (4, 0));
    world.stop().await;
}

/// A team's list costs what the team holds: its accounts are found by their owners, those that somebody takes part in by
/// their teams, whatever the tenant has. The table has at most six secondary indexes.
#[tokio::test]
async fn a_teams_list_costs_what_the_team_holds() {
    use sea_orm::{ConnectionTrait, Statement};
    use tidepool::{
        domain::{
            account::Status,
            account_list::{Among, Filter, Listing, Order, Scope},
            ids::{TenantKey, UserId},
        },
        store::account_list::{Page, statements},
    };
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Card", &pool, 300).await;
    for at in 0..20 {
        world.create(&format!("Own {at}"), &pool, "bob").await;
    }
    let mysql = external_server().is_some();
    let db = world.server.db();
    let unit = db.unit("test", tokio::time::Instant::now() + std::time::Duration::from_mins(1));
    let reader = unit.reader().await.unwrap();
    let listing = Listing {
        scope: Scope::Team,
        filter: Filter::default(),
        order: Order::Deadline,
        descending: false,
    };
    let owners = ["bob", "cid"].map(|id| UserId::parse(id).unwrap());
    let owned = Among::Owners(owners.into(), vec![Status::Assigned]);
    let joined = Among::TeamOf(UserId::parse("bob").unwrap(), vec![Status::Assigned]);
    let of_team = if mysql { "m ref" } else { "account_team" };
    for (among, index) in [(owned, "account_owner"), (joined, of_team)] {
        let page = Page {
            listing: &listing,
            among: &among,
            sieve: None,
            after: None,
            size: 51,
        };
        let statement = statements(db.engine(), TenantKey(1), page).remove(0);
        // How, and by which index.
        let lines = explain(&reader, statement, &["table", "type", "key"]).await;
        assert!(lines.iter().any(|line| line.contains(index)), "{lines:?}");
        let scans = ["SCAN a", "SCAN m", "a ALL", "a index"];
        assert!(
            !lines.iter().any(|line| scans.iter().any(|scan| line.starts_with(scan))),
            "{lines:?}"
        );
    }

    let sql = if mysql {
        "SELECT COUNT(DISTINCT index_name) AS number FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name = 'account' AND index_name <> 'PRIMARY'"
    } else {
        "SELECT COUNT(*) AS number FROM sqlite_master WHERE type = 'index' AND tbl_name = 'account' AND sql IS NOT NULL"
    };
    let counted = reader
        .query_one_raw(Statement::from_string(db.engine().backend(), sql))
        .await
        .unwrap();
    let number: i64 = counted.unwrap().try_get("", "number").unwrap();
    assert!(number <= 6, "{number}");
    drop(reader);
    world.stop().await;
}
