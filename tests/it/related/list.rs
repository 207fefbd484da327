//! Who sees which objects of an account, and their pages.

use super::{Object, listed, object, seen};
use crate::{
    harness::Refused,
    world::{World, claim, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Pool, RelatedAccess, RelatedObjectVisibility, TeamAccess},
};
use tonic::Code;

/// D42: the owner of an object, those above him, those whom its service names, and CRM admins; nobody else who reads the
/// account, unless the tenant shows everything to them.
#[tokio::test]
async fn objects_are_for_their_owners_those_above_and_those_who_are_named() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    for reader in ["cid", "dan"] {
        world.join_team(&id, reader, TeamAccess::Read).await;
    }
    let named = Object {
        visible_to: vec!["cid", "dan"],
        ..object("opportunity", "named", "created", 1, "root")
    };
    let nobodys = object("opportunity", "nobodys", "created", 1, "");
    let stranger = object("opportunity", "strangers", "created", 1, "long-gone");
    let all = [
        object("opportunity", "bobs", "created", 1, "bob"),
        object("opportunity", "cids", "created", 1, "cid"),
        object("opportunity", "anns", "created", 1, "ann"),
        named,
        nobodys,
        stranger,
    ];
    world.tell_objects(&id, &all).await;
    let every = ["strangers", "nobodys", "named", "cids", "bobs", "anns"];
    for (user, expected) in [
        ("bob", &["bobs"][..]),
        ("cid", &["named", "cids"]),
        ("ann", &["cids", "bobs", "anns"]),
        ("dan", &["named"]),
        ("root", &every),
    ] {
        assert_eq!(seen(&world, user, &id).await, expected, "{user}");
    }
    world
        .related_settings(RelatedObjectVisibility::AccountReaders, true)
        .await;
    for user in ["bob", "cid", "ann", "dan", "root"] {
        assert_eq!(seen(&world, user, &id).await, every, "{user}");
    }
    // What is of an account is for those who read the account.
    let outside = world.create("Other", "", "dan").await.id;
    world
        .tell_objects(&outside, &[object("opportunity", "bobs-too", "created", 1, "bob")])
        .await;
    let request = proto::ListRelatedObjectsRequest {
        account_id: outside.clone(),
        ..Default::default()
    };
    let refused = world.user("bob").related().list_related_objects(request).await;
    refused.refused(Code::NotFound, Reason::NotFound);
    let request = proto::GetAccountSummaryRequest { account_id: outside };
    let refused = world.user("bob").related().get_account_summary(request).await;
    refused.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// R098, R170, R187: before the claim members see every object where the pool shows them, and are told that they may not
/// where it does not; after it they are nobody's who does not read the account.
#[tokio::test]
async fn before_the_claim_the_pool_decides() {
    let world = World::start().await;
    for (access, shown) in [
        (RelatedAccess::None, false),
        (RelatedAccess::View, true),
        (RelatedAccess::ViewAndInteract, true),
    ] {
        let pool = Pool {
            unclaimed_related_access: access.into(),
            ..open_pool(&format!("{access:?}"))
        };
        let pool = world.pool(pool).await;
        let id = world.lying(&format!("Acme {access:?}"), &pool).await;
        let old = format!("old-{access:?}");
        world
            .tell_objects(&id, &[object("sales_order", &old, "confirmed", 1, "dan")])
            .await;
        let list = || proto::ListRelatedObjectsRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let add_up = || proto::GetAccountSummaryRequest { account_id: id.clone() };
        if shown {
            for user in ["bob", "ann", "root"] {
                assert_eq!(
                    seen(&world, user, &id).await,
                    std::slice::from_ref(&old),
                    "{user} {access:?}"
                );
                let summary = super::summary(&world.user(user), &id).await;
                assert_eq!(summary.currencies[0].amount_pending.trim_end_matches(".00"), "1");
            }
        } else {
            let listed = world.user("bob").related().list_related_objects(list()).await;
            listed.refused(Code::PermissionDenied, Reason::NotAuthorized);
            let added = world.user("bob").related().get_account_summary(add_up()).await;
            added.refused(Code::PermissionDenied, Reason::NotAuthorized);
            // Its admin reads the account, and sees of objects what is his.
            assert_eq!(seen(&world, "ann", &id).await, Vec::<String>::new());
        }
        world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
        assert_eq!(seen(&world, "bob", &id).await, Vec::<String>::new(), "{access:?}");
        let listed = world.user("cid").related().list_related_objects(list()).await;
        listed.refused(Code::NotFound, Reason::NotFound);
    }
    world.stop().await;
}

/// Objects come with all that is known of them, by type, the latest first; pages neither repeat nor leave out any, of one
/// type and of all, and cost the same wherever they lie.
#[tokio::test]
async fn objects_come_in_pages() {
    let world = World::start().await;
    let id = world.create("Acme", "", "bob").await.id;
    let mut all = Vec::new();
    for (at, object_type) in ["contract", "sales_order"].into_iter().enumerate() {
        for number in 0..7_i64 {
            // Some of the same instant.
            all.push(Object {
                minute: number / 2,
                locked: number == 3,
                in_workflow: number == 4,
                ..object(
                    object_type,
                    &format!("{object_type}-{number}"),
                    "created",
                    number,
                    "bob",
                )
            });
            assert!(at < 2);
        }
    }
    all.push(object("sales_order", "anns", "created", 1, "ann"));
    world.tell_objects(&id, &all).await;
    let bob = world.user("bob");
    let ids = |found: Vec<proto::RelatedObject>| found.into_iter().map(|o| o.object_id).collect::<Vec<_>>();
    let orders: Vec<_> = (0..7).rev().map(|number| format!("sales_order-{number}")).collect();
    let contracts: Vec<_> = (0..7).rev().map(|number| format!("contract-{number}")).collect();
    for size in [1, 2, 3, 100] {
        assert_eq!(ids(listed(&bob, &id, "sales_order", size).await), orders, "{size}");
        assert_eq!(
            ids(listed(&bob, &id, "", size).await),
            [&orders[..], &contracts].concat(),
            "{size}"
        );
    }
    assert_eq!(listed(&bob, &id, "payment", 2).await, []);
    let first = listed(&bob, &id, "sales_order", 100).await;
    let (locked, busy) = (&first[3], &first[2]);
    assert_eq!((locked.locked, locked.in_workflow), (true, false));
    assert_eq!(
        (busy.locked, busy.in_workflow, busy.owner.as_str()),
        (false, true, "bob")
    );
    assert_eq!((busy.source.as_str(), busy.action.as_str()), ("erp", "created"));

    // A token is good for its own list.
    let request = |object_type: &str, page_token: String| proto::ListRelatedObjectsRequest {
        account_id: id.clone(),
        object_type: object_type.into(),
        page_size: 2,
        page_token,
    };
    let page = bob.related().list_related_objects(request("", String::new())).await;
    let token = page.unwrap().into_inner().next_page_token;
    let elsewhere = bob.related().list_related_objects(request("contract", token)).await;
    elsewhere.refused(Code::InvalidArgument, Reason::InvalidPageToken);

    // One read of the account, one of the owners, one of the page; where everything is seen, of owners none. Bob
    // supervises nobody.
    for (client, budget) in [(bob, 3), (world.user("root"), 2)] {
        for size in [1, 100] {
            let before = world.server.db().statements();
            let request = proto::ListRelatedObjectsRequest {
                page_size: size,
                ..request("", String::new())
            };
            client.related().list_related_objects(request).await.unwrap();
            assert_eq!(world.server.db().statements() - before, budget, "{size}");
        }
    }
    world.stop().await;
}
