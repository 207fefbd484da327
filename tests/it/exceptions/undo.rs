//! X02: an automatic reclaim is undone.

use super::{Ask, Query, Stage, exact, fact};
use crate::{
    activities::told,
    moves::{Order, Wish, named_pool, reason, verdict},
    sweeping::follow_up,
    world::user,
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, Department, Pool, ReclaimRule, TeamAccess, User};

/// X02, R129: owner, tenure and pool are as they were, the clock leaves a day, the ban is gone, the history tells all of it.
#[tokio::test]
async fn an_undone_reclaim_leaves_everything_as_it_was() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let other = world.pool(named_pool("Other")).await;
    world
        .rule(ReclaimRule {
            target_pool_id: other.clone(),
            ..exact(&stage.home, 30)
        })
        .await;
    let id = stage.claimed("Acme", "cid").await;
    let note = Wish::because("", "no interest", "");
    assert!(world.play("cid", &id, note).await.starts_with("UNASSIGNED"));
    stage.pass(TimeDelta::days(1));
    assert!(world.play("bob", &id, Wish::Claim).await.starts_with("ASSIGNED"));
    stage.ask("ann", &id, Ask::Extend(10)).await.unwrap();
    let before = world.account(&id).await;
    stage.pass(TimeDelta::days(40));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(world.ownership(&id).await.pool_id, other);
    let tenures = world.tenures(&id).await;
    assert_eq!(tenures[1], "bob CLAIMED by bob, AUTO_RECLAIMED by ");

    stage.pass(TimeDelta::days(3));
    let undone = stage.ask("adm", &id, Ask::Undo).await.unwrap();
    assert_eq!(undone.extended_days, 10);
    let (mut after, mut as_before) = (undone.ownership.unwrap(), before.ownership.clone().unwrap());
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(1)));
    for ownership in [&mut after, &mut as_before] {
        ownership.etag = String::new();
        ownership.reclaim_time = None;
    }
    assert_eq!(after, as_before);
    let account = world.account(&id).await;
    assert_eq!(account.last_end_note, "no interest");
    assert_eq!(account.last_end_note, before.last_end_note);
    assert_eq!(
        world.tenures(&id).await,
        [
            "cid CLAIMED by cid, RETURNED by cid 'no interest'",
            "bob CLAIMED by bob"
        ]
    );
    let events = world.events(&id).await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.kind.as_str(), last.actor.as_str(), last.note.as_str()),
        ("account.reclaim_undone", "adm", "because")
    );
    assert_eq!(last.effects.as_ref().unwrap().owner.as_ref().unwrap().new, "bob");
    assert_eq!(stage.kinds(&id).await[5..], ["reclaimed", "reclaim_undone"]);
    // The extra days are used up all the same.
    let refused = stage.ask("ann", &id, Ask::Extend(21)).await.unwrap_err();
    assert_eq!(
        (reason(&refused), fact(&refused, "used")),
        ("EXTENSION_LIMIT_REACHED".into(), "10".into())
    );

    // Nobody is found at once, and the day is not longer than that.
    stage.pass(TimeDelta::days(1) - TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 0);
    stage.pass(TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(world.tenures(&id).await.len(), 2);
    stage.stop().await;
}

/// R128, X02: whoever lost the account in error is not kept from claiming it later.
#[tokio::test]
async fn an_undone_reclaim_bans_nobody() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let pool = Pool {
        id: stage.home.clone(),
        cooldown_days: Some(90),
        ..named_pool("Home")
    };
    world.update_pool(pool, &["cooldown_days"]).await;
    let id = stage.reclaimed("Acme").await;
    assert_eq!(world.play("bob", &id, Wish::Claim).await, "CLAIM_COOLDOWN_ACTIVE");
    stage.ask("adm", &id, Ask::Undo).await.unwrap();
    // Released without blame, he may claim it again.
    assert_eq!(
        world.play("adm", &id, Wish::assign("cid")).await,
        "ASSIGNED cid was bob moved 1 -"
    );
    assert!(
        world
            .play("adm", &id, Wish::transfer_alone(&world.pool(named_pool("Other")).await))
            .await
            .starts_with("UNASSIGNED")
    );
    assert!(world.play("bob", &id, Wish::Claim).await.starts_with("ASSIGNED bob"));
    stage.stop().await;
}

/// X02: only the last reclaim, only by a rule, only while nobody has had the account since.
#[tokio::test]
async fn what_cannot_be_undone() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = stage.reclaimed("Acme").await;
    assert_eq!(stage.verdict("adm", &id, Ask::Undo).await, "OK");
    stage.pass(TimeDelta::hours(1));
    assert!(world.play("cid", &id, Wish::Claim).await.starts_with("ASSIGNED"));
    assert_eq!(stage.verdict("adm", &id, Ask::Undo).await, "INVALID_STATUS");
    assert!(
        world
            .play("cid", &id, Wish::give_back())
            .await
            .starts_with("UNASSIGNED")
    );
    let refused = stage.ask("adm", &id, Ask::Undo).await.unwrap_err();
    assert_eq!(
        (reason(&refused), fact(&refused, "end_cause")),
        ("RECLAIM_NOT_UNDOABLE".into(), "RETURNED".into())
    );
    // Nobody ever had it.
    let fresh = world.lying("Fresh", &stage.home).await;
    assert_eq!(stage.verdict("adm", &fresh, Ask::Undo).await, "RECLAIM_NOT_UNDOABLE");

    // Everything that is in the way is told at once; the owner has to be there still.
    let id = stage.reclaimed("Gone").await;
    let gone = User {
        active: false,
        ..user("bob")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![gone],
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let stale = Query {
        etag: "1".into(),
        dry: true,
        ..Query::of(&id)
    };
    let said = stale.send(&world.user("adm"), Ask::Undo).await.unwrap().1.unwrap();
    assert_eq!(crate::moves::all(&said), ["ETAG_MISMATCH", "ASSIGNEE_INACTIVE"]);
    assert_eq!(stage.verdict("adm", &id, Ask::Undo).await, "ASSIGNEE_INACTIVE");
    stage.stop().await;
}

