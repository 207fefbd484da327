//! What each kind of job does: whole pools, leavers, matching accounts, even distribution; and what is told of refusals.

use super::{another_app, lease, matching, open_job, release, start_pool, whole_pool};
use crate::{
    harness::Refused,
    world::{World, assign, claim, open_pool, user},
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, AccountFilter, AccountSelection, AccountStatus, ErrorReason, JobState, Pool, PoolEntryCause},
};
use tonic::Code;

/// R102: everything of a pool moves, canceled accounts too, owners as the target allows; then the pool can be deleted.
#[tokio::test]
async fn a_whole_pool_moves_in_every_status() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let lying = world.lying("Lying", &north).await;
    let owned = world.create("Owned", &north, "bob").await.id;
    let canceled = world.lying("Canceled", &north).await;
    world.cancel_account(&canceled).await;
    let lost = world.create("Lost", &north, "cid").await.id;
    world.cancel_account(&lost).await;

    let mut looking = world.user("ann").jobs();
    let look = proto::StartTransferPoolRequest {
        validate_only: true,
        ..whole_pool(&north, &south)
    };
    let preview = looking.start_transfer_pool(look).await.unwrap().into_inner();
    assert_eq!((preview.job, preview.preview.as_ref().unwrap().total), (None, 4));
    assert_eq!(preview.preview.unwrap().account_ids.len(), 4);

    let request = proto::StartTransferPoolRequest {
        request_id: "once".into(),
        ..whole_pool(&north, &south)
    };
    let job = start_pool(&world.user("ann"), request.clone()).await;
    assert_eq!(job.state(), JobState::Pending);
    assert_eq!(start_pool(&world.user("ann"), request).await.id, job.id);
    world.work().await;
    let job = world.job(&job.id).await;
    assert_eq!(
        (job.state(), job.total, job.done, job.moved, job.refused),
        (JobState::Succeeded, 4, 4, 4, 0)
    );
    assert!(job.finish_time.is_some());
    for (id, status, owner) in [
        (&lying, AccountStatus::Unassigned, ""),
        (&owned, AccountStatus::Assigned, "bob"),
        (&canceled, AccountStatus::Canceled, ""),
        (&lost, AccountStatus::Canceled, ""),
    ] {
        let now = world.ownership(id).await;
        assert_eq!(
            (now.status(), now.owner.as_str(), now.pool_id.as_str()),
            (status, owner, south.as_str())
        );
    }
    let delete = proto::DeletePoolRequest {
        pool_id: north,
        ..Default::default()
    };
    world.server.admin().pools().delete_pool(delete).await.unwrap();
    world.stop().await;
}

/// R102, W25: who is refused is named with the reason, and stops nobody else; rights are checked at the start.
#[tokio::test]
async fn refused_accounts_are_named() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let closed = Pool {
        members: None,
        ..open_pool("Closed")
    };
    let closed = world.pool(closed).await;
    let mut owned = Vec::new();
    for name in ["A", "B", "C"] {
        owned.push(world.create(name, &north, "bob").await.id);
    }
    world.lying("Free", &north).await;
    let admin = world.user("ann");
    let job = start_pool(&admin, whole_pool(&north, &closed)).await;
    world.work().await;
    let job = world.job(&job.id).await;
    assert_eq!(
        (job.state(), job.done, job.moved, job.refused),
        (JobState::Succeeded, 4, 1, 3)
    );
    let items = world.items(&job.id).await;
    assert_eq!(
        items.iter().map(|item| item.account_id.clone()).collect::<Vec<_>>(),
        owned
    );
    for item in &items {
        assert_eq!(item.reason(), ErrorReason::OwnerNotMemberOfTarget);
        assert!(item.message.contains("bob"), "{}", item.message);
    }

    let mut member = world.user("bob").jobs();
    let refused = member.start_transfer_pool(whole_pool(&closed, &north)).await;
    refused.refused(Code::NotFound, Reason::NotFound);
    let open = world.pool(open_pool("Open")).await;
    let refused = member.start_transfer_pool(whole_pool(&open, &north)).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let mut admin = admin.jobs();
    let same = admin.start_transfer_pool(whole_pool(&north, &north)).await;
    same.refused(Code::FailedPrecondition, Reason::SamePool);

    // Others do not know of it.
    let get = proto::GetJobRequest { job_id: job.id.clone() };
    member
        .get_job(get.clone())
        .await
        .refused(Code::NotFound, Reason::NotFound);
    assert_eq!(admin.get_job(get).await.unwrap().into_inner().job.unwrap(), job);
    let list = proto::ListJobsRequest::default();
    let theirs = member.list_jobs(list.clone()).await.unwrap().into_inner();
    assert!(theirs.jobs.is_empty());
    let mine = admin.list_jobs(list).await.unwrap().into_inner();
    assert_eq!(mine.jobs, [job]);
    world.stop().await;
}

