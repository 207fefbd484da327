//! Lists: which accounts a scope holds, who may have it, and what it does not offer.

use super::texts;
use crate::{
    harness::{Client, Refused},
    world::{World, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{
        Account, AccountFilter, AccountOrder, AccountScope, AccountStatus, ClaimMode, ListAccountsRequest, Pool,
        PoolMembers, TeamAccess,
    },
};
use tonic::Code;

pub(super) fn list(scope: AccountScope) -> ListAccountsRequest {
    ListAccountsRequest {
        scope: scope.into(),
        ..Default::default()
    }
}

pub(super) fn in_pool(scope: AccountScope, pool: &str) -> ListAccountsRequest {
    ListAccountsRequest {
        pool_id: pool.into(),
        ..list(scope)
    }
}

pub(super) fn filtered(request: &ListAccountsRequest, filter: AccountFilter) -> ListAccountsRequest {
    ListAccountsRequest {
        filter: Some(filter),
        ..request.clone()
    }
}

pub(super) fn ordered(request: &ListAccountsRequest, order: AccountOrder, descending: bool) -> ListAccountsRequest {
    ListAccountsRequest {
        order: order.into(),
        descending,
        ..request.clone()
    }
}

impl Client {
    /// Reads the list to its end in pages of `size`.
    pub(super) async fn lists(&self, request: &ListAccountsRequest, size: i32) -> Vec<Account> {
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

    pub(super) async fn names(&self, request: &ListAccountsRequest) -> Vec<String> {
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
    world.join_team(&dans, "bob", TeamAccess::Read).await;
    world.join_team(&canceled, "cid", TeamAccess::ReadWrite).await;
    world.join_team(&lying, "cid", TeamAccess::Read).await;
    world.cancel(&canceled).await;

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
