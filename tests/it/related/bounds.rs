//! How many objects follow at once, where nobody asked for them and in jobs: nothing that is to follow is left behind in
//! silence.

use super::{handover::change, object};
use crate::{
    harness::Refused,
    world::{World, claim, give_back, open_pool},
};
use tidepool::{
    domain::{
        refusal::Reason,
        related::handover::{PER_ACCOUNT, PER_CALL},
    },
    rpc::proto::{self, AccountSelection, RelatedObjectType, bulk_claim_accounts_request::Item},
};
use tonic::Code;

/// Accounts with as many objects as may follow one, one more than may follow in one call.
const ACCOUNTS: usize = PER_CALL / PER_ACCOUNT + 1;

impl World {
    /// So many accounts of bob's, each with as many objects as may follow; given back to the pool where they are to wait.
    async fn laden(&self, pool: &str, object_type: &'static str, waiting: bool) -> Vec<String> {
        let mut ids = self.site().many("Acme", pool, "bob", ACCOUNTS).await;
        ids.sort();
        for (at, id) in ids.iter().enumerate() {
            self.tell_many_objects(id, &format!("a{at}"), object_type, "bob", PER_ACCOUNT)
                .await;
            if waiting {
                let back = give_back(id);
                self.user("bob").circulation().return_account(back).await.unwrap();
            }
        }
        ids
    }

    /// Starts a job that assigns these accounts to cid, and lets it work to its end.
    async fn assigned_by_job(&self, pool: &str, ids: &[String], types: &[RelatedObjectType]) -> proto::Job {
        let start = proto::StartAssignMatchingRequest {
            selection: Some(AccountSelection {
                pool_id: pool.into(),
                account_ids: ids.to_vec(),
                filter: None,
            }),
            assignees: vec!["cid".into()],
            related_types: types.iter().map(|which| (*which).into()).collect(),
            ..Default::default()
        };
        let jobs = || self.server.admin().jobs();
        let started = jobs().start_assign_matching(start).await.unwrap().into_inner();
        tidepool::worker::jobs::once(&self.server.running.app).await.unwrap();
        let job_id = started.job.unwrap().id;
        let got = jobs().get_job(proto::GetJobRequest { job_id }).await.unwrap();
        got.into_inner().job.unwrap()
    }

    async fn all_follow(&self, ids: &[String], to: &str) {
        for id in ids {
            assert_eq!(self.ownership(id).await.owner, to);
            let owners = self.owners(id).await;
            assert_eq!(owners.len(), PER_ACCOUNT);
            assert!(owners.values().all(|owner| owner == to), "{id}: {owners:?}");
        }
    }

    /// What the account's last event says of contacts that stayed, to this user.
    async fn told_to_have_stayed(&self, user: &str, id: &str) -> i32 {
        let request = proto::ListAccountEventsRequest {
            account_id: id.into(),
            page_size: 1,
            ..Default::default()
        };
        let listed = self.user(user).history().list_account_events(request).await.unwrap();
        let event = listed.into_inner().account_events.remove(0);
        event.effects.map_or(0, |effects| effects.contacts_left_behind)
    }
}

/// D23: a job whose accounts have more contacts than follow in one transaction takes as many transactions as that needs.
#[tokio::test]
async fn contacts_follow_in_a_job_however_many() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.laden(&pool, "contact", false).await;
    let job = world.assigned_by_job(&pool, &ids, &[]).await;
    let all = i64::try_from(ACCOUNTS).unwrap();
    assert_eq!((job.done, job.moved, job.refused), (all, all, 0));
    world.all_follow(&ids, "cid").await;
    world.stop().await;
}

/// R060: a job takes along what it was told to, as calls do; what it was not told of stays.
#[tokio::test]
async fn a_job_takes_along_what_it_is_told_to() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.laden(&pool, "opportunity", false).await;
    let one = &ids[0];
    world
        .tell_objects(one, &[object("contract", "c", "activated", 1, "bob")])
        .await;
    // One more than may: refused, and named.
    world.tell_many_objects(&ids[1], "more", "opportunity", "bob", 1).await;
    let job = world
        .assigned_by_job(&pool, &ids, &[RelatedObjectType::Opportunity])
        .await;
    let all = i64::try_from(ACCOUNTS).unwrap();
    assert_eq!((job.done, job.moved, job.refused), (all, all - 1, 1));
    let request = proto::ListJobItemsRequest {
        job_id: job.id,
        ..Default::default()
    };
    let listed = world.server.admin().jobs().list_job_items(request).await.unwrap();
    let item = listed.into_inner().items.remove(0);
    assert_eq!(
        (item.account_id.as_str(), item.reason()),
        (ids[1].as_str(), proto::ErrorReason::RelatedObjectLimitReached)
    );
    assert_eq!(world.ownership(&ids[1]).await.owner, "bob");
    assert_eq!(world.owners(one).await["c"], "bob");
    world.all_follow(&ids[2..], "cid").await;
    world.stop().await;
}