/// R116: one call deactivates and releases: pool accounts wait in their pools, others go where the call says; he is out
/// of all teams; he could claim again if he came back.
#[tokio::test]
async fn what_a_leaver_owned_is_released() {
    let world = World::start().await;
    let pool = Pool {
        cooldown_days: Some(30),
        ..open_pool("North")
    };
    let north = world.pool(pool).await;
    let south = world.pool(open_pool("South")).await;
    let of_pool = world.lying("Of pool", &north).await;
    let mut bob = world.user("bob").circulation();
    bob.claim_account(claim(&of_pool)).await.unwrap();
    let of_none = world.create("Of none", "", "bob").await.id;
    let teamed = world.create("Teamed", &north, "cid").await.id;
    world.put_in_team(&teamed, "bob").await;
    world.put_in_team(&teamed, "dan").await;

    let identity = world.server.caller("acme", "hr", &[Scope::Directory]);
    let mut hr = identity.jobs();
    let active = hr.start_release_owner(release("bob", &south)).await;
    active.refused(Code::FailedPrecondition, Reason::UserActive);
    let leaving = proto::StartReleaseOwnerRequest {
        deactivate: true,
        ..release("bob", "")
    };
    let mut ann = world.user("ann").jobs();
    let no_admin = ann.start_release_owner(leaving.clone()).await;
    no_admin.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let nobody = hr.start_release_owner(release("zoe", "")).await;
    nobody.refused(Code::NotFound, Reason::NotFound);

    let leaving = proto::StartReleaseOwnerRequest {
        target_pool_id: south.clone(),
        ..leaving
    };
    let look = proto::StartReleaseOwnerRequest {
        validate_only: true,
        ..leaving.clone()
    };
    let preview = hr.start_release_owner(look).await.unwrap().into_inner();
    assert_eq!(preview.preview.unwrap().total, 3);
    bob.claim_account(claim(&of_pool)).await.unwrap_err();
    let job = hr.start_release_owner(leaving).await.unwrap().into_inner().job.unwrap();
    // He is out from now on.
    let refused = bob.claim_account(claim(&of_pool)).await;
    refused.refused(Code::PermissionDenied, Reason::ActorUnknown);
    world.work().await;
    let job = world.job(&job.id).await;
    assert_eq!(
        (job.state(), job.done, job.moved, job.refused),
        (JobState::Succeeded, 3, 3, 0)
    );
    for (id, pool) in [(&of_pool, &north), (&of_none, &south)] {
        let now = world.ownership(id).await;
        assert_eq!(
            (now.status(), &now.pool_id, now.last_owner.as_str()),
            (AccountStatus::Unassigned, pool, "bob")
        );
        assert_eq!(now.pool_entry_cause(), PoolEntryCause::OwnerLeft);
    }
    let mut history = world.server.admin().history();
    let request = proto::ListTenuresRequest {
        account_id: of_pool.clone(),
        ..Default::default()
    };
    let tenures = history.list_tenures(request).await.unwrap().into_inner().tenures;
    assert_eq!(tenures[0].end_cause(), proto::TenureEndCause::OwnerLeft);
    let request = proto::ListTeamMembersRequest {
        account_id: teamed.clone(),
    };
    let team = world.server.admin().teams().list_team_members(request).await.unwrap();
    let team: Vec<_> = team
        .into_inner()
        .team_members
        .into_iter()
        .map(|member| member.user_id)
        .collect();
    assert_eq!(team, ["dan"]);
    assert_eq!(world.ownership(&teamed).await.owner, "cid");

    let back = proto::BatchUpsertUsersRequest {
        users: vec![user("bob")],
        ..Default::default()
    };
    world.server.admin().directory().batch_upsert_users(back).await.unwrap();
    bob.claim_account(claim(&of_pool)).await.unwrap();
    world.stop().await;
}

