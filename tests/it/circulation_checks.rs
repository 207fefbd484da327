//! In which order things stand in the way, how all of them are told, etags, request ids.

use crate::{
    harness::Refused,
    moves::{Order, Wish, all, named_pool, reason, verdict},
    world::{World, claim, open_pool},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ClaimMode, LimitKind, Pool, ReturnReason, TenantSettings},
};
use tonic::Code;
use tonic_types::StatusExt;

async fn dry(world: &World, who: &str, account: &str, etag: &str, wish: &Wish) -> Vec<String> {
    let order = Order {
        dry: true,
        etag: etag.into(),
        ..Order::of(account)
    };
    let (ownership, admission) = order.send(&world.user(who), wish).await.unwrap();
    assert_eq!(ownership, None);
    all(&admission.unwrap())
}

/// R104, X01: everything in a claim's way, in the order of the checks; the call itself tells the same.
#[tokio::test]
async fn everything_in_the_way_of_a_claim_is_told_in_order() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            cooldown_days: Some(7),
            daily_claim_limit: Some(1),
            claim_limit: Some(1),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Card", &pool, 2).await;
    world.play("bob", &ids[0], Wish::Claim).await;
    world.play("bob", &ids[0], Wish::give_back()).await;
    world.play("ann", &ids[1], Wish::assign("bob")).await;
    world.play("ann", &ids[0], Wish::assign("cid")).await;
    world
        .update_pool(
            Pool {
                id: pool.clone(),
                claim_mode: ClaimMode::AdminsAssign.into(),
                members_may_browse: true,
                ..Pool::default()
            },
            &["claim_mode", "members_may_browse"],
        )
        .await;
    world.disable(&pool).await;
    let expected = [
        "ETAG_MISMATCH",
        "ALREADY_CLAIMED",
        "POOL_DISABLED",
        "POOL_NOT_CLAIMABLE",
        "CLAIM_COOLDOWN_ACTIVE",
        "DAILY_CLAIM_LIMIT_REACHED",
        "POOL_CLAIM_LIMIT_REACHED",
    ];
    assert_eq!(dry(&world, "bob", &ids[0], "1", &Wish::Claim).await, expected);
    let request = proto::ClaimAccountRequest {
        etag: "1".into(),
        ..claim(&ids[0])
    };
    let status = world.user("bob").circulation().claim_account(request).await;
    let details = status.refused(Code::Aborted, Reason::EtagMismatch);
    let told: Vec<_> = details
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|v| v.r#type.clone())
        .collect();
    assert_eq!(told, expected);
    // Nothing of it was a change, so there is one event for each move above.
    assert_eq!(world.ownership(&ids[0]).await.etag, "4");
    world.stop().await;
}

/// R106, R108, D19, D33: the same for assigning and handing over.
#[tokio::test]
async fn everything_in_the_way_of_an_assignment_is_told_in_order() {
    let world = World::start().await;
    world.more_people().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(0),
            ..named_pool("North")
        })
        .await;
    let id = world.lying("Acme", &pool).await;
    let full = ["ETAG_MISMATCH", "POOL_CLAIM_LIMIT_REACHED"];
    assert_eq!(dry(&world, "adm", &id, "9", &Wish::assign("bob")).await, full);
    let stranger = ["ASSIGNEE_NOT_MEMBER", "POOL_CLAIM_LIMIT_REACHED"];
    assert_eq!(dry(&world, "adm", &id, "1", &Wish::assign("dan")).await, stranger);
    let gone = ["ASSIGNEE_INACTIVE", "POOL_CLAIM_LIMIT_REACHED"];
    assert_eq!(dry(&world, "adm", &id, "", &Wish::assign("eve")).await, gone);
    assert_eq!(
        dry(&world, "adm", &id, "", &Wish::assign("nobody")).await,
        ["ASSIGNEE_INACTIVE"]
    );
    world.disable(&pool).await;
    let disabled = ["POOL_DISABLED", "POOL_CLAIM_LIMIT_REACHED"];
    assert_eq!(dry(&world, "adm", &id, "", &Wish::assign("bob")).await, disabled);
    // What nobody owns is not handed over, and the details say what would be needed.
    let status = world.make("root", &id, &Wish::owner("bob")).await.unwrap_err();
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(
        (metadata["current"].as_str(), metadata["allowed"].as_str()),
        ("UNASSIGNED", "ASSIGNED")
    );
    world.stop().await;
}