/// What a job is to take along is checked as it is in calls.
#[tokio::test]
async fn a_job_takes_types_once_each() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let start = proto::StartAssignMatchingRequest {
        selection: Some(AccountSelection {
            pool_id: pool,
            ..Default::default()
        }),
        assignees: vec!["cid".into()],
        related_types: vec![1, 0, 1, 77],
        ..Default::default()
    };
    let said = world
        .server
        .admin()
        .jobs()
        .start_assign_matching(start)
        .await
        .violations();
    let fields: Vec<_> = said.iter().map(|said| said.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["related_types[1]", "related_types[3]", "related_types[1]"]);
    world.stop().await;
}

/// D23: of accounts that are claimed at once, those whose contacts are too many for one call are refused, and go in the
/// next one with their contacts; an atomic call is refused as a whole.
#[tokio::test]
async fn contacts_are_not_left_behind_since_others_came_first() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.laden(&pool, "contact", true).await;
    let request = |ids: &[String], atomic: bool| proto::BulkClaimAccountsRequest {
        items: ids
            .iter()
            .map(|id| Item {
                account_id: id.clone(),
                ..Default::default()
            })
            .collect(),
        atomic,
        ..Default::default()
    };
    let cid = world.user("cid");
    let answer = cid
        .circulation()
        .bulk_claim_accounts(request(&ids, true))
        .await
        .unwrap();
    assert!(!answer.into_inner().applied);
    let answer = cid
        .circulation()
        .bulk_claim_accounts(request(&ids, false))
        .await
        .unwrap();
    let results = answer.into_inner().results;
    let last = ACCOUNTS - 1;
    assert!(results[..last].iter().all(|result| result.ownership.is_some()));
    let status = results[last].status.clone().unwrap();
    assert_eq!(Code::from(status.code), Code::ResourceExhausted, "{status:?}");
    assert_eq!(world.ownership(&ids[last]).await.owner, "");
    let answer = cid.circulation().bulk_claim_accounts(request(&ids[last..], true)).await;
    assert!(answer.unwrap().into_inner().applied);
    world.all_follow(&ids, "cid").await;
    world.stop().await;
}

/// D23: contacts that are more than follow one account stay, and whoever takes the account is told how many: before, in the
/// answer, and by the event. Who asks for them is refused.
#[tokio::test]
async fn who_takes_an_account_is_told_which_contacts_stay() {
    const MANY: usize = PER_ACCOUNT + 1;
    let many = i32::try_from(MANY).unwrap();
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let id = world.create("Acme", &pool, "bob").await.id;
    world.tell_many_objects(&id, "c", "contact", "bob", MANY).await;
    let root = world.user("root");
    let asked = change(&id, "cid", &[RelatedObjectType::Contact]);
    let refused = root.circulation().change_account_owner(asked).await;
    refused.refused(Code::ResourceExhausted, Reason::RelatedObjectLimitReached);
    let look = proto::ChangeAccountOwnerRequest {
        validate_only: true,
        ..change(&id, "cid", &[])
    };
    let looked = root
        .circulation()
        .change_account_owner(look)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((looked.contacts_left_behind, looked.ownership), (many, None));
    let moved = root.circulation().change_account_owner(change(&id, "cid", &[])).await;
    assert_eq!(moved.unwrap().into_inner().contacts_left_behind, many);
    for (user, told) in [("root", many), ("cid", many), ("ann", many)] {
        assert_eq!(world.told_to_have_stayed(user, &id).await, told, "{user}");
    }
    // Those who read the account and see none of them are not told.
    world.join_team(&id, "dan", proto::TeamAccess::Read).await;
    let request = proto::ListAccountEventsRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    let listed = world.user("dan").history().list_account_events(request).await.unwrap();
    let events = listed.into_inner().account_events;
    assert!(
        events
            .iter()
            .all(|event| event.effects.as_ref().unwrap().contacts_left_behind == 0)
    );

    // They are bob's still; from him to cid nothing is left to follow, so the other moves start anew.
    let back = give_back(&id);
    world.user("cid").circulation().return_account(back).await.unwrap();
    let other = world.create("Other", &pool, "bob").await.id;
    world.tell_many_objects(&other, "o", "contact", "bob", MANY).await;
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&other))
        .await
        .unwrap();
    let claimed = world
        .user("cid")
        .circulation()
        .claim_account(claim(&other))
        .await
        .unwrap();
    assert_eq!(claimed.into_inner().contacts_left_behind, many);
    let third = world.create("Third", &pool, "bob").await.id;
    world.tell_many_objects(&third, "t", "contact", "bob", MANY).await;
    let few = world.create("Few", &pool, "bob").await.id;
    world.tell_many_objects(&few, "f", "contact", "bob", 2).await;
    let item = |id: &String| proto::bulk_assign_accounts_request::Item {
        account_id: id.clone(),
        assignee: "cid".into(),
        ..Default::default()
    };
    let request = proto::BulkAssignAccountsRequest {
        items: vec![item(&third), item(&few)],
        ..Default::default()
    };
    let answer = root
        .circulation()
        .bulk_assign_accounts(request)
        .await
        .unwrap()
        .into_inner();
    let left: Vec<_> = answer
        .results
        .iter()
        .map(|result| result.contacts_left_behind)
        .collect();
    assert_eq!(left, [many, 0]);
    world.stop().await;
}
