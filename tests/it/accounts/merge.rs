//! Duplicates become one account.

use super::{named, new, update};
use crate::{
    activities::{time, told},
    harness::Refused,
    related::listed,
    sweeping::follow_up,
    world::{World, claim, open_pool},
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Account, AccountStatus, MergeAccountsRequest, TeamAccess},
};
use tonic::{Code, Status};

fn merge(survivor: &str, merged: &[&str]) -> MergeAccountsRequest {
    MergeAccountsRequest {
        survivor_id: survivor.into(),
        merged_ids: super::texts(merged),
        ..Default::default()
    }
}

impl World {
    async fn merges(&self, request: MergeAccountsRequest) -> Result<proto::MergeAccountsResponse, Status> {
        let answer = self.user("root").accounts().merge_accounts(request).await;
        answer.map(tonic::Response::into_inner)
    }

    /// The last thing that happened to the account.
    async fn latest(&self, account: &str) -> proto::AccountEvent {
        self.events(account).await.pop().unwrap()
    }
}

/// R038, D43, W27: what is known of both is known of the one that stays, and what is told of the other one is told of it.
#[tokio::test]
async fn two_become_one() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    world.rule(follow_up(&pool, 30)).await;
    let now = world.server.clock.now();
    let created = |name: &str, external: &str, grade: &str, tag: &str, owner: &str| {
        let account = Account {
            external_id: external.into(),
            grade: grade.into(),
            tags: vec![tag.into()],
            ..named(name)
        };
        new(account, &pool, owner)
    };
    let mut ids = Vec::new();
    for request in [
        created("Acme", "a-1", "", "north", "bob"),
        created("ACME Ltd", "a-2", "A", "south", "cid"),
    ] {
        let answer = world.user("root").accounts().create_account(request).await.unwrap();
        ids.push(answer.into_inner().account.unwrap().id);
    }
    let (stays, goes) = (ids[0].clone(), ids[1].clone());
    world.join_team(&goes, "dan", TeamAccess::ReadWrite).await;
    world.server.clock.advance(TimeDelta::days(1));
    let won = told("e1", &stays, "opportunity.won", now);
    let other = told("e2", &goes, "opportunity.won", now + TimeDelta::hours(1));
    let record = told("e3", &goes, "sales_record.created", now + TimeDelta::hours(2));
    world.tell("crm", vec![won, other, record]).await;

    // First only looked at.
    let looked = MergeAccountsRequest {
        validate_only: true,
        ..merge(&stays, &[&goes])
    };
    let would = world.merges(looked).await.unwrap();
    assert_eq!(world.account(&goes).await.ownership.unwrap().owner, "cid");
    let request = MergeAccountsRequest {
        request_id: "once".into(),
        ..merge(&stays, &[&goes])
    };
    let done = world.merges(request.clone()).await.unwrap();
    assert_eq!(done, would);
    // Two activities with an object of theirs, and one object: e2 and e3 are about the same id, of two types.
    assert_eq!(done.moved_records, 4);
    assert_eq!(world.merges(request).await.unwrap(), done);

    let account = world.account(&stays).await;
    assert_eq!(Some(&account), done.account.as_ref());
    let owned = account.ownership.clone().unwrap();
    assert_eq!((owned.owner.as_str(), owned.pool_id.as_str()), ("bob", pool.as_str()));
    assert_eq!(
        (
            account.name.as_str(),
            account.grade.as_str(),
            account.external_id.as_str()
        ),
        ("Acme", "A", "a-1")
    );
    assert_eq!(account.tags, ["north", "south"]);
    assert_eq!(account.deals.unwrap().won_count, 2);
    assert_eq!(account.last_follow_up_time, time(now + TimeDelta::hours(2)));
    assert_eq!(world.team(&stays).await.len(), 2);
    let tombstone = world.account(&goes).await;
    assert_eq!(tombstone.ownership.unwrap().status(), AccountStatus::Merged);
    assert_eq!(tombstone.merged_into, stays);
    assert!(
        world.tenures(&goes).await[0].ends_with("MERGED by root"),
        "{:?}",
        world.tenures(&goes).await
    );
    assert_eq!(
        world.latest(&stays).await.effects.unwrap().merged_account_ids,
        std::slice::from_ref(&goes)
    );
    assert_eq!(world.latest(&goes).await.effects.unwrap().merged_into, stays);

    // Whoever may read the one that stays is told where the other one went; to all others it is not there.
    let client = world.user("bob");
    let request = proto::GetAccountRequest {
        account_id: goes.clone(),
    };
    let refused = client.accounts().get_account(request.clone()).await;
    let details = refused.refused(Code::FailedPrecondition, Reason::AccountMerged);
    assert_eq!(details.error_info().unwrap().metadata["merged_into"], stays);
    let outside = world.create("Outside", "", "dan").await.id;
    let mut other = world.create("Outside too", "", "dan").await.id;
    world.merges(merge(&outside, &[&other])).await.unwrap();
    let refused = client
        .accounts()
        .get_account(proto::GetAccountRequest {
            account_id: other.clone(),
        })
        .await;
    refused.refused(Code::NotFound, Reason::NotFound);

    // Through several merges.
    let last = world.create("Last", "", "dan").await.id;
    world.merges(merge(&last, &[&outside])).await.unwrap();
    let refused = world
        .user("dan")
        .accounts()
        .get_account(proto::GetAccountRequest {
            account_id: other.clone(),
        })
        .await;
    let details = refused.refused(Code::FailedPrecondition, Reason::AccountMerged);
    assert_eq!(details.error_info().unwrap().metadata["merged_into"], last);

    // The name is free, the external id is not.
    other = world.create("acme ltd", "", "dan").await.id;
    let taken = Account {
        external_id: "a-2".into(),
        ..Account::default()
    };
    let client = world.user("root");
    let refused = client
        .accounts()
        .update_account(update(&other, taken, &["external_id"]))
        .await;
    refused.refused(Code::AlreadyExists, Reason::ExternalIdTaken);
    world.stop().await;
}

