//! Who is a member or an administrator of a pool, seen through what they see.

use crate::{
    build::{
        create_pool, department, get_pool, group, pool, push_departments, push_groups, push_users, staffed,
        update_pool, user,
    },
    harness::{Refused, Server},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, Pool, PoolDepartment, PoolMembers, User},
};
use tonic::Code;

/// The names of the pools that the user sees, in lists and one by one alike.
async fn seen(server: &Server, name: &str) -> Vec<String> {
    let everything = server
        .admin()
        .pools()
        .list_pools(proto::ListPoolsRequest::default())
        .await
        .unwrap();
    let client = server.user(name);
    let listed = client
        .pools()
        .list_pools(proto::ListPoolsRequest::default())
        .await
        .unwrap();
    let listed: Vec<_> = listed
        .into_inner()
        .pools
        .into_iter()
        .map(|pool| pool.display_name)
        .collect();
    for pool in everything.into_inner().pools {
        let read = get_pool(&client, &pool.id).await;
        if listed.contains(&pool.display_name) {
            assert_eq!(read.unwrap(), pool);
        } else {
            let details = read.refused(Code::NotFound, Reason::NotFound);
            assert_eq!(details.error_info().unwrap().metadata["id"], pool.id);
        }
    }
    listed
}

fn of(name: &str, members: PoolMembers) -> Pool {
    Pool {
        members: Some(members),
        ..pool(name)
    }
}

fn departments(id: &str, include_sub_departments: bool) -> PoolMembers {
    let department_id = id.into();
    PoolMembers {
        departments: vec![PoolDepartment {
            department_id,
            include_sub_departments,
        }],
        ..PoolMembers::default()
    }
}

/// R086: members are everybody, users, departments with or without those below, roles, or groups; R083: several
/// administrators, who see the pool without being members.
#[tokio::test]
async fn members_see_their_pools() {
    let server = staffed().await;
    let admin = server.admin();
    push_departments(
        &admin,
        vec![
            department("sales", ""),
            department("north", "sales"),
            department("city", "north"),
        ],
    )
    .await;
    push_groups(&admin, vec![group("night")]).await;
    let pushed = vec![
        User {
            primary_department: "sales".into(),
            ..user("sam")
        },
        User {
            primary_department: "north".into(),
            ..user("nora")
        },
        // The further departments count as much as the primary one.
        User {
            other_departments: vec!["city".into()],
            ..user("carl")
        },
        User {
            roles: vec!["rep".into()],
            ..user("rita")
        },
        User {
            groups: vec!["night".into()],
            ..user("gus")
        },
        User {
            active: false,
            groups: vec!["night".into()],
            primary_department: "north".into(),
            ..user("ida")
        },
    ];
    push_users(&admin, pushed).await;
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    for made in [
        of(
            "everyone",
            PoolMembers {
                everyone: true,
                ..PoolMembers::default()
            },
        ),
        of(
            "users",
            PoolMembers {
                users: list(&["sam", "ida"]),
                ..PoolMembers::default()
            },
        ),
        of("north", departments("north", false)),
        of("north and below", departments("north", true)),
        of("sales and below", departments("sales", true)),
        of(
            "roles",
            PoolMembers {
                roles: list(&["boss", "rep"]),
                ..PoolMembers::default()
            },
        ),
        of(
            "groups",
            PoolMembers {
                groups: list(&["night"]),
                ..PoolMembers::default()
            },
        ),
        of("nobody", PoolMembers::default()),
        Pool {
            administrators: list(&["ann", "gus", "ida"]),
            ..of("administered", PoolMembers::default())
        },
    ] {
        create_pool(&admin, made).await;
    }
    for (name, pools) in [
        ("sam", vec!["everyone", "users", "sales and below"]),
        ("nora", vec!["everyone", "north", "north and below", "sales and below"]),
        ("carl", vec!["everyone", "north and below", "sales and below"]),
        ("rita", vec!["everyone", "roles"]),
        ("gus", vec!["everyone", "groups", "administered"]),
        ("bob", vec!["everyone"]),
    ] {
        assert_eq!(seen(&server, name).await, pools, "{name}");
    }
    // The administrator of all of them, and the CRM admin, see all.
    assert_eq!(seen(&server, "ann").await.len(), 9);
    assert_eq!(seen(&server, "root").await.len(), 9);
    // An inactive user sees nothing, whatever lists name him.
    let listed = server
        .user("ida")
        .pools()
        .list_pools(proto::ListPoolsRequest::default())
        .await;
    listed.refused(Code::PermissionDenied, Reason::ActorUnknown);
    server.stop().await;
}

