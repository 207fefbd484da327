//! D47: one call releases whatever a leaver owned, also where nobody says which pool his accounts outside pools go to.

use super::release;
use crate::{
    harness::Refused,
    reclaim_rules::{delete_pool, disable_pool},
    rules::{create, exact},
    world::{World, claim, open_pool, user},
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{
        self, AccountFilter, AccountScope, AccountStatus, JobState, Ownership, PoolEntryCause, ReclaimAction,
        ReclaimRule,
    },
};
use tonic::Code;

/// A rule of the department for accounts that meet the condition, into the pool.
fn into(target: &str, condition: &str) -> ReclaimRule {
    ReclaimRule {
        department_id: "sales".into(),
        target_pool_id: target.into(),
        condition: condition.into(),
        ..exact("", 30)
    }
}

impl World {
    /// `bob` leaves: one call, without a pool.
    async fn leaves(&self, target: &str) -> proto::Job {
        let identity = self.server.caller("acme", "hr", &[Scope::Directory]);
        let request = proto::StartReleaseOwnerRequest {
            deactivate: true,
            ..release("bob", target)
        };
        let started = identity.jobs().start_release_owner(request).await.unwrap();
        self.work().await;
        self.job(&started.into_inner().job.unwrap().id).await
    }

    async fn in_sales(&self) {
        use crate::build::{department, push_departments, push_users};
        push_departments(&self.server.admin(), vec![department("sales", "")]).await;
        let bob = proto::User {
            primary_department: "sales".into(),
            ..user("bob")
        };
        push_users(&self.server.admin(), vec![bob]).await;
    }

    async fn waits(&self, id: &str) -> Ownership {
        let now = self.ownership(id).await;
        assert_eq!(
            (now.status(), now.owner.as_str(), now.last_owner.as_str()),
            (AccountStatus::Unassigned, "", "bob")
        );
        assert_eq!(now.pool_entry_cause(), PoolEntryCause::OwnerLeft);
        assert_eq!(now.reclaim_time, None);
        now
    }
}

/// D47: without a pool in the call each account goes where the rule that decides over it would take it; where there is
/// none it waits outside pools, where CRM admins find it and put it into a pool.
#[tokio::test]
async fn d47_accounts_go_where_their_rules_would_take_them() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.in_sales().await;
    let north = world.pool(open_pool("North")).await;
    let big = world.pool(open_pool("Big")).await;
    let rest = world.pool(open_pool("Rest")).await;
    create(&admin, into(&big, "account.name == \"Big\""), None)
        .await
        .unwrap();
    let never = ReclaimRule {
        department_id: "sales".into(),
        condition: "account.name == \"Kept\"".into(),
        action: ReclaimAction::NoReclaim.into(),
        ..ReclaimRule::default()
    };
    create(&admin, never, None).await.unwrap();
    create(&admin, into(&rest, "account.name != \"Odd\""), None)
        .await
        .unwrap();
    let pooled = world.create("Pooled", &north, "bob").await.id;
    let mut own = Vec::new();
    for name in ["Big", "Small", "Kept", "Odd"] {
        own.push(world.create(name, "", "bob").await.id);
    }
    let job = world.leaves("").await;
    assert_eq!(
        (job.state(), job.total, job.done, job.moved, job.refused),
        (JobState::Succeeded, 5, 5, 5, 0)
    );
    assert_eq!(job.target_pool_id, "");
    assert_eq!(world.waits(&pooled).await.pool_id, north);
    let pools = [big.as_str(), rest.as_str(), "", ""];
    for (id, pool) in own.iter().zip(pools) {
        assert_eq!(world.waits(id).await.pool_id, pool);
    }
    // Whoever may claim in those pools may claim them, and nobody where there is none.
    let mut dan = world.user("dan").circulation();
    dan.claim_account(claim(&own[0])).await.unwrap();
    let nowhere = dan.claim_account(claim(&own[3])).await;
    nowhere.refused(Code::NotFound, Reason::NotFound);
    let list = proto::ListAccountsRequest {
        scope: AccountScope::All.into(),
        filter: Some(AccountFilter {
            statuses: vec![AccountStatus::Unassigned.into()],
            name_prefix: "od".into(),
            ..AccountFilter::default()
        }),
        ..Default::default()
    };
    let found = world.user("root").accounts().list_accounts(list).await.unwrap();
    let found: Vec<_> = found
        .into_inner()
        .accounts
        .into_iter()
        .map(|account| account.id)
        .collect();
    assert_eq!(found, own[3..]);
    let add = proto::AddAccountToPoolRequest {
        account_id: own[3].clone(),
        target_pool_id: north.clone(),
        ..Default::default()
    };
    world.user("root").circulation().add_account_to_pool(add).await.unwrap();
    assert_eq!(world.ownership(&own[3]).await.pool_id, north);
    dan.claim_account(claim(&own[3])).await.unwrap();
    world.stop().await;
}

/// D47, R116: a pool in the call goes before the rules; one that cannot be is refused at once, and nobody is deactivated
/// by that.
#[tokio::test]
async fn d47_a_pool_in_the_call_goes_before_the_rules() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.in_sales().await;
    let rest = world.pool(open_pool("Rest")).await;
    let asked = world.pool(open_pool("Asked")).await;
    let closed = world.pool(open_pool("Closed")).await;
    disable_pool(&world.server, &closed).await.unwrap();
    create(&admin, into(&rest, ""), None).await.unwrap();
    let own = world.create("Own", "", "bob").await.id;
    let identity = world.server.caller("acme", "hr", &[Scope::Directory]);
    for wrong in [closed.as_str(), own.as_str()] {
        let request = proto::StartReleaseOwnerRequest {
            deactivate: true,
            ..release("bob", wrong)
        };
        let refused = identity.jobs().start_release_owner(request).await;
        refused.refused(Code::FailedPrecondition, Reason::TargetPoolForbidden);
    }
    assert_eq!(world.ownership(&own).await.owner, "bob");
    let job = world.leaves(&asked).await;
    assert_eq!(
        (job.state(), job.moved, job.target_pool_id),
        (JobState::Succeeded, 1, asked.clone())
    );
    assert_eq!(world.waits(&own).await.pool_id, asked);
    // Nothing of that is left behind: the pool of the rule can go with the rule.
    let blocked = delete_pool(&world.server, &rest).await;
    blocked.refused(Code::FailedPrecondition, Reason::PoolReferenced);
    world.stop().await;
}

/// D47: somebody in no department, and without any account, leaves by the same call.
#[tokio::test]
async fn d47_one_call_is_enough_for_whoever_leaves() {
    let world = World::start().await;
    let own = world.create("Own", "", "bob").await.id;
    let job = world.leaves("").await;
    assert_eq!((job.state(), job.moved, job.refused), (JobState::Succeeded, 1, 0));
    assert_eq!(world.waits(&own).await.pool_id, "");
    let request = proto::StartReleaseOwnerRequest {
        deactivate: true,
        ..release("dan", "")
    };
    let started = world.server.admin().jobs().start_release_owner(request).await.unwrap();
    world.work().await;
    let job = world.job(&started.into_inner().job.unwrap().id).await;
    assert_eq!((job.state(), job.total, job.moved), (JobState::Succeeded, 0, 0));
    world.stop().await;
}
