//! Lists: which accounts a scope holds, in which orders, by which filters, page by page.

use super::{named, texts};
use crate::{
    harness::{Client, Refused},
    world::{World, assign, open_pool},
};
use chrono::TimeDelta;
use proptest::prelude::*;
use tidepool::{
    domain::{ids::AccountId, refusal::Reason, text::name_key},
    rpc::proto::{
        self, Account, AccountFilter, AccountOrder, AccountScope, AccountStatus, ClaimMode, ListAccountsRequest, Pool,
        PoolMembers,
    },
};
use tonic::Code;

fn list(scope: AccountScope) -> ListAccountsRequest {
    ListAccountsRequest {
        scope: scope.into(),
        ..Default::default()
    }
}

fn in_pool(scope: AccountScope, pool: &str) -> ListAccountsRequest {
    ListAccountsRequest {
        pool_id: pool.into(),
        ..list(scope)
    }
}

fn filtered(request: &ListAccountsRequest, filter: AccountFilter) -> ListAccountsRequest {
    ListAccountsRequest {
        filter: Some(filter),
        ..request.clone()
    }
}

fn ordered(request: &ListAccountsRequest, order: AccountOrder, descending: bool) -> ListAccountsRequest {
    ListAccountsRequest {
        order: order.into(),
        descending,
        ..request.clone()
    }
}

impl Client {
    /// Reads the list to its end in pages of `size`.
    async fn lists(&self, request: &ListAccountsRequest, size: i32) -> Vec<Account> {
        let mut accounts = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListAccountsRequest {
                page_size: size,
                page_token,
                ..request.clone()
            };
            let page = self.accounts().list_accounts(request).await.unwrap().into_inner();
            assert!(page.accounts.len() <= usize::try_from(size).unwrap());
            accounts.extend(page.accounts);
            if page.next_page_token.is_empty() {
                return accounts;
            }
            page_token = page.next_page_token;
        }
    }

    async fn names(&self, request: &ListAccountsRequest) -> Vec<String> {
        let accounts = self.lists(request, 2).await;
        accounts.into_iter().map(|account| account.name).collect()
    }
}

/// R045, R046, R049, R051, R019, R055: whose accounts which scope holds.
#[tokio::test]
async fn scopes_hold_what_they_are_named_for() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let lying = world.lying("Lying", &pool).await;
    world.create("Of bob", &pool, "bob").await;
    world.create("Of cid", "", "cid").await;
    world.create("Of ann", "", "ann").await;
    let dans = world.create("Of dan", "", "dan").await.id;
    let canceled = world.create("Canceled", &pool, "bob").await.id;
    world.cancel(&canceled).await;
    world.join_team(&dans, "bob", 1).await;
    world.join_team(&canceled, "cid", 2).await;
    world.join_team(&lying, "cid", 1).await;

    let mine = list(AccountScope::Mine);
    assert_eq!(world.user("bob").names(&mine).await, ["Of bob"]);
    assert_eq!(world.user("ann").names(&mine).await, ["Of ann"]);
    let team = list(AccountScope::Team);
    assert_eq!(world.user("ann").names(&team).await, ["Of bob", "Of cid"]);
    assert!(world.user("bob").names(&team).await.is_empty());
    let participated = list(AccountScope::Participated);
    assert_eq!(world.user("bob").names(&participated).await, ["Of dan"]);
    assert_eq!(world.user("cid").names(&participated).await, ["Lying"]);
    assert!(world.user("ann").names(&participated).await.is_empty());
    let unclaimed = in_pool(AccountScope::PoolUnclaimed, &pool);
    for user in ["bob", "dan", "ann", "root"] {
        assert_eq!(world.user(user).names(&unclaimed).await, ["Lying"], "{user}");
    }
    let all = in_pool(AccountScope::PoolAll, &pool);
    for user in ["ann", "root"] {
        assert_eq!(world.user(user).names(&all).await, ["Lying", "Of bob"], "{user}");
    }
    let everything = list(AccountScope::All);
    let live = ["Lying", "Of bob", "Of cid", "Of ann", "Of dan"];
    assert_eq!(world.user("root").names(&everything).await, live);
    assert_eq!(world.server.admin().names(&everything).await, live);
    // Canceled ones only by name, for CRM admins.
    let gone = AccountFilter {
        statuses: vec![AccountStatus::Canceled.into(), AccountStatus::Assigned.into()],
        ..AccountFilter::default()
    };
    assert_eq!(
        world.user("root").names(&filtered(&everything, gone.clone())).await,
        ["Of bob", "Of cid", "Of ann", "Of dan", "Canceled"]
    );
    assert_eq!(
        world.user("root").names(&filtered(&all, gone.clone())).await,
        ["Of bob", "Canceled"]
    );
    let admin = world.user("ann").accounts().list_accounts(filtered(&all, gone)).await;
    admin.refused(Code::PermissionDenied, Reason::NotAuthorized);
    // Each as it is read by itself.
    for (user, request) in [("bob", &participated), ("dan", &unclaimed), ("root", &everything)] {
        for account in world.user(user).lists(request, 100).await {
            assert_eq!(account, world.user(user).gets(&account.id).await.unwrap());
        }
    }
    world.stop().await;
}