/// Services go on telling of the account that they know, by our id or by theirs.
#[tokio::test]
async fn what_is_told_of_a_merged_account_is_told_of_the_other_one() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let [stays, goes, older] = ["Acme", "Acme Ltd", "Acme Inc"].map(|name| (name, named(name)));
    let mut ids = Vec::new();
    for (at, (_, account)) in [stays, goes, older].into_iter().enumerate() {
        let account = Account {
            external_id: format!("x{at}"),
            ..account
        };
        let answer = world
            .user("root")
            .accounts()
            .create_account(new(account, &pool, "bob"))
            .await
            .unwrap();
        ids.push(answer.into_inner().account.unwrap().id);
    }
    let now = world.server.clock.now();
    let order = |event: &str, kind: &str, minutes: i64| proto::Activity {
        object_id: "o-1".into(),
        ..told(event, &ids[2], kind, now + TimeDelta::minutes(minutes))
    };
    world
        .tell("invoices", vec![order("e1", "sales_order.created", 0)])
        .await;
    world.merges(merge(&ids[1], &[&ids[2]])).await.unwrap();
    world.merges(merge(&ids[0], &[&ids[1]])).await.unwrap();
    let after = proto::Activity {
        account_id: String::new(),
        external_account_id: "x2".into(),
        ..order("e2", "sales_order.confirmed", 1)
    };
    let more = vec![
        after,
        told("e9", &ids[1], "sales_record.created", now + TimeDelta::minutes(2)),
    ];
    let outcomes = world.tell("invoices", more).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let account = world.account(&ids[0]).await;
    assert_eq!(account.last_follow_up_time, time(now + TimeDelta::minutes(2)));
    let orders = listed(&world.user("root"), &ids[0], "sales_order", 10).await;
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].action, "confirmed");
    world.stop().await;
}

/// R037, D43: for CRM admins; nothing is merged with itself, twice, or when it is out of use; a merge is for good.
#[tokio::test]
async fn not_everything_is_merged() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let a = world.create("A", &pool, "bob").await.id;
    let b = world.create("B", &pool, "bob").await.id;
    let c = world.lying("C", &pool).await;
    for user in ["bob", "ann"] {
        let refused = world.user(user).accounts().merge_accounts(merge(&a, &[&b])).await;
        refused.refused(Code::PermissionDenied, Reason::NotAuthorized);
    }
    let refused = world.merges(merge(&a, &[&a, &b, &b])).await;
    refused.refused(Code::InvalidArgument, Reason::InvalidArgument);
    let cancel = proto::CancelAccountRequest {
        account_id: c.clone(),
        ..Default::default()
    };
    world.user("root").accounts().cancel_account(cancel).await.unwrap();
    let stale = MergeAccountsRequest {
        etag: "1".into(),
        ..merge(&a, &[&b, &c])
    };
    world
        .user("root")
        .updates(
            &a,
            Account {
                phone: "1".into(),
                ..Account::default()
            },
            &["phone"],
        )
        .await;
    let refused = world.merges(stale).await.refused(Code::Aborted, Reason::EtagMismatch);
    assert_eq!(refused.error_info().unwrap().metadata["account_id"], a);
    world.merges(merge(&a, &[&b])).await.unwrap();
    world
        .merges(merge(&a, &[&b]))
        .await
        .refused(Code::FailedPrecondition, Reason::AccountMerged);
    let restore = proto::RestoreAccountRequest {
        account_id: b.clone(),
        ..Default::default()
    };
    let refused = world.user("root").accounts().restore_account(restore).await;
    refused.refused(Code::FailedPrecondition, Reason::AccountMerged);
    let refused = world.user("bob").circulation().claim_account(claim(&b)).await;
    refused.refused(Code::NotFound, Reason::NotFound);
    world.stop().await;
}