/// Membership follows the directory and the configuration at the next call.
#[tokio::test]
async fn membership_follows_every_change() {
    let server = staffed().await;
    let admin = server.admin();
    push_departments(&admin, vec![department("sales", ""), department("north", "")]).await;
    let made = create_pool(&admin, of("Sales", departments("sales", true))).await;
    let bob = |primary: &str| User {
        primary_department: primary.into(),
        ..user("bob")
    };
    assert!(seen(&server, "bob").await.is_empty());
    push_users(&admin, vec![bob("north")]).await;
    assert!(seen(&server, "bob").await.is_empty());
    // His department moves below.
    push_departments(&admin, vec![department("north", "sales")]).await;
    assert_eq!(seen(&server, "bob").await, ["Sales"]);
    // The pool lets go of those below, and he moves himself.
    update_pool(
        &admin,
        of("Sales", departments("sales", false)).with_id(&made.id),
        &["members"],
    )
    .await
    .unwrap();
    assert!(seen(&server, "bob").await.is_empty());
    push_users(&admin, vec![bob("sales")]).await;
    assert_eq!(seen(&server, "bob").await, ["Sales"]);
    // He becomes an administrator, and is none when another takes his place.
    let administered = |name: &str| Pool {
        administrators: vec![name.into()],
        id: made.id.clone(),
        ..pool("Sales")
    };
    push_users(&admin, vec![user("bob")]).await;
    update_pool(&admin, administered("bob"), &["administrators"])
        .await
        .unwrap();
    assert_eq!(seen(&server, "bob").await, ["Sales"]);
    update_pool(&admin, administered("cid"), &["administrators"])
        .await
        .unwrap();
    assert!(seen(&server, "bob").await.is_empty());
    // A role makes a CRM admin, and its loss unmakes him.
    push_users(
        &admin,
        vec![User {
            roles: vec!["crm-admin".into()],
            ..user("bob")
        }],
    )
    .await;
    assert_eq!(seen(&server, "bob").await, ["Sales"]);
    push_users(&admin, vec![user("bob")]).await;
    assert!(seen(&server, "bob").await.is_empty());
    server.stop().await;
}

/// A pool whose administrators have all left is still there for CRM admins, who give it a new one.
#[tokio::test]
async fn a_pool_outlives_its_administrators() {
    let server = staffed().await;
    let admin = server.admin();
    let made = create_pool(&admin, pool("North")).await;
    let leave = proto::DeactivateUserRequest {
        user_id: "ann".into(),
        ..Default::default()
    };
    admin.directory().deactivate_user(leave).await.unwrap();
    // It can still be configured as it is.
    let limited = Pool {
        claim_limit: Some(3),
        etag: String::new(),
        ..made.clone()
    };
    update_pool(&admin, limited, &["claim_limit"]).await.unwrap();
    let none = Pool {
        administrators: vec![],
        etag: String::new(),
        ..made.clone()
    };
    let said = update_pool(&admin, none, &["administrators"]).await.violations();
    assert_eq!(said, ["pool.administrators: must name at least one user"]);
    let next = Pool {
        administrators: vec!["cid".into()],
        etag: String::new(),
        ..made
    };
    update_pool(&server.user("root"), next, &["administrators"])
        .await
        .unwrap();
    assert_eq!(seen(&server, "cid").await, ["North"]);
    server.stop().await;
}

trait WithId {
    fn with_id(self, id: &str) -> Self;
}

impl WithId for Pool {
    fn with_id(self, id: &str) -> Self {
        Self { id: id.into(), ..self }
    }
}