/// X02: limits are not asked, since he takes nothing that he did not have; those who count him at the same time notice.
#[tokio::test]
async fn limits_do_not_stand_in_the_way() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let pool = Pool {
        id: stage.home.clone(),
        claim_limit: Some(1),
        ..named_pool("Home")
    };
    world.update_pool(pool, &["claim_limit"]).await;
    let id = stage.reclaimed("Acme").await;
    let more = stage.claimed("More", "bob").await;
    stage.ask("adm", &id, Ask::Undo).await.unwrap();
    assert_eq!(
        (stage.owner(&id).await, stage.owner(&more).await),
        ("bob".into(), "bob".into())
    );
    let third = world.lying("Third", &stage.home).await;
    assert_eq!(world.play("bob", &third, Wish::Claim).await, "POOL_CLAIM_LIMIT_REACHED");
    stage.stop().await;
}

/// X02: a pool that is out of use takes nothing in, so the account stays where it lies.
#[tokio::test]
async fn a_pool_out_of_use_gets_nothing_back() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let other = world.pool(named_pool("Other")).await;
    world
        .rule(ReclaimRule {
            target_pool_id: other.clone(),
            ..exact(&stage.home, 30)
        })
        .await;
    let id = stage.reclaimed("Acme").await;
    world.disable(&stage.home).await;
    let undone = stage.ask("root", &id, Ask::Undo).await.unwrap();
    let ownership = undone.ownership.unwrap();
    assert_eq!((ownership.owner.as_str(), ownership.pool_id), ("bob", other));
    stage.stop().await;
}

/// D53, X02: what a department's rule took into a pool goes back outside of all pools; only CRM admins can say so.
#[tokio::test]
async fn accounts_from_outside_pools_go_back_outside() {
    let stage = Stage::without_rule().await;
    let world = &stage.world;
    let admin = world.server.admin();
    let sales = Department {
        id: "sales".into(),
        display_name: "Sales".into(),
        ..Department::default()
    };
    let request = proto::BatchUpsertDepartmentsRequest {
        departments: vec![sales],
        ..Default::default()
    };
    admin.directory().batch_upsert_departments(request).await.unwrap();
    let bob = User {
        primary_department: "sales".into(),
        supervisor: "ann".into(),
        ..user("bob")
    };
    let request = proto::BatchUpsertUsersRequest {
        users: vec![bob],
        ..Default::default()
    };
    admin.directory().batch_upsert_users(request).await.unwrap();
    let rule = ReclaimRule {
        pool_id: String::new(),
        department_id: "sales".into(),
        target_pool_id: stage.home.clone(),
        ..follow_up("", 30)
    };
    world
        .rule(ReclaimRule {
            cutoff: "NONE".into(),
            ..rule
        })
        .await;
    let id = world.create("Acme", "", "bob").await.id;
    stage.pass(TimeDelta::days(30));
    assert_eq!(world.sweep().await.reclaimed, 1);
    assert_eq!(world.ownership(&id).await.pool_id, stage.home);
    assert_eq!(stage.verdict("adm", &id, Ask::Undo).await, "NOT_AUTHORIZED");
    stage.ask("root", &id, Ask::Undo).await.unwrap();
    let ownership = world.ownership(&id).await;
    assert_eq!((ownership.owner.as_str(), ownership.pool_id.as_str()), ("bob", ""));
    stage.stop().await;
}

/// X02: a claim and an undo at the same time: one of them has the account, and the history is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_and_an_undo_at_once() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let mut ids = Vec::new();
    for at in 0..10 {
        ids.push(stage.claimed(&format!("Card {at}"), "bob").await);
    }
    stage.pass(TimeDelta::days(30));
    assert_eq!(world.sweep().await.reclaimed, 10);
    for id in &ids {
        let (query, order) = (Query::of(id), Order::of(id));
        let (adm, cid) = (world.user("adm"), world.user("cid"));
        let (undone, claimed) = tokio::join!(query.send(&adm, Ask::Undo), order.send(&cid, &Wish::Claim));
        let said = (
            undone.map_or_else(|status| reason(&status), |_| "OK".into()),
            verdict(&claimed),
        );
        match stage.owner(id).await.as_str() {
            "bob" => assert_eq!(said, ("OK".into(), "ALREADY_CLAIMED".into())),
            "cid" => assert_eq!(said, ("INVALID_STATUS".into(), "OK".into())),
            nobody => panic!("{nobody}: {said:?}"),
        }
    }
    stage.stop().await;
}

/// X02, R096: what the pool's rule did to the team stays done, and the owner is no member beside himself.
#[tokio::test]
async fn the_team_stays_as_it_is() {
    let stage = Stage::set().await;
    let id = stage.reclaimed("Acme").await;
    for member in ["bob", "tim"] {
        assert_eq!(
            stage.world.put_member("root", &id, member, TeamAccess::Read).await,
            "OK"
        );
    }
    stage.ask("adm", &id, Ask::Undo).await.unwrap();
    assert_eq!(stage.world.team(&id).await, ["tim"]);
    // A follow-up goes on from there.
    stage.pass(TimeDelta::hours(5));
    stage
        .world
        .tell("crm", vec![told("e1", &id, "sales_record.created", stage.now())])
        .await;
    assert_eq!(stage.deadline(&id).await, Some(stage.now() + TimeDelta::days(30)));
    stage.stop().await;
}