/// R087, R090, 2.6: who may list a pool; whoever does not see it learns nothing of it.
#[tokio::test]
async fn pools_are_listed_by_those_who_see_into_them() {
    let world = World::start().await;
    let closed = Pool {
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    let hidden = Pool {
        claim_mode: ClaimMode::AdminsAssign.into(),
        ..open_pool("Hidden")
    };
    let hidden = world.pool(hidden).await;
    let browsed = Pool {
        claim_mode: ClaimMode::AdminsAssign.into(),
        members_may_browse: true,
        ..open_pool("Browsed")
    };
    let browsed = world.pool(browsed).await;
    let (unclaimed, all) = (AccountScope::PoolUnclaimed, AccountScope::PoolAll);
    let expected = [
        (unclaimed, &closed, "bob", None),
        (unclaimed, &closed, "dan", Some(Reason::NotFound)),
        (unclaimed, &hidden, "bob", Some(Reason::NotAuthorized)),
        (unclaimed, &hidden, "ann", None),
        (unclaimed, &browsed, "bob", None),
        (all, &browsed, "bob", Some(Reason::NotAuthorized)),
        (all, &closed, "dan", Some(Reason::NotFound)),
        (all, &closed, "ann", None),
        (all, &closed, "root", None),
    ];
    for (scope, pool, user, refusal) in expected {
        let listed = world.user(user).accounts().list_accounts(in_pool(scope, pool)).await;
        match refusal {
            None => drop(listed.unwrap()),
            Some(Reason::NotFound) => drop(listed.refused(Code::NotFound, Reason::NotFound)),
            Some(reason) => drop(listed.refused(Code::PermissionDenied, reason)),
        }
    }
    let everything = world
        .user("ann")
        .accounts()
        .list_accounts(list(AccountScope::All))
        .await;
    everything.refused(Code::PermissionDenied, Reason::NotAuthorized);
    for scope in [AccountScope::Mine, AccountScope::Team, AccountScope::Participated] {
        let nobody = world.server.admin().accounts().list_accounts(list(scope)).await;
        nobody.refused(Code::PermissionDenied, Reason::ActorRequired);
    }
    world.stop().await;
}

/// R021, R188: every filter narrows, lists of values are any-of, filters are all-of.
#[tokio::test]
async fn filters_narrow() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let ann = world.user("ann");
    let made = async |name: &str, pool: &str, grade: &str, region: &str, tags: &[&str]| {
        world.server.clock.advance(TimeDelta::days(1));
        let account = Account {
            grade: grade.into(),
            region: region.into(),
            industry: format!("industry of {name}"),
            source: format!("source of {name}"),
            tags: texts(tags),
            ..named(name)
        };
        ann.creates(account, pool, "").await
    };
    let a = made("Acme", &north, "A", "east", &["vip", "hot"]).await;
    let b = made("ACME two", &north, "B", "west", &["hot"]).await;
    made("Zeta", &north, "A", "west", &[]).await;
    made("Acme south", &south, "A", "east", &["vip"]).await;
    ann.circulation().assign_account(assign(&b.id, "bob")).await.unwrap();
    let deadline = crate::harness::start() + TimeDelta::days(30);
    let key = AccountId::parse(&b.id).unwrap();
    let sql = "UPDATE account SET reclaim_time = ? WHERE tenant = 1 AND id = ?";
    world
        .sql(sql, vec![deadline.timestamp_micros().into(), key.0.into()])
        .await;

    let time = |time: chrono::DateTime<chrono::Utc>| {
        Some(prost_types::Timestamp {
            seconds: time.timestamp(),
            nanos: 0,
        })
    };
    let none = AccountFilter::default;
    let cases = [
        (
            AccountFilter {
                statuses: vec![AccountStatus::Assigned.into()],
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                owners: texts(&["bob", "cid"]),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                grades: texts(&["A"]),
                ..none()
            },
            vec!["Acme", "Zeta"],
        ),
        (
            AccountFilter {
                grades: texts(&["A", "B", "C"]),
                regions: texts(&["west"]),
                ..none()
            },
            vec!["ACME two", "Zeta"],
        ),
        (
            AccountFilter {
                industries: texts(&["industry of Zeta"]),
                ..none()
            },
            vec!["Zeta"],
        ),
        (
            AccountFilter {
                sources: texts(&["source of Acme", "x"]),
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                tags: texts(&["vip"]),
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                tags: texts(&["vip", "hot", "cold"]),
                ..none()
            },
            vec!["Acme", "ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: " ａcME".into(),
                ..none()
            },
            vec!["Acme", "ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: "acme t".into(),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                name_prefix: "%".into(),
                ..none()
            },
            vec![],
        ),
        (
            AccountFilter {
                create_time_from: a.create_time,
                create_time_before: b.create_time,
                ..none()
            },
            vec!["Acme"],
        ),
        (
            AccountFilter {
                create_time_from: b.create_time,
                ..none()
            },
            vec!["ACME two", "Zeta"],
        ),
        (
            AccountFilter {
                reclaim_time_from: time(deadline),
                ..none()
            },
            vec!["ACME two"],
        ),
        (
            AccountFilter {
                reclaim_time_before: time(deadline),
                ..none()
            },
            vec![],
        ),
        (
            AccountFilter {
                reclaim_time_before: time(deadline + TimeDelta::seconds(1)),
                ..none()
            },
            vec!["ACME two"],
        ),
    ];
    for (filter, expected) in cases {
        for order in [AccountOrder::Created, AccountOrder::Name] {
            let request = ordered(&in_pool(AccountScope::PoolAll, &north), order, false);
            let names = ann.names(&filtered(&request, filter.clone())).await;
            assert_eq!(names, expected, "{filter:?}");
            // The same among all accounts, where the pool is a filter.
            let filter = AccountFilter {
                pool_ids: vec![north.clone()],
                ..filter.clone()
            };
            let request = ordered(&list(AccountScope::All), order, false);
            let mut names = world.user("root").names(&filtered(&request, filter.clone())).await;
            assert_eq!(names, expected, "{filter:?}");
            names = world
                .user("bob")
                .names(&filtered(
                    &list(AccountScope::Mine),
                    AccountFilter {
                        owners: vec![],
                        ..filter
                    },
                ))
                .await;
            assert!(names.iter().all(|name| name == "ACME two"));
        }
    }
    let cids = made("Of cid", &north, "A", "east", &[]).await;
    ann.circulation()
        .assign_account(assign(&cids.id, "cid"))
        .await
        .unwrap();
    let bobs = AccountFilter {
        owners: texts(&["bob", "dan"]),
        pool_ids: vec![north, south],
        ..none()
    };
    assert_eq!(
        ann.names(&filtered(&list(AccountScope::Team), bobs)).await,
        ["ACME two"]
    );
    world.stop().await;
}

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
        world.join_team(&made.id, "bob", 1).await;
        let key = AccountId::parse(&made.id).unwrap();
        // Some never followed up and without a deadline, some at the same instant.
        let day = i64::try_from(at % 3).unwrap() * 86_400_000_000;
        let sql = "UPDATE account SET last_follow_up_time = ?, reclaim_time = ? WHERE tenant = 1 AND id = ?";
        let deadline = Some(day).filter(|_| at % 3 > 0 && !owner.is_empty());
        world.sql(sql, vec![day.into(), deadline.into(), key.0.into()]).await;
    }
    let both = [AccountOrder::Created, AccountOrder::Name];
    let each = [both[0], both[1], AccountOrder::LastFollowUp, AccountOrder::Deadline];
    let lists = [
        (list(AccountScope::Mine), "bob", &each[..], 5),
        (list(AccountScope::Team), "ann", &each[..], 5),
        (list(AccountScope::Participated), "bob", &each[..], 8),
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
    world.stop().await;
}

