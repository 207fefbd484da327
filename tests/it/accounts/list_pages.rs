//! Lists page by page: every order, both ways, at a fixed cost.

use super::{
    list::{in_pool, list, ordered},
    named,
};
use crate::world::{World, open_pool};
use tidepool::{
    domain::{ids::AccountId, text::name_key},
    rpc::proto::{self, Account, AccountOrder, AccountScope, ListAccountsRequest, TeamAccess},
};

/// Every order of every scope that offers it, both ways, in pages of every size: the same accounts, each once.
#[tokio::test]
async fn pages_are_one_list_cut_up() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let other = world.pool(open_pool("South")).await;
    let names = ["Zeta", "acme", "Bärn", "Ａcme b", "acmE a", "Ω", "北京", "bern"];
    for (at, name) in names.iter().enumerate() {
        let into = [pool.as_str(), other.as_str(), ""][at % 3];
        let owner = if into.is_empty() || at % 2 == 0 { "bob" } else { "" };
        let made = world.create(name, into, owner).await;
        world.join_team(&made.id, "dan", TeamAccess::Read).await;
        let key = AccountId::parse(&made.id).unwrap();
        // Some never followed up and without a deadline, some at the same instant.
        let day = i64::try_from(at % 3).unwrap() * 86_400_000_000;
        let sql = "UPDATE account SET last_follow_up_time = ?, last_won_time = ?, reclaim_time = ? WHERE tenant = 1 AND id = ?";
        let deadline = Some(day).filter(|_| at % 3 > 0 && !owner.is_empty());
        // A deal is a follow-up too: the later of both is the last, and never is earlier than any.
        let won = [0, day, 3 * 86_400_000_000][at / 3];
        let values = vec![day.into(), won.into(), deadline.into(), key.0.into()];
        world.sql(sql, values).await;
    }
    let both = [AccountOrder::Created, AccountOrder::Name];
    let each = [both[0], both[1], AccountOrder::LastFollowUp, AccountOrder::Deadline];
    let lists = [
        (list(AccountScope::Mine), "bob", &each[..], 5),
        (list(AccountScope::Team), "ann", &each[..], 5),
        (list(AccountScope::Participated), "dan", &each[..], 8),
        (in_pool(AccountScope::PoolUnclaimed, &other), "dan", &both[..], 2),
        (in_pool(AccountScope::PoolAll, &pool), "ann", &both[..], 3),
        (list(AccountScope::All), "root", &both[..], 8),
    ];
    for (request, user, orders, count) in lists {
        let user = world.user(user);
        for order in orders {
            let forward = user.lists(&ordered(&request, *order, false), 100).await;
            assert_eq!(forward.len(), count, "{request:?} {order:?}");
            let key = |account: &Account| {
                let deadline = account
                    .ownership
                    .as_ref()
                    .unwrap()
                    .reclaim_time
                    .map(|time| time.seconds);
                let key = match order {
                    AccountOrder::Name => (name_key(&account.name), 0),
                    AccountOrder::LastFollowUp => (
                        String::new(),
                        account.last_follow_up_time.map_or(0, |time| time.seconds),
                    ),
                    AccountOrder::Deadline => (String::new(), deadline.unwrap_or(i64::MAX)),
                    _ => (String::new(), 0),
                };
                (key, account.id.clone())
            };
            assert!(forward.is_sorted_by_key(key), "{request:?} {order:?}");
            let mut backward = user.lists(&ordered(&request, *order, true), 100).await;
            backward.reverse();
            assert_eq!(forward, backward);
            for (size, descending) in [(1, false), (2, true), (3, false), (4, true)] {
                let mut pages = user.lists(&ordered(&request, *order, descending), size).await;
                if descending {
                    pages.reverse();
                }
                assert_eq!(pages, forward, "{request:?} {order:?} {size}");
            }
        }
    }
    // Times were written by hand.
    world.server.discard().await;
}

/// A page is one statement, whatever is on it and wherever it lies.
#[tokio::test]
async fn a_page_is_a_statement() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Card", &pool, 120).await;
    let unclaimed = in_pool(AccountScope::PoolUnclaimed, &pool);
    let request = ListAccountsRequest {
        page_size: 100,
        ..unclaimed.clone()
    };
    let bob = world.user("bob");
    let page = bob
        .accounts()
        .list_accounts(request.clone())
        .await
        .unwrap()
        .into_inner();
    let before = world.server.db().statements();
    let next = ListAccountsRequest {
        page_token: page.next_page_token,
        ..request
    };
    assert_eq!(
        bob.accounts()
            .list_accounts(next)
            .await
            .unwrap()
            .into_inner()
            .accounts
            .len(),
        20
    );
    assert_eq!(world.server.db().statements() - before, 1);
    // Who supervises somebody may read more through their teams: one more.
    let before = world.server.db().statements();
    let all = ordered(&in_pool(AccountScope::PoolAll, &pool), AccountOrder::Name, true);
    world.user("ann").accounts().list_accounts(all).await.unwrap();
    assert_eq!(world.server.db().statements() - before, 2);
    world.stop().await;
}

/// A list of large accounts comes in pages that clients take.
#[tokio::test]
async fn pages_of_large_accounts_are_shorter() {
    let world = World::start().await;
    let large = |at: usize| proto::NewAccount {
        account: Some(Account {
            remark: "\u{10348}".repeat(10_000),
            address: "\u{10348}".repeat(1000),
            ..named(&format!("Large {at}"))
        }),
        ..proto::NewAccount::default()
    };
    for chunk in (0..100).collect::<Vec<_>>().chunks(20) {
        let request = proto::BulkCreateAccountsRequest {
            new_accounts: chunk.iter().map(|at| large(*at)).collect(),
            ..Default::default()
        };
        world
            .user("bob")
            .accounts()
            .bulk_create_accounts(request)
            .await
            .unwrap();
    }
    assert_eq!(world.user("bob").lists(&list(AccountScope::Mine), 100).await.len(), 100);
    world.stop().await;
}