/// L05, R120, D33: handing an account to the owner it has changes nothing, unless he is not active any more.
#[tokio::test]
async fn giving_it_to_its_owner_changes_nothing() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(1),
            ..open_pool("North")
        })
        .await;
    let id = world.create("Acme", &pool, "bob").await.id;
    for wish in [Wish::assign("bob"), Wish::owner("bob")] {
        assert_eq!(world.play("root", &id, wish).await, "ASSIGNED bob was - moved 0 -");
    }
    assert_eq!(world.ownership(&id).await.etag, "1");
    let bob = proto::User {
        active: false,
        ..crate::world::user("bob")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![bob],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    assert_eq!(world.play("root", &id, Wish::assign("bob")).await, "ASSIGNEE_INACTIVE");
    assert_eq!(
        world.play("root", &id, Wish::assign("cid")).await,
        "ASSIGNED cid was bob moved 1 -"
    );
    world.stop().await;
}

/// R032, R111-R113, D17, D18: reasons and targets of returns.
#[tokio::test]
async fn returns_name_a_reason_and_a_target_where_they_must() {
    let world = World::start().await;
    world.more_people().await;
    let reason = |id: &str, enabled: bool, note_required: bool| ReturnReason {
        id: id.into(),
        display_name: id.into(),
        enabled,
        note_required,
    };
    let settings = TenantSettings {
        return_reasons: vec![
            reason("lost", true, false),
            reason("other", true, true),
            reason("old", false, false),
            reason("rare", true, false),
        ],
        return_reason_required: true,
        ..Default::default()
    };
    let paths = ["return_reasons", "return_reason_required"];
    world.update_settings(settings, &paths).await;
    let narrow = Pool {
        return_reasons: ["lost", "other", "old"].map(Into::into).into(),
        ..named_pool("Home")
    };
    let home = world.pool(narrow).await;
    let other = world.pool(named_pool("Other")).await;
    let away = world
        .pool(Pool {
            members: None,
            ..named_pool("Away")
        })
        .await;
    let closed = world.pool(named_pool("Closed")).await;
    world.disable(&closed).await;
    let id = world.create("Acme", &home, "bob").await.id;
    let stale = "5";
    for (wish, expected) in [
        (
            Wish::because("", "", ""),
            vec!["ETAG_MISMATCH", "RETURN_REASON_REQUIRED"],
        ),
        (
            Wish::because("nonsense", "", ""),
            vec!["ETAG_MISMATCH", "INVALID_RETURN_REASON"],
        ),
        (
            Wish::because("old", "", ""),
            vec!["ETAG_MISMATCH", "INVALID_RETURN_REASON"],
        ),
        (
            Wish::because("rare", "", ""),
            vec!["ETAG_MISMATCH", "INVALID_RETURN_REASON"],
        ),
        (
            Wish::because("other", "", ""),
            vec!["ETAG_MISMATCH", "RETURN_NOTE_REQUIRED"],
        ),
        (
            Wish::because("other", "", &other),
            vec!["ETAG_MISMATCH", "RETURN_NOTE_REQUIRED", "TARGET_POOL_MISMATCH"],
        ),
        (Wish::because("other", "why", &home), vec!["ETAG_MISMATCH"]),
    ] {
        assert_eq!(dry(&world, "bob", &id, stale, &wish).await, expected, "{wish:?}");
    }
    let lost = |target: &str| Wish::because("lost", "", target);
    assert_eq!(
        world.play("bob", &id, lost(&home)).await,
        "UNASSIGNED - was bob moved 0 RETURNED"
    );

    let own = world.create("Own", "", "bob").await.id;
    let nowhere = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (who, target, expected) in [
        ("bob", "", "TARGET_POOL_REQUIRED"),
        ("bob", nowhere, "TARGET_POOL_FORBIDDEN"),
        ("bob", &*away, "TARGET_POOL_FORBIDDEN"),
        ("bob", &*closed, "TARGET_POOL_FORBIDDEN"),
        ("ann", &*away, "TARGET_POOL_FORBIDDEN"),
        ("ann", &*other, "OK"),
        ("root", &*away, "OK"),
        ("root", &*closed, "TARGET_POOL_FORBIDDEN"),
    ] {
        let order = Order {
            dry: true,
            ..Order::of(&own)
        };
        let said = verdict(&order.send(&world.user(who), &lost(target)).await);
        assert_eq!(said, expected, "{who} {target}");
    }
    assert_eq!(
        world.play("ann", &own, lost(&other)).await,
        "UNASSIGNED - was bob moved 0 RETURNED"
    );
    assert_eq!(world.ownership(&own).await.pool_id, other);
    world.stop().await;
}