/// What a scope does not offer is refused by name; so are bad values, all at once, and tokens of other lists.
#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.many_lying("Card", &pool, 3).await;
    let root = world.user("root");
    let refused = async |request: ListAccountsRequest| root.accounts().list_accounts(request).await.violations();
    for order in [AccountOrder::LastFollowUp, AccountOrder::Deadline] {
        for request in [
            in_pool(AccountScope::PoolUnclaimed, &pool),
            in_pool(AccountScope::PoolAll, &pool),
            list(AccountScope::All),
        ] {
            let lines = refused(ordered(&request, order, false)).await;
            assert_eq!(
                lines,
                ["order: this scope offers ACCOUNT_ORDER_CREATED and ACCOUNT_ORDER_NAME"]
            );
        }
    }
    let fields = |lines: Vec<String>| {
        lines
            .iter()
            .map(|line| line.split(": ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let filter = AccountFilter {
        statuses: vec![AccountStatus::Unassigned.into()],
        owners: texts(&["bob"]),
        pool_ids: vec![pool.clone()],
        reclaim_time_before: Some(prost_types::Timestamp::default()),
        ..AccountFilter::default()
    };
    let all_of_it = [
        "filter.owners",
        "filter.pool_ids",
        "filter.reclaim_time_from",
        "filter.statuses[0]",
    ];
    assert_eq!(
        fields(refused(filtered(&in_pool(AccountScope::PoolUnclaimed, &pool), filter)).await),
        all_of_it
    );
    let deleted = AccountFilter {
        statuses: vec![AccountStatus::Deleted.into()],
        ..AccountFilter::default()
    };
    for request in [
        list(AccountScope::All),
        list(AccountScope::Mine),
        list(AccountScope::Participated),
    ] {
        assert_eq!(
            fields(refused(filtered(&request, deleted.clone())).await),
            ["filter.statuses[0]"]
        );
    }
    let bad = ListAccountsRequest {
        filter: Some(AccountFilter {
            statuses: vec![0, 99],
            owners: texts(&["a b"]),
            pool_ids: texts(&["x"]),
            grades: (0..101).map(|at| at.to_string()).collect(),
            tags: texts(&["a", "a"]),
            name_prefix: " ".into(),
            create_time_from: Some(prost_types::Timestamp {
                seconds: i64::MAX,
                nanos: -1,
            }),
            ..AccountFilter::default()
        }),
        page_size: 101,
        order: 77,
        pool_id: "x".into(),
        ..list(AccountScope::All)
    };
    let expected = [
        "pool_id",
        "filter.statuses[0]",
        "filter.statuses[1]",
        "filter.owners[0]",
        "filter.pool_ids[0]",
        "filter.grades",
        "filter.tags[1]",
        "filter.name_prefix",
        "filter.create_time_from",
        "order",
        "page_size",
    ];
    assert_eq!(fields(refused(bad).await), expected);
    assert_eq!(fields(refused(list(AccountScope::Unspecified)).await), ["scope"]);
    assert_eq!(fields(refused(list(AccountScope::PoolAll)).await), ["pool_id"]);

    // A token is good for its own list, caller and actor, and for any page size.
    let first = ListAccountsRequest {
        page_size: 1,
        ..in_pool(AccountScope::PoolUnclaimed, &pool)
    };
    let token = root
        .accounts()
        .list_accounts(first.clone())
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    let next = ListAccountsRequest {
        page_size: 2,
        page_token: token.clone(),
        ..first.clone()
    };
    assert_eq!(
        root.accounts()
            .list_accounts(next.clone())
            .await
            .unwrap()
            .into_inner()
            .accounts
            .len(),
        2
    );
    let others = [
        ordered(&next, AccountOrder::Name, false),
        ordered(&next, AccountOrder::Created, true),
        ListAccountsRequest {
            scope: AccountScope::PoolAll.into(),
            ..next.clone()
        },
        filtered(
            &next,
            AccountFilter {
                grades: texts(&["A"]),
                ..AccountFilter::default()
            },
        ),
        ListAccountsRequest {
            page_token: format!("{token}00"),
            ..next.clone()
        },
        ListAccountsRequest {
            page_token: "x".into(),
            ..next.clone()
        },
    ];
    for request in others {
        let wrong = root.accounts().list_accounts(request).await;
        wrong.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    }
    let other = world.user("ann").accounts().list_accounts(next).await;
    other.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    world.stop().await;
}

/// A page is a fixed number of statements, whatever is on it and wherever it lies.
#[tokio::test]
async fn a_page_is_four_statements() {
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
    assert_eq!(world.server.db().statements() - before, 4);
    // Who supervises somebody may read more through their teams: one more.
    let before = world.server.db().statements();
    let all = ordered(&in_pool(AccountScope::PoolAll, &pool), AccountOrder::Name, true);
    world.user("ann").accounts().list_accounts(all).await.unwrap();
    assert_eq!(world.server.db().statements() - before, 5);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Whatever names there are: the order and the prefixes are those of the normalised names, on every engine.
    #[test]
    fn names_are_ordered_and_found_as_they_are_normalised(
        names in prop::collection::hash_set("[aAｂBÄßéŁ字\u{10348}\u{d7ff}\u{e000}'%_\\\\. ]{1,6}", 1..12),
        prefix in "[aAbBÄß字\u{d7ff}%_\\\\]{1,2}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::start().await;
            let pool = world.pool(open_pool("North")).await;
            let mut keys: Vec<String> = Vec::new();
            for name in names {
                let account = named(name.trim());
                let made = world.user("ann").accounts().create_account(super::new(account, &pool, "")).await;
                if let Ok(made) = made {
                    keys.push(name_key(&made.into_inner().account.unwrap().name));
                }
            }
            keys.sort();
            let by_name = ordered(&in_pool(AccountScope::PoolAll, &pool), AccountOrder::Name, false);
            let listed = world.user("ann").names(&by_name).await;
            assert_eq!(listed.iter().map(|name| name_key(name)).collect::<Vec<_>>(), keys);
            let filter = AccountFilter { name_prefix: prefix.clone(), ..AccountFilter::default() };
            let listed = world.user("ann").names(&filtered(&by_name, filter)).await;
            keys.retain(|key| key.starts_with(&name_key(&prefix)));
            assert_eq!(listed.iter().map(|name| name_key(name)).collect::<Vec<_>>(), keys);
            world.stop().await;
        });
    }
}
