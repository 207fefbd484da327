//! Many accounts in one call: order, atomicity, bounds, and that each item is told what the single call would be told.

use crate::{
    harness::Refused,
    moves::{Order, Wish, named_pool, reason},
    world::{World, open_pool},
};
use prost::Message;
use std::collections::BTreeMap;
use tidepool::rpc::proto::{
    self, BulkAssignAccountsRequest, BulkClaimAccountsRequest, MoveResult, Pool, bulk_assign_accounts_request,
    bulk_claim_accounts_request,
};
use tonic::Status;
use tonic_types::StatusExt;

fn items(ids: &[String]) -> Vec<bulk_claim_accounts_request::Item> {
    let item = |id: &String| bulk_claim_accounts_request::Item {
        account_id: id.clone(),
        etag: String::new(),
    };
    ids.iter().map(item).collect()
}

/// A status of an item as the error that the single call would be.
fn error(result: &MoveResult) -> Status {
    let status = result.status.as_ref().unwrap();
    let details = status.encode_to_vec().into();
    Status::with_details(status.code.into(), status.message.clone(), details)
}

/// All that an error says, in an order of its own.
fn said(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
    format!(
        "{:?} {} {} {metadata:?} {:?} {:?} {:?}",
        status.code(),
        status.message(),
        info.reason,
        details.precondition_failure(),
        details.quota_failure(),
        details.retry_info()
    )
}

fn reasons(results: &[MoveResult]) -> Vec<String> {
    let one = |result: &MoveResult| match result.status.as_ref().unwrap().code {
        0 => "OK".into(),
        _ => reason(&error(result)),
    };
    results.iter().map(one).collect()
}

/// L22, D55, W14, W25: in the order of the request as far as there is room; all or none with `atomic`.
#[tokio::test]
async fn items_are_decided_in_order_each_for_itself() {
    let world = World::start().await;
    world.more_people().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(2),
            ..named_pool("Home")
        })
        .await;
    let hidden = world
        .pool(Pool {
            members: None,
            ..named_pool("Away")
        })
        .await;
    let mut ids = world.many_lying("Card", &pool, 4).await;
    ids.insert(0, world.lying("Elsewhere", &hidden).await);
    ids.insert(2, world.create("Taken", &pool, "cid").await.id);
    ids.push("01890a5d-ac96-774b-bcce-b302099a8057".into());
    let expected = [
        "NOT_FOUND",
        "OK",
        "ALREADY_CLAIMED",
        "OK",
        "POOL_CLAIM_LIMIT_REACHED",
        "POOL_CLAIM_LIMIT_REACHED",
        "NOT_FOUND",
    ];
    for (atomic, validate_only) in [(true, true), (false, true), (true, false)] {
        let request = BulkClaimAccountsRequest {
            items: items(&ids),
            atomic,
            validate_only,
            request_id: "bulk".into(),
        };
        let mut client = world.user("bob").circulation();
        let answer = client.bulk_claim_accounts(request.clone()).await.unwrap().into_inner();
        assert!(!answer.applied);
        assert!(answer.results.iter().all(|result| result.ownership.is_none()));
        if validate_only {
            let admitted: Vec<_> = answer
                .results
                .iter()
                .map(|r| r.admission.as_ref().map(|a| a.admitted))
                .collect();
            let no = Some(false);
            assert_eq!(admitted, [None, Some(true), no, Some(true), no, no, None]);
        } else {
            assert_eq!(reasons(&answer.results), expected);
            // Answered the same when it is sent again.
            let again = client.bulk_claim_accounts(request).await.unwrap().into_inner();
            assert_eq!(
                (again.applied, reasons(&again.results)),
                (false, expected.map(String::from).into())
            );
        }
        assert_eq!(world.ownership(&ids[1]).await.etag, "1");
    }
    let taken = Order::of(&ids[2])
        .send(&world.user("bob"), &Wish::Claim)
        .await
        .unwrap_err();
    let request = BulkClaimAccountsRequest {
        items: items(&ids),
        ..Default::default()
    };
    let answer = world
        .user("bob")
        .circulation()
        .bulk_claim_accounts(request)
        .await
        .unwrap()
        .into_inner();
    assert!(answer.applied);
    assert_eq!(reasons(&answer.results), expected);
    let told: Vec<_> = answer.results.iter().map(|result| result.account_id.clone()).collect();
    assert_eq!(told, ids);
    // Each refused item carries what the single call answers: what bob took meanwhile stands in the way of some only.
    for (at, result) in answer.results.iter().enumerate() {
        if result.ownership.is_none() {
            let single = Order::of(&ids[at]).send(&world.user("bob"), &Wish::Claim).await;
            let single = if at == 2 { taken.clone() } else { single.unwrap_err() };
            assert_eq!(said(&error(result)), said(&single));
        }
    }
    // The same items all at once, where nothing is in the way.
    let request = BulkClaimAccountsRequest {
        items: items(&ids[4..6]),
        atomic: true,
        ..Default::default()
    };
    let answer = world
        .user("mem")
        .circulation()
        .bulk_claim_accounts(request)
        .await
        .unwrap()
        .into_inner();
    assert!(answer.applied);
    assert_eq!(reasons(&answer.results), ["OK", "OK"]);
    world.stop().await;
}