/// X01: a dry run says what there is room for, to those who may make the move, and writes nothing, no request either.
#[tokio::test]
async fn a_dry_run_tells_the_room_and_leaves_no_trace() {
    let world = World::start().await;
    world.more_people().await;
    let home = world
        .pool(Pool {
            claim_limit: Some(3),
            daily_claim_limit: Some(5),
            members_may_transfer_out: true,
            ..named_pool("Home")
        })
        .await;
    let other = world
        .pool(Pool {
            claim_limit: Some(1),
            ..named_pool("Other")
        })
        .await;
    let ids = world.many_lying("Card", &home, 3).await;
    world.play("bob", &ids[0], Wish::Claim).await;
    let rooms = async |who: &str, account: &str, wish: Wish| {
        let order = Order {
            dry: true,
            request_id: "the-same-for-all".into(),
            ..Order::of(account)
        };
        let (_, admission) = order.send(&world.user(who), &wish).await.unwrap();
        let admission = admission.unwrap();
        let room = |room: proto::LimitRoom| (room.kind(), room.limit, room.used, room.room);
        let rooms: Vec<_> = admission.rooms.into_iter().map(room).collect();
        rooms
    };
    assert_eq!(
        rooms("bob", &ids[1], Wish::Claim).await,
        [(LimitKind::DailyPool, 5, 1, 4), (LimitKind::Pool, 3, 1, 2)]
    );
    assert_eq!(
        rooms("adm", &ids[1], Wish::assign("bob")).await,
        [(LimitKind::Pool, 3, 1, 2)]
    );
    assert_eq!(
        rooms("bob", &ids[0], Wish::transfer(&other)).await,
        [(LimitKind::Pool, 1, 0, 1)]
    );
    // What bob may still take is not the business of another member.
    assert_eq!(rooms("cid", &ids[1], Wish::assign("bob")).await, []);
    assert_eq!(rooms("bob", &ids[0], Wish::give_back()).await, []);
    assert_eq!(world.ownership(&ids[1]).await.etag, "1");
    assert_eq!(world.ownership(&ids[0]).await.etag, "2");
    let order = Order {
        request_id: "the-same-for-all".into(),
        ..Order::of(&ids[1])
    };
    order.send(&world.user("bob"), &Wish::Claim).await.unwrap();
    // An account that is not there for him is an error, not something in the way.
    let order = Order {
        dry: true,
        ..Order::of(&ids[1])
    };
    let unknown = order.send(&world.user("dan"), &Wish::Claim).await;
    assert_eq!(reason(&unknown.unwrap_err()), "NOT_FOUND");
    world.stop().await;
}

/// W20: a repeated call answers as the first did; the id is not used for another call, another actor, other details.
#[tokio::test]
async fn a_request_is_answered_once() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 2).await;
    let order = Order {
        request_id: "r1".into(),
        ..Order::of(&ids[0])
    };
    let first = order.send(&world.user("bob"), &Wish::Claim).await.unwrap();
    world.play("bob", &ids[0], Wish::give_back()).await;
    assert_eq!(order.send(&world.user("bob"), &Wish::Claim).await.unwrap(), first);
    assert_eq!(world.ownership(&ids[0]).await.owner, "");
    let other = Order {
        account: ids[1].clone(),
        ..order.clone()
    };
    for (who, order, wish) in [
        ("cid", &order, Wish::Claim),
        ("bob", &order, Wish::give_back()),
        ("bob", &other, Wish::Claim),
    ] {
        let said = verdict(&order.send(&world.user(who), &wish).await);
        assert_eq!(said, "REQUEST_ID_REUSED", "{who} {wish:?}");
    }
    // A refused call leaves its id free.
    let late = Order {
        request_id: "r2".into(),
        etag: "7".into(),
        ..Order::of(&ids[0])
    };
    assert_eq!(
        verdict(&late.send(&world.user("bob"), &Wish::Claim).await),
        "ETAG_MISMATCH"
    );
    let fresh = Order {
        etag: "3".into(),
        ..late
    };
    assert_eq!(verdict(&fresh.send(&world.user("bob"), &Wish::Claim).await), "OK");
    world.stop().await;
}
