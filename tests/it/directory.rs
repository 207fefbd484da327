//! The directory: what the identity system pushes, what is refused, and what a push costs.

use crate::{
    build::{
        counts, department, events, get_user, group, push_departments, push_groups, push_users, staffed,
        try_departments, try_groups, try_users, user,
    },
    harness::{ACME, Refused, Server},
};
use sea_orm::{ConnectionTrait, Statement};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, Department, Group, User},
};
use tonic::Code;

/// The version of a user's guard row, which his acquisitions and his deactivation write.
pub(crate) async fn guard(server: &Server, user: &str) -> i64 {
    let unit = server.db().unit(
        "guard",
        tokio::time::Instant::now() + std::time::Duration::from_secs(10),
    );
    let reader = unit.reader().await.unwrap();
    let sql = "SELECT version FROM holder WHERE user_id = ?";
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, [user.into()]);
    reader
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap()
        .try_get("", "version")
        .unwrap()
}

/// The tenant's config and directory revisions.
pub(crate) async fn revisions(server: &Server) -> (i64, i64) {
    let unit = server.db().unit(
        "revisions",
        tokio::time::Instant::now() + std::time::Duration::from_secs(10),
    );
    let reader = unit.reader().await.unwrap();
    let sql = "SELECT config_revision, directory_revision FROM tenant WHERE name = 'acme'";
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(statement).await.unwrap().unwrap();
    (
        row.try_get("", "config_revision").unwrap(),
        row.try_get("", "directory_revision").unwrap(),
    )
}

/// Everything about a user, a department and a group comes back as it was pushed.
#[tokio::test]
async fn what_is_pushed_is_read() {
    let server = Server::start().await;
    let sync = server.caller(ACME, "identity", &[Scope::Directory]);
    assert_eq!(
        push_groups(&sync, vec![group("key-accounts"), group("night")]).await,
        counts(2, 0, 0)
    );
    let sales = Department {
        display_name: "Sales \u{9500}\u{552e}".into(),
        ..department("sales", "")
    };
    // A parent may come in the same call, also after its child.
    let pushed = vec![
        department("north", "sales"),
        sales.clone(),
        department("south", "sales"),
    ];
    assert_eq!(push_departments(&sync, pushed).await, counts(3, 0, 0));
    let ann = User {
        primary_department: "north".into(),
        other_departments: vec!["south".into(), "sales".into()],
        supervisor: "zed".into(),
        groups: vec!["night".into(), "key-accounts".into()],
        roles: vec!["rep".into(), "trainer".into()],
        region: "\u{1f30a} coast".into(),
        skills: vec!["wine".into(), "K\u{e4}se".into()],
        ..user("ann")
    };
    // So may a supervisor.
    assert_eq!(push_users(&sync, vec![ann.clone(), user("zed")]).await, counts(2, 0, 0));
    let read = get_user(&sync, "ann").await.unwrap();
    let expected = User {
        etag: read.etag.clone(),
        update_time: read.update_time,
        ..ann
    };
    assert_eq!(read, expected);
    assert!(!read.etag.is_empty() && read.update_time.is_some());

    // A department gets its head once that user is there.
    let headed = Department {
        head: "zed".into(),
        ..sales
    };
    assert_eq!(push_departments(&sync, vec![headed.clone()]).await, counts(0, 1, 0));
    let get = proto::GetDepartmentRequest {
        department_id: "sales".into(),
    };
    let read = sync
        .directory()
        .get_department(get)
        .await
        .unwrap()
        .into_inner()
        .department
        .unwrap();
    let expected = Department {
        etag: read.etag.clone(),
        update_time: read.update_time,
        ..headed
    };
    assert_eq!(read, expected);
    let get = proto::GetGroupRequest {
        group_id: "night".into(),
    };
    let read = sync
        .directory()
        .get_group(get)
        .await
        .unwrap()
        .into_inner()
        .group
        .unwrap();
    assert_eq!((read.id.as_str(), read.etag.as_str()), ("night", "1"));
    server.stop().await;
}