/// L22: what an item gives up, a later one of the same call can take; several users are counted each for himself.
#[tokio::test]
async fn later_items_use_the_room_that_earlier_ones_leave() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(1),
            ..open_pool("North")
        })
        .await;
    let bobs = world.create("Bob's", &pool, "bob").await.id;
    let waiting = world.lying("Waiting", &pool).await;
    let item = |id: &str, assignee: &str| bulk_assign_accounts_request::Item {
        account_id: id.into(),
        assignee: assignee.into(),
        ..Default::default()
    };
    let call = async |items: Vec<_>| {
        let request = BulkAssignAccountsRequest {
            items,
            ..Default::default()
        };
        let answer = world.user("ann").circulation().bulk_assign_accounts(request).await;
        reasons(&answer.unwrap().into_inner().results)
    };
    let wrong_order = vec![item(&waiting, "bob"), item(&bobs, "cid")];
    assert_eq!(call(wrong_order).await, ["POOL_CLAIM_LIMIT_REACHED", "OK"]);
    let swap = vec![item(&bobs, "dan"), item(&waiting, "cid")];
    assert_eq!(call(swap).await, ["OK", "OK"]);
    world.stop().await;
}

/// D55: 1 to 500 items, each account once; everything that is wrong is named, nothing is moved.
#[tokio::test]
async fn a_call_has_its_bounds() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 501).await;
    let call = async |items| {
        let request = BulkClaimAccountsRequest {
            items,
            ..Default::default()
        };
        world.user("bob").circulation().bulk_claim_accounts(request).await
    };
    assert_eq!(call(vec![]).await.violations(), ["items: must have 1 to 500 entries"]);
    assert_eq!(
        call(items(&ids)).await.violations(),
        ["items: must have 1 to 500 entries"]
    );
    let mut wrong = items(&[ids[0].clone(), "x".into(), ids[0].clone(), String::new()]);
    wrong[0].etag = "new".into();
    let said = call(wrong).await.violations();
    assert_eq!(said.len(), 3, "{said:?}");
    let twice = items(&[ids[0].clone(), ids[1].clone(), ids[0].clone()]);
    assert_eq!(call(twice).await.violations(), ["items[2].account_id: is there twice"]);
    assert_eq!(world.ownership(&ids[0]).await.etag, "1");
    let answer = call(items(&ids[..500])).await.unwrap().into_inner();
    assert!(answer.applied && answer.results.iter().all(|result| result.ownership.is_some()));
    world.stop().await;
}

/// L25, L27: bulk transfers, additions, removals, returns and reclaims keep each item's own wishes.
#[tokio::test]
async fn every_bulk_move_keeps_what_each_item_asks() {
    let world = World::start().await;
    world.more_people().await;
    let (home, other) = (
        world.pool(named_pool("Home")).await,
        world.pool(named_pool("Other")).await,
    );
    let mut ids = Vec::new();
    for at in 0..4 {
        ids.push(world.create(&format!("Account {at}"), &home, "bob").await.id);
    }
    let root = world.user("root");
    macro_rules! bulk {
        ($client:expr, $method:ident, $request:ident, $module:ident, |$at:ident| { $($field:ident: $value:expr),* }) => {{
            let item = |($at, id): (usize, &String)| proto::$module::Item {
                account_id: id.clone(),
                $($field: $value,)*
                ..Default::default()
            };
            let items = ids.iter().enumerate().map(item).collect();
            let request = proto::$request { items, ..Default::default() };
            let answer = $client.circulation().$method(request).await.unwrap().into_inner();
            assert!(answer.applied);
            let owners = answer.results.into_iter().map(|result| result.ownership.unwrap().owner);
            owners.collect::<Vec<_>>().join(",")
        }};
    }
    let moved = bulk!(root, bulk_transfer_accounts, BulkTransferAccountsRequest, bulk_transfer_accounts_request, |at| {
        target_pool_id: other.clone(), clear_owner: at == 1
    });
    assert_eq!(moved, "bob,,bob,bob");
    let moved = bulk!(
        root, bulk_remove_accounts_from_pool, BulkRemoveAccountsFromPoolRequest, bulk_remove_accounts_from_pool_request,
        |at| { clear_owner: at == 2 }
    );
    assert_eq!(moved, "bob,,,bob");
    let moved = bulk!(root, bulk_add_accounts_to_pool, BulkAddAccountsToPoolRequest, bulk_add_accounts_to_pool_request, |at| {
        target_pool_id: home.clone(), clear_owner: at == 3
    });
    assert_eq!(moved, "bob,,,");
    let moved = bulk!(root, bulk_assign_accounts, BulkAssignAccountsRequest, bulk_assign_accounts_request, |at| {
        assignee: ["bob", "cid", "mem", "bob"][at].into()
    });
    assert_eq!(moved, "bob,cid,mem,bob");
    let moved = bulk!(
        root, bulk_change_account_owners, BulkChangeAccountOwnersRequest, bulk_change_account_owners_request,
        |at| { new_owner: ["cid", "bob", "bob", "bob"][at].into() }
    );
    assert_eq!(moved, "cid,bob,bob,bob");
    let moved = bulk!(world.user("ann"), bulk_return_accounts, BulkReturnAccountsRequest, bulk_return_accounts_request, |at| {
        note: format!("note {at}")
    });
    assert_eq!(moved, ",,,");
    assert_eq!(world.account(&ids[3]).await.last_end_note, "note 3");
    bulk!(root, bulk_assign_accounts, BulkAssignAccountsRequest, bulk_assign_accounts_request, |_at| {
        assignee: "mem".into()
    });
    let moved = bulk!(root, bulk_reclaim_accounts, BulkReclaimAccountsRequest, bulk_reclaim_accounts_request, |at| {
        note: format!("taken {at}")
    });
    assert_eq!(moved, ",,,");
    assert_eq!(world.account(&ids[2]).await.last_end_note, "taken 2");
    world.stop().await;
}