/// R117, R188: accounts of a pool that fit a filter go to another pool, the rest stays.
#[tokio::test]
async fn matching_accounts_move() {
    let world = World::start().await;
    let north = world.pool(open_pool("North")).await;
    let south = world.pool(open_pool("South")).await;
    let fitting = world.many_lying("Expo", &north, 3).await;
    let owned = world.create("Expo owned", &north, "bob").await.id;
    let other = world.lying("Other", &north).await;
    let request = proto::StartTransferMatchingRequest {
        selection: Some(matching(
            &north,
            AccountFilter {
                name_prefix: "expo".into(),
                ..AccountFilter::default()
            },
        )),
        target_pool_id: south.clone(),
        clear_owner: true,
        ..Default::default()
    };
    let mut bob = world.user("bob").jobs();
    let refused = bob.start_transfer_matching(request.clone()).await;
    refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    let mut ann = world.user("ann").jobs();
    let started = ann.start_transfer_matching(request).await.unwrap().into_inner();
    let job = started.job.unwrap();
    assert_eq!(job.total, 4);
    world.work().await;
    assert_eq!(world.job(&job.id).await.moved, 4);
    for id in fitting.iter().chain([&owned]) {
        let now = world.ownership(id).await;
        assert_eq!((now.pool_id.as_str(), now.owner.as_str()), (south.as_str(), ""));
    }
    assert_eq!(world.ownership(&other).await.pool_id, north);

    // Named one by one: only those of the pool.
    let request = proto::StartTransferMatchingRequest {
        selection: Some(AccountSelection {
            pool_id: north.clone(),
            filter: None,
            account_ids: vec![other.clone(), fitting[0].clone()],
        }),
        target_pool_id: south.clone(),
        ..Default::default()
    };
    let job = ann
        .start_transfer_matching(request)
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap();
    world.work().await;
    let items = world.items(&job.id).await;
    assert_eq!((items.len(), &items[0].account_id), (1, &fitting[0]));
    assert_eq!(items[0].reason(), ErrorReason::NotFound);
    assert_eq!(world.ownership(&other).await.pool_id, south);
    world.stop().await;
}

/// R188: evenly over several in the order of the list; whoever reached a limit is passed over; what nobody may take is
/// refused by name.
#[tokio::test]
async fn accounts_are_spread_evenly_as_far_as_limits_allow() {
    let world = World::start().await;
    let pool = Pool {
        claim_limit: Some(3),
        ..open_pool("North")
    };
    let north = world.pool(pool).await;
    let held = world.many_lying("Held", &north, 2).await;
    for id in &held {
        let mut ann = world.user("ann").circulation();
        ann.assign_account(assign(id, "cid")).await.unwrap();
    }
    let ids = world.many_lying("Card", &north, 9).await;
    let request = proto::StartAssignMatchingRequest {
        selection: Some(matching(&north, AccountFilter::default())),
        assignees: vec!["bob".into(), "cid".into(), "dan".into()],
        ..Default::default()
    };
    let mut ann = world.user("ann").jobs();
    let wrong = proto::StartAssignMatchingRequest {
        assignees: vec!["eve".into()],
        ..request.clone()
    };
    let wrong = ann.start_assign_matching(wrong).await;
    wrong.refused(Code::FailedPrecondition, Reason::AssigneeInactive);
    let nobody = proto::StartAssignMatchingRequest {
        assignees: vec![],
        ..request.clone()
    };
    assert_eq!(
        ann.start_assign_matching(nobody).await.violations(),
        ["assignees: must name at least one user"]
    );
    let job = ann
        .start_assign_matching(request)
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap();
    assert_eq!(job.total, 9);
    // In batches of two: whose turn it is survives.
    let app = another_app(&world).await;
    let lease = lease(&app, "test").await;
    while app.one_batch(&lease, &open_job(&job), 2).await.unwrap() {}
    let job = world.job(&job.id).await;
    assert_eq!(
        (job.state(), job.done, job.moved, job.refused),
        (JobState::Succeeded, 9, 7, 2)
    );
    assert_eq!(
        world.owned_by(&ids).await,
        ["bob", "cid", "dan", "bob", "dan", "bob", "dan", "", ""]
    );
    let items = world.items(&job.id).await;
    assert_eq!(
        items.iter().map(|item| &item.account_id).collect::<Vec<_>>(),
        [&ids[7], &ids[8]]
    );
    assert!(
        items
            .iter()
            .all(|item| item.reason() == ErrorReason::PoolClaimLimitReached)
    );
    app.db.close().await;
    world.stop().await;
}