/// Cycles, references to nobody and self-supervision are refused, all named at once, and nothing is written.
#[tokio::test]
async fn a_wrong_push_is_refused_as_a_whole() {
    let server = staffed().await;
    let admin = server.admin();
    push_departments(
        &admin,
        vec![department("a", ""), department("b", "a"), department("c", "b")],
    )
    .await;
    push_users(
        &admin,
        vec![User {
            supervisor: "ann".into(),
            ..user("bob")
        }],
    )
    .await;
    let before = revisions(&server).await;

    let wrong = vec![
        User {
            primary_department: "x".into(),
            other_departments: vec!["a".into(), "y".into()],
            ..user("u0")
        },
        User {
            supervisor: "u1".into(),
            ..user("u1")
        },
        User {
            supervisor: "nobody".into(),
            groups: vec!["g".into()],
            ..user("u2")
        },
        User {
            supervisor: "bob".into(),
            ..user("ann")
        },
        user("u0"),
        User {
            skills: vec![String::new()],
            region: "r".repeat(65),
            ..user("u5")
        },
    ];
    let said = try_users(&admin, wrong).await.violations();
    assert_eq!(
        said,
        [
            "users[4]: is there twice",
            "users[0].primary_department: department x does not exist",
            "users[0].other_departments[1]: department y does not exist",
            "users[1].supervisor: users cannot supervise themselves",
            "users[2].groups[0]: group g does not exist",
            "users[2].supervisor: user nobody does not exist",
            "users[3].supervisor: the user would be above himself",
            "users[5].region: must be at most 64 characters long",
            "users[5].skills[0]: must not be empty",
        ]
    );
    let cycle = vec![
        department("a", "c"),
        Department {
            head: "nobody".into(),
            ..department("d", "nowhere")
        },
        department("e", "e"),
    ];
    let said = try_departments(&admin, cycle).await.violations();
    assert_eq!(
        said,
        [
            "departments[0].parent: the department would be above itself",
            "departments[1].head: user nobody does not exist",
            "departments[1].parent: department nowhere does not exist",
            "departments[2].parent: the department would be above itself",
        ]
    );
    let twice = vec![
        Group {
            display_name: "x\u{7}".into(),
            ..group("g")
        },
        group("g"),
    ];
    let said = try_groups(&admin, twice).await.violations();
    assert_eq!(
        said,
        [
            "groups[1]: is there twice",
            "groups[0].display_name: must not contain control characters"
        ]
    );
    assert_eq!(revisions(&server).await, before);
    get_user(&admin, "u5").await.refused(Code::NotFound, Reason::NotFound);
    server.stop().await;
}

/// Deactivation writes the guard row, so that nothing that was decided before it can commit after it.
#[tokio::test]
async fn a_deactivated_user_is_barred() {
    let server = staffed().await;
    let admin = server.admin();
    assert_eq!(guard(&server, "bob").await, 1);
    let bob = get_user(&admin, "bob").await.unwrap();
    let deactivate = |id: &str, etag: &str| proto::DeactivateUserRequest {
        user_id: id.into(),
        etag: etag.into(),
        ..Default::default()
    };
    let stale = admin.directory().deactivate_user(deactivate("bob", "7")).await;
    stale.refused(Code::Aborted, Reason::EtagMismatch);
    let nobody = admin.directory().deactivate_user(deactivate("nobody", "")).await;
    nobody.refused(Code::NotFound, Reason::NotFound);
    let gone = admin
        .directory()
        .deactivate_user(deactivate("bob", &bob.etag))
        .await
        .unwrap()
        .into_inner()
        .user
        .unwrap();
    assert!(!gone.active);
    assert_eq!(guard(&server, "bob").await, 2);
    // Again changes nothing.
    let again = admin
        .directory()
        .deactivate_user(deactivate("bob", ""))
        .await
        .unwrap()
        .into_inner()
        .user
        .unwrap();
    assert_eq!((again, guard(&server, "bob").await), (gone, 2));
    let history = events(&admin, "user", "bob").await;
    assert_eq!((history.len(), history[0].action.as_str()), (2, "disabled"));
    get_user(&server.user("bob"), "ann")
        .await
        .refused(Code::PermissionDenied, Reason::ActorUnknown);

    // The push of the identity system can do both: take away, and give back.
    push_users(
        &admin,
        vec![
            User {
                active: false,
                ..user("ann")
            },
            user("bob"),
        ],
    )
    .await;
    assert_eq!((guard(&server, "ann").await, guard(&server, "bob").await), (2, 2));
    get_user(&server.user("bob"), "ann").await.unwrap();
    server.stop().await;
}

/// Only services with the scope push; users, whatever their role, do not.
#[tokio::test]
async fn only_the_directory_scope_pushes() {
    let server = staffed().await;
    for client in [
        server.user("root"),
        server.caller(ACME, "crm", &[Scope::Config, Scope::Ingest]),
    ] {
        try_users(&client, vec![user("x")])
            .await
            .refused(Code::PermissionDenied, Reason::ScopeMissing);
        try_departments(&client, vec![department("x", "")])
            .await
            .refused(Code::PermissionDenied, Reason::ScopeMissing);
        try_groups(&client, vec![group("x")])
            .await
            .refused(Code::PermissionDenied, Reason::ScopeMissing);
        let deactivate = proto::DeactivateUserRequest {
            user_id: "ann".into(),
            ..Default::default()
        };
        let refused = client.directory().deactivate_user(deactivate).await;
        refused.refused(Code::PermissionDenied, Reason::ScopeMissing);
        // Reading is for every verified caller.
        get_user(&client, "ann").await.unwrap();
    }
    server.stop().await;
}