/// Two admins merge the same two accounts at once, each into the other one: one of them is too late.
#[tokio::test]
async fn merges_that_cross_leave_one_account() {
    let world = World::start().await;
    for round in 0..5 {
        let a = world.create(&format!("A{round}"), "", "bob").await.id;
        let b = world.create(&format!("B{round}"), "", "cid").await.id;
        let activity = told(
            &format!("e{round}"),
            &a,
            "sales_record.created",
            world.server.clock.now(),
        );
        let (there, back, told) = tokio::join!(
            world.merges(merge(&a, &[&b])),
            world.merges(merge(&b, &[&a])),
            world.tell("crm", vec![activity]),
        );
        assert!(there.is_ok() != back.is_ok(), "{there:?} {back:?}");
        assert!(told[0].is_ok(), "{told:?}");
        let (stays, goes) = if there.is_ok() { (&a, &b) } else { (&b, &a) };
        assert_eq!(world.account(goes).await.merged_into, *stays);
        assert!(world.account(stays).await.last_follow_up_time.is_some());
    }
    world.stop().await;
}

/// X25: follow-ups of the last day of accounts that become one are judged as those of one account.
#[tokio::test]
async fn their_last_day_is_judged_as_one() {
    let world = World::start().await;
    let pool = proto::Pool {
        time_zone: "UTC".into(),
        ..open_pool("North")
    };
    let pool = world.pool(pool).await;
    world.rule(follow_up(&pool, 30)).await;
    let ids = [
        world.create("Acme", &pool, "bob").await.id,
        world.create("Acme Ltd", &pool, "cid").await.id,
    ];
    let rules = proto::ActivityRules {
        min_follow_up_spacing: Some(prost_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        min_summary_length: 3,
        ..Default::default()
    };
    let fields = ["min_follow_up_spacing", "min_summary_length"];
    world.activity_rules(rules, &fields).await.unwrap();
    world.server.clock.advance(TimeDelta::days(3));
    // Noon of a day of the tenant.
    let noon = world.server.clock.now() - TimeDelta::hours(22);
    let at = |event: &str, id: &str, minute: i64, summary: &str| proto::Activity {
        object_id: String::new(),
        summary: summary.into(),
        ..told(event, id, "sales_record.created", noon + TimeDelta::minutes(minute))
    };
    let [stays, goes] = &ids;
    let told = vec![
        at("e0", stays, -24 * 60, "the day before"),
        at("e1", stays, 0, "a call"),
        at("e2", goes, 30, "a visit"),
        at("e3", goes, 5, "hm"),
        at("e4", goes, 90, "an order"),
    ];
    world.tell("crm", told).await;
    let last = async |id: &str| world.account(id).await.last_follow_up_time;
    let minute = |minute: i64| time(noon + TimeDelta::minutes(minute));
    assert_eq!((last(stays).await, last(goes).await), (minute(0), minute(90)));
    let before = world.server.db().statements();
    world.merges(merge(stays, &[goes])).await.unwrap();
    let spent = world.server.db().statements() - before;
    // 0 and 90 count; of the one that goes alone it was 30 and 90.
    assert_eq!(last(stays).await, minute(90));
    let more = vec![at("e5", goes, 40, "too near"), at("e6", stays, 61, "an hour later")];
    world.tell("crm", more).await;
    assert_eq!(last(stays).await, minute(61));

    // What goes back is what is known of both.
    let (one, other) = (
        world.create("Moss", &pool, "bob").await.id,
        world.create("Moss Ltd", &pool, "cid").await.id,
    );
    world
        .tell(
            "crm",
            vec![at("f1", &one, 0, "a call"), at("f2", &other, 59, "a visit")],
        )
        .await;
    assert_eq!(last(&other).await, minute(59));
    world.merges(merge(&one, &[&other])).await.unwrap();
    assert_eq!(last(&one).await, minute(0));
    let due = world.account(&one).await.ownership.unwrap().reclaim_time;
    assert_eq!(
        due,
        time(world.server.clock.now() + TimeDelta::days(30)),
        "his time began later"
    );

    // Without it a read less.
    let rules = proto::ActivityRules::default();
    world.activity_rules(rules, &fields).await.unwrap();
    let (one, other) = (
        world.create("Reed", &pool, "bob").await.id,
        world.create("Reed Ltd", &pool, "cid").await.id,
    );
    world
        .tell("crm", vec![at("g1", &one, 0, ""), at("g2", &other, 59, "")])
        .await;
    let before = world.server.db().statements();
    world.merges(merge(&one, &[&other])).await.unwrap();
    assert_eq!(world.server.db().statements() - before, spent - 1);
    assert_eq!(last(&one).await, minute(59));
    world.stop().await;
}
