//! Rules of departments: for the accounts that their members own outside pools.

use super::{create, exact, local};
use crate::{
    build::{department, fields, push_departments, push_users},
    harness::Refused,
    reclaim_rules::{delete, delete_pool, disable, disable_pool},
    world::{World, open_pool, user},
};
use chrono::TimeDelta;
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{AccountStatus, PoolEntryCause, ReclaimAction, ReclaimRule, ReminderKind, User},
};
use tonic::Code;

/// A rule of the department that reclaims into the pool after so many days without a follow-up.
pub(super) fn of(department: &str, days: i32, target: &str) -> ReclaimRule {
    ReclaimRule {
        pool_id: String::new(),
        department_id: department.into(),
        target_pool_id: target.into(),
        ..exact("", days)
    }
}

impl World {
    /// `company` above `sales` above `north`, and `service` beside `sales`.
    pub(super) async fn departments(&self) {
        let departments = vec![
            department("company", ""),
            department("sales", "company"),
            department("north", "sales"),
            department("service", "company"),
        ];
        push_departments(&self.server.admin(), departments).await;
    }

    /// Puts the user into these departments, the first of them his primary one unless it is empty.
    pub(super) async fn belongs(&self, id: &str, departments: &[&str]) {
        let user = User {
            primary_department: departments[0].into(),
            other_departments: departments[1..].iter().map(ToString::to_string).collect(),
            ..user(id)
        };
        push_users(&self.server.admin(), vec![user]).await;
    }
}

/// R141, R143, R144, R137, D08, R151: outside pools the rule of the owner's department decides, from the creation on if
/// nothing happened since; departments without a rule do not reclaim; for accounts of pools only rules of their pool do.
#[tokio::test]
async fn outside_pools_the_owners_department_decides() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    world.belongs("bob", &["sales"]).await;
    world.belongs("cid", &["service"]).await;
    let (target, other) = (
        world.pool(open_pool("Target")).await,
        world.pool(open_pool("Other")).await,
    );
    create(&admin, of("sales", 30, &target), None).await.unwrap();
    let own = world.create("Own", "", "bob").await.id;
    let served = world.create("Served", "", "cid").await.id;
    let pooled = world.create("Pooled", &other, "bob").await.id;
    assert_eq!(world.deadline(&own).await, "2026-03-31 10:00");
    assert_eq!(world.deadline(&served).await, "-");
    assert_eq!(world.deadline(&pooled).await, "-");

    world.go_to("2026-03-31 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    let ownership = world.ownership(&own).await;
    assert_eq!(
        (ownership.status(), &ownership.pool_id),
        (AccountStatus::Unassigned, &target)
    );
    assert_eq!(ownership.pool_entry_cause(), PoolEntryCause::AutoReclaimed);
    world.stop().await;
}

/// R141: rules of a department are for those below it only where they say so, and only where these have none in use.
#[tokio::test]
async fn rules_reach_departments_below_where_they_say_so() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    world.belongs("bob", &["north"]).await;
    let target = world.pool(open_pool("Target")).await;
    let id = world.create("Acme", "", "bob").await.id;
    let alone = create(&admin, of("sales", 40, &target), None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "-");

    let wide = ReclaimRule {
        include_sub_departments: true,
        ..of("company", 30, &target)
    };
    let wide = create(&admin, wide, None).await.unwrap();
    assert!(wide.include_sub_departments);
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    // The nearest one that has rules for him.
    let near = ReclaimRule {
        include_sub_departments: true,
        ..of("sales", 50, &target)
    };
    let near = create(&admin, near, None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-04-20 10:00");
    let own = create(&admin, of("north", 60, &target), None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-04-30 10:00");
    // One that never reclaims is one too.
    let never = ReclaimRule {
        department_id: "north".into(),
        action: ReclaimAction::NoReclaim.into(),
        ..ReclaimRule::default()
    };
    disable(&admin, &own.id, "").await.unwrap();
    let never = create(&admin, never, None).await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "-");
    for rule in [&never, &own, &near] {
        delete(&admin, &rule.id, "").await.unwrap();
    }
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "2026-03-31 10:00");
    delete(&admin, &wide.id, "").await.unwrap();
    world.sweep().await;
    assert_eq!(world.deadline(&id).await, "-");
    delete(&admin, &alone.id, "").await.unwrap();
    world.stop().await;
}

