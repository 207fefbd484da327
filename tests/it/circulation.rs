//! How accounts change hands, one at a time.

use crate::{
    harness::Refused,
    world::{World, assign, claim, give_back, open_pool},
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, AccountStatus, ClaimMode, Pool, PoolEntryCause, PoolMembers},
};
use tonic::Code;

/// R004, R006, R104, R105, R110, R112: a member claims, owns, returns; the account goes back to its pool.
#[tokio::test]
async fn an_account_is_claimed_and_returned() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;

    let claimed = world
        .user("bob")
        .circulation()
        .claim_account(claim(&id))
        .await
        .unwrap()
        .into_inner();
    let ownership = claimed.ownership.unwrap();
    assert_eq!(
        (ownership.status(), ownership.owner.as_str()),
        (AccountStatus::Assigned, "bob")
    );
    assert_eq!(
        (ownership.pool_id.as_str(), ownership.transfer_count),
        (pool.as_str(), 0)
    );
    // What the answer says is what is stored.
    assert_eq!(ownership, world.ownership(&id).await);

    let returned = world
        .user("bob")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap()
        .into_inner();
    let ownership = returned.ownership.unwrap();
    assert_eq!(
        (ownership.status(), ownership.owner.as_str()),
        (AccountStatus::Unassigned, "")
    );
    assert_eq!(
        (ownership.last_owner.as_str(), ownership.pool_id.as_str()),
        ("bob", pool.as_str())
    );
    assert_eq!(ownership.pool_entry_cause(), PoolEntryCause::Returned);
    assert_eq!(ownership, world.ownership(&id).await);
    world.stop().await;
}

/// R058, R089, R090, W13: who is no member of the account's own pool does not learn of it; a hidden pool is not claimed.
#[tokio::test]
async fn only_members_of_the_accounts_own_pool_claim_it() {
    let world = World::start().await;
    let closed = Pool {
        members: Some(PoolMembers {
            users: vec!["bob".into()],
            ..PoolMembers::default()
        }),
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    let hidden = world
        .pool(Pool {
            claim_mode: ClaimMode::AdminsAssign.into(),
            ..open_pool("Hidden")
        })
        .await;
    let browsable = Pool {
        claim_mode: ClaimMode::AdminsAssign.into(),
        members_may_browse: true,
        ..open_pool("Shown")
    };
    let browsable = world.pool(browsable).await;

    let id = world.lying("In the closed pool", &closed).await;
    world
        .user("dan")
        .circulation()
        .claim_account(claim(&id))
        .await
        .refused(Code::NotFound, Reason::NotFound);
    // A CRM admin knows of it, but is no member.
    let admin = world.user("root").circulation().claim_account(claim(&id)).await;
    admin.refused(Code::PermissionDenied, Reason::NotPoolMember);
    let id = world.lying("In the hidden pool", &hidden).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&id))
        .await
        .refused(Code::NotFound, Reason::NotFound);
    let admin = world.user("ann").circulation().claim_account(claim(&id)).await;
    admin.refused(Code::FailedPrecondition, Reason::PoolNotClaimable);
    let id = world.lying("In the pool that is shown", &browsable).await;
    let member = world.user("bob").circulation().claim_account(claim(&id)).await;
    member.refused(Code::FailedPrecondition, Reason::PoolNotClaimable);
    world.stop().await;
}

/// L24: who comes too late is told so, and nothing else.
#[tokio::test]
async fn a_claimed_account_is_not_claimed_again() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.lying("Acme", &pool).await;
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    let late = world.user("cid").circulation().claim_account(claim(&id)).await;
    late.refused(Code::FailedPrecondition, Reason::AlreadyClaimed);
    // Known is not readable.
    let read = proto::GetAccountRequest { account_id: id.clone() };
    world
        .user("cid")
        .accounts()
        .get_account(read)
        .await
        .refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// R128, R129, T60, L35, W2: the ban is per account and user, however many others had it since, and ends to the second.
#[tokio::test]
async fn a_cool_down_keeps_the_one_who_gave_it_up_away() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            cooldown_days: Some(7),
            ..open_pool("North")
        })
        .await;
    let id = world.lying("Acme", &pool).await;
    for user in ["bob", "cid"] {
        world.user(user).circulation().claim_account(claim(&id)).await.unwrap();
        world
            .user(user)
            .circulation()
            .return_account(give_back(&id))
            .await
            .unwrap();
    }
    let details = world.user("bob").circulation().claim_account(claim(&id)).await;
    let details = details.refused(Code::FailedPrecondition, Reason::ClaimCooldownActive);
    let until = details.error_info().unwrap().metadata["blocked_until"].clone();
    assert_eq!(until, "2026-03-08T02:00:00+00:00");

    world.server.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let early = world.user("bob").circulation().claim_account(claim(&id)).await;
    early.refused(Code::FailedPrecondition, Reason::ClaimCooldownActive);
    world.server.clock.advance(TimeDelta::seconds(1));
    world.user("bob").circulation().claim_account(claim(&id)).await.unwrap();
    world.stop().await;
}

/// R115, L37, D14: an admin assigns all the same, to himself too.
#[tokio::test]
async fn an_admin_assigns_during_the_cool_down() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            cooldown_days: Some(7),
            ..open_pool("North")
        })
        .await;
    let id = world.lying("Acme", &pool).await;
    world.user("ann").circulation().claim_account(claim(&id)).await.unwrap();
    world
        .user("ann")
        .circulation()
        .return_account(give_back(&id))
        .await
        .unwrap();
    let own = world.user("ann").circulation().claim_account(claim(&id)).await;
    own.refused(Code::FailedPrecondition, Reason::ClaimCooldownActive);
    world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "ann"))
        .await
        .unwrap();
    // R059: assigning is for admins.
    let member = world.user("bob").circulation().assign_account(assign(&id, "bob")).await;
    member.refused(Code::PermissionDenied, Reason::NotAuthorized);
    // R106: also when it is owned.
    let moved = world
        .user("ann")
        .circulation()
        .assign_account(assign(&id, "cid"))
        .await
        .unwrap()
        .into_inner();
    // D22: ann, pool, ann is no transfer; ann, cid is.
    assert_eq!(moved.ownership.unwrap().transfer_count, 1);
    let inactive = world.user("ann").circulation().assign_account(assign(&id, "eve")).await;
    inactive.refused(Code::FailedPrecondition, Reason::AssigneeInactive);
    world.stop().await;
}

/// The budget of a claim: two reads and four writes, for one account and for fifty.
#[tokio::test]
async fn a_claim_is_two_reads_and_four_writes() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(100),
            daily_claim_limit: Some(100),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Card", &pool, 52).await;
    // The first call loads the snapshot.
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[0]))
        .await
        .unwrap();
    let before = world.server.db().statements();
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[1]))
        .await
        .unwrap();
    assert_eq!(world.server.db().statements() - before, 6);

    let items = ids[2..].iter().map(|id| proto::bulk_claim_accounts_request::Item {
        account_id: id.clone(),
        ..Default::default()
    });
    let request = proto::BulkClaimAccountsRequest {
        items: items.collect(),
        ..Default::default()
    };
    let before = world.server.db().statements();
    let answer = world
        .user("bob")
        .circulation()
        .bulk_claim_accounts(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(world.server.db().statements() - before, 6);
    assert!(answer.applied && answer.results.iter().all(|result| result.ownership.is_some()));
    world.stop().await;
}