/// Whoever moves to a department with a stricter rule, or whose department moves below one, has a day and is told.
#[tokio::test]
async fn a_move_of_a_department_gives_a_day() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    world.belongs("bob", &["service"]).await;
    let target = world.pool(open_pool("Target")).await;
    let strict = ReclaimRule {
        include_sub_departments: true,
        ..of("sales", 5, &target)
    };
    create(&admin, strict, None).await.unwrap();
    let id = world.create("Acme", "", "bob").await.id;
    let later = world.create("Later", "", "cid").await.id;
    world.go_to("2026-03-11 10:00");
    world.belongs("bob", &["north"]).await;
    assert_eq!(world.sweep().await.reclaimed, 0);
    assert_eq!(world.deadline(&id).await, "2026-03-12 10:00");
    let told = world.reminders(&id).await;
    assert_eq!(
        (told.len(), told[0].kind(), &told[0].recipients),
        (1, ReminderKind::DeadlineMoved, &vec!["bob".into()])
    );

    world.belongs("cid", &["service"]).await;
    push_departments(&admin, vec![department("service", "sales")]).await;
    world.sweep().await;
    assert_eq!(world.deadline(&later).await, "2026-03-12 10:00");
    // Back again: nothing is reclaimed.
    push_departments(&admin, vec![department("service", "company")]).await;
    world.sweep().await;
    assert_eq!(world.deadline(&later).await, "-");
    world
        .server
        .clock
        .advance(local("2026-03-12 10:00") - world.server.clock.now() - TimeDelta::microseconds(1));
    assert_eq!(world.sweep().await.reclaimed, 0);
    world.go_to("2026-03-12 10:00");
    assert_eq!(world.sweep().await.reclaimed, 1);
    world.stop().await;
}

/// R101, D52, W24: a pool into which a department's rules reclaim is neither deleted nor disabled, whichever comes first.
#[tokio::test]
async fn a_pool_that_departments_reclaim_into_stays() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    let target = world.pool(open_pool("Target")).await;
    let rule = create(&admin, of("sales", 30, &target), None).await.unwrap();
    for _ in 0..2 {
        for refused in [
            delete_pool(&world.server, &target).await,
            disable_pool(&world.server, &target).await,
        ] {
            let details = refused.refused(Code::FailedPrecondition, Reason::PoolReferenced);
            assert_eq!(details.error_info().unwrap().metadata.get("references"), Some(&rule.id));
        }
        // One out of use could come back.
        disable(&admin, &rule.id, "").await.unwrap();
    }
    delete(&admin, &rule.id, "").await.unwrap();
    disable_pool(&world.server, &target).await.unwrap();
    for round in 0..10 {
        let target = world.pool(open_pool(&format!("Target {round}"))).await;
        let wanted = ReclaimRule {
            priority: round + 1,
            ..of("sales", 30, &target)
        };
        let (rule, gone) = tokio::join!(create(&admin, wanted, None), delete_pool(&world.server, &target));
        assert_ne!(rule.is_ok(), gone.is_ok(), "{rule:?} {gone:?}");
    }
    world.stop().await;
}

/// R141: what a rule of a department must say, and must not.
#[tokio::test]
async fn a_department_rule_names_its_pool() {
    let world = World::start().await;
    let admin = world.server.admin();
    world.departments().await;
    let target = world.pool(open_pool("Target")).await;
    let wrong = async |rule: ReclaimRule| fields(create(&admin, rule, None).await);
    assert_eq!(wrong(of("sales", 30, "")).await, ["reclaim_rule.target_pool_id"]);
    assert_eq!(wrong(of("nowhere", 30, &target)).await, ["reclaim_rule.department_id"]);
    let both = ReclaimRule {
        pool_id: target.clone(),
        ..of("sales", 30, "")
    };
    assert_eq!(wrong(both).await, ["reclaim_rule.department_id"]);
    assert_eq!(wrong(ReclaimRule::default()).await, ["reclaim_rule.pool_id"]);
    let below = ReclaimRule {
        include_sub_departments: true,
        ..exact(&target, 30)
    };
    assert_eq!(wrong(below).await, ["reclaim_rule.include_sub_departments"]);
    let never = ReclaimRule {
        department_id: "sales".into(),
        action: ReclaimAction::NoReclaim.into(),
        ..ReclaimRule::default()
    };
    create(&admin, never, None).await.unwrap();
    // Where there are no pools, nobody administers one.
    let admins = ReclaimRule {
        reminders: vec![tidepool::rpc::proto::AdvanceReminder {
            days_before: 1,
            recipients: vec![tidepool::rpc::proto::ReminderRecipient::PoolAdmins.into()],
        }],
        ..of("sales", 30, &target)
    };
    assert_eq!(wrong(admins).await, ["reclaim_rule.reminders[0].recipients"]);
    let of_pool_admin = create(&world.user("ann"), of("sales", 30, &target), None).await;
    of_pool_admin.refused(Code::PermissionDenied, Reason::NotAuthorized);
    world.stop().await;
}
