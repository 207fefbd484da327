//! Pages: keyset pages that stay stable, tokens that nobody can make up or carry elsewhere, sizes with bounds.

use crate::{
    build::{create_pool, department, group, pool, push_departments, push_groups, push_users, staffed, user},
    harness::{ACME, Client, Refused, Server},
};
use tidepool::{
    app::call::Scope,
    domain::refusal::Reason,
    rpc::proto::{self, User},
};
use tonic::{Code, Status};

type Page = (Vec<String>, String);

/// One page of users: ids and the next token.
async fn users(client: &Client, page_size: i32, token: &str, department: &str) -> Result<Page, Status> {
    let request = proto::ListUsersRequest {
        page_size,
        page_token: token.into(),
        department_id: department.into(),
        ..Default::default()
    };
    let page = client.directory().list_users(request).await?.into_inner();
    Ok((
        page.users.into_iter().map(|user| user.id).collect(),
        page.next_page_token,
    ))
}

async fn departments(client: &Client, page_size: i32, token: &str) -> Result<Page, Status> {
    let request = proto::ListDepartmentsRequest {
        page_size,
        page_token: token.into(),
    };
    let page = client.directory().list_departments(request).await?.into_inner();
    Ok((
        page.departments.into_iter().map(|d| d.id).collect(),
        page.next_page_token,
    ))
}

async fn groups(client: &Client, page_size: i32, token: &str) -> Result<Page, Status> {
    let request = proto::ListGroupsRequest {
        page_size,
        page_token: token.into(),
    };
    let page = client.directory().list_groups(request).await?.into_inner();
    Ok((
        page.groups.into_iter().map(|group| group.id).collect(),
        page.next_page_token,
    ))
}

async fn pools(client: &Client, page_size: i32, token: &str) -> Result<Page, Status> {
    let request = proto::ListPoolsRequest {
        page_size,
        page_token: token.into(),
    };
    let page = client.pools().list_pools(request).await?.into_inner();
    Ok((
        page.pools.into_iter().map(|pool| pool.display_name).collect(),
        page.next_page_token,
    ))
}

async fn history(client: &Client, page_size: i32, token: &str, kind: &str) -> Result<Page, Status> {
    let request = proto::ListConfigEventsRequest {
        page_size,
        page_token: token.into(),
        resource_type: kind.into(),
        ..Default::default()
    };
    let page = client.tenants().list_config_events(request).await?.into_inner();
    Ok((
        page.config_events.into_iter().map(|e| e.resource).collect(),
        page.next_page_token,
    ))
}

/// A server with seven of everything that is listed.
async fn stocked() -> Server {
    let server = Server::start().await;
    let admin = server.admin();
    let names: Vec<_> = (0..7).map(|at| format!("n{at}")).collect();
    push_groups(&admin, names.iter().map(|name| group(name)).collect()).await;
    push_departments(&admin, names.iter().map(|name| department(name, "")).collect()).await;
    push_users(&admin, names.iter().map(|name| user(name)).collect()).await;
    for name in &names {
        let pool = proto::Pool {
            administrators: vec!["n0".into()],
            members: None,
            ..pool(name)
        };
        create_pool(&admin, pool).await;
    }
    server
}

macro_rules! walk {
    ($size:expr, |$token:ident| $page:expr) => {{
        let (mut all, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let $token = token.as_str();
            let (rows, next) = $page.await.unwrap();
            assert!(rows.len() <= $size);
            all.extend(rows);
            pages += 1;
            token = next;
            if token.is_empty() {
                break (all, pages);
            }
        }
    }};
}

#[tokio::test]
async fn every_list_is_walked_page_by_page() {
    let server = stocked().await;
    let admin = server.admin();
    let expected: Vec<_> = (0..7).map(|at| format!("n{at}")).collect();
    for size in [1_i32, 3, 6, 7, 8, 500, 0] {
        let rows = if size == 0 { 50 } else { usize::try_from(size).unwrap() };
        let pages = 7_usize.div_ceil(rows);
        assert_eq!(
            walk!(rows, |token| users(&admin, size, token, "")),
            (expected.clone(), pages),
            "{size}"
        );
        assert_eq!(
            walk!(rows, |token| departments(&admin, size, token)),
            (expected.clone(), pages),
            "{size}"
        );
        assert_eq!(
            walk!(rows, |token| groups(&admin, size, token)),
            (expected.clone(), pages),
            "{size}"
        );
        assert_eq!(
            walk!(rows, |token| pools(&admin, size, token)),
            (expected.clone(), pages),
            "{size}"
        );
        let (mut newest, _) = walk!(rows, |token| history(&admin, size, token, "user"));
        newest.reverse();
        assert_eq!(newest, expected, "{size}");
    }
    for size in [-1, 501, i32::MAX, i32::MIN] {
        let said = [
            users(&admin, size, "", "").await.violations(),
            departments(&admin, size, "").await.violations(),
            groups(&admin, size, "").await.violations(),
            pools(&admin, size, "").await.violations(),
            history(&admin, size, "", "").await.violations(),
        ];
        for said in said {
            assert_eq!(said, ["page_size: must be 1 to 500, or 0 for 50"], "{size}");
        }
    }
    server.stop().await;
}

/// What comes or goes between two pages neither repeats nor skips what was there all along.
#[tokio::test]
async fn pages_stay_stable_while_the_list_changes() {
    let server = stocked().await;
    let admin = server.admin();
    let (first, token) = users(&admin, 3, "", "").await.unwrap();
    assert_eq!(first, ["n0", "n1", "n2"]);
    push_users(&admin, vec![user("a-before"), user("n3-between"), user("z-after")]).await;
    let (second, token) = users(&admin, 3, &token, "").await.unwrap();
    assert_eq!(second, ["n3", "n3-between", "n4"]);
    let (third, token) = users(&admin, 500, &token, "").await.unwrap();
    assert_eq!(
        (third, token),
        (vec!["n5".into(), "n6".into(), "z-after".into()], String::new())
    );

    // The row that a token points at may be gone.
    let (_, token) = pools(&admin, 2, "").await.unwrap();
    let all = admin
        .pools()
        .list_pools(proto::ListPoolsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .pools;
    crate::build::delete_pool(&admin, &all[1].id).await.unwrap();
    assert_eq!(pools(&admin, 2, &token).await.unwrap().0, ["n2", "n3"]);

    // New events come before the first page, never into it again.
    let (first, token) = history(&admin, 2, "", "user").await.unwrap();
    assert_eq!(first, ["z-after", "n3-between"]);
    push_users(&admin, vec![user("zz")]).await;
    assert_eq!(history(&admin, 2, &token, "user").await.unwrap().0, ["a-before", "n6"]);
    server.stop().await;
}

/// A token is good for the list, filter, tenant, caller and actor that it was given to, and for nothing else.
#[tokio::test]
async fn a_token_is_good_for_one_list() {
    let server = stocked().await;
    let admin = server.admin();
    server.create_tenant("other").await;
    let (_, token) = users(&admin, 2, "", "").await.unwrap();
    let wrong = |answer: Result<Page, Status>| {
        answer.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    };
    wrong(users(&admin, 2, &token, "n1").await);
    wrong(departments(&admin, 2, &token).await);
    wrong(groups(&admin, 2, &token).await);
    wrong(pools(&admin, 2, &token).await);
    wrong(history(&admin, 2, &token, "").await);
    wrong(users(&server.caller("other", "console", &[Scope::Admin]), 2, &token, "").await);
    wrong(users(&server.caller(ACME, "another", &[Scope::Admin]), 2, &token, "").await);
    let as_user = Client {
        actor: "n1".into(),
        ..admin.clone()
    };
    wrong(users(&as_user, 2, &token, "").await);
    // Another size is no other list.
    assert_eq!(users(&admin, 3, &token, "").await.unwrap().0, ["n2", "n3", "n4"]);

    for at in [0, token.len() / 2, token.len() - 1] {
        let mut bent = token.clone().into_bytes();
        bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
        wrong(users(&admin, 2, std::str::from_utf8(&bent).unwrap(), "").await);
    }
    let zeros = "00".repeat(40);
    let long = "0".repeat(10_000);
    for made_up in [
        "x",
        "0",
        "n1",
        &token[2..],
        &token[..token.len() - 2],
        &zeros,
        &long,
        "\u{1f30a}",
    ] {
        wrong(users(&admin, 2, made_up, "").await);
    }
    // Every page is sealed anew: equal tokens would say that two lists stand at the same row.
    assert_ne!(users(&admin, 2, "", "").await.unwrap().1, token);
    server.stop().await;
}

/// However large the rows are, a page is a message that clients take; what does not fit comes with the next one.
#[tokio::test]
async fn pages_of_large_rows_are_shorter() {
    let server = Server::start().await;
    let admin = server.admin();
    let large = |id: String| User {
        roles: (0..50).map(|at| format!("{at:064}")).collect(),
        skills: (0..50).map(|at| format!("{at:02}{}", "\u{1f30a}".repeat(62))).collect(),
        ..user(&id)
    };
    let ids: Vec<_> = (0..275).map(|at| format!("u{at:03}")).collect();
    for part in ids.chunks(55) {
        push_users(&admin, part.iter().cloned().map(large).collect()).await;
    }
    let (all, pages) = walk!(500, |token| users(&admin, 500, token, ""));
    assert_eq!((all, pages), (ids.clone(), 2));
    let (mut newest, pages) = walk!(500, |token| history(&admin, 500, token, "user"));
    newest.reverse();
    assert_eq!((newest, pages), (ids, 2));
    server.stop().await;
}

/// Users are listed by department, as primary or further one, and by supervisor, direct or not.
#[tokio::test]
async fn users_are_filtered() {
    let server = staffed().await;
    let admin = server.admin();
    push_departments(&admin, vec![department("north", ""), department("inner", "north")]).await;
    let pushed = vec![
        User {
            primary_department: "north".into(),
            supervisor: "root".into(),
            ..user("ann")
        },
        User {
            other_departments: vec!["north".into()],
            supervisor: "ann".into(),
            ..user("bob")
        },
        User {
            primary_department: "inner".into(),
            ..user("cid")
        },
    ];
    push_users(&admin, pushed).await;
    assert_eq!(users(&admin, 0, "", "north").await.unwrap().0, ["ann", "bob"]);
    assert!(users(&admin, 0, "", "nowhere").await.unwrap().0.is_empty());
    let below = async |supervisor: &str, department: &str| {
        let request = proto::ListUsersRequest {
            supervisor_id: supervisor.into(),
            department_id: department.into(),
            ..Default::default()
        };
        let users = admin.directory().list_users(request).await.unwrap().into_inner().users;
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(below("root", "").await, ["ann", "bob"]);
    assert_eq!(below("ann", "north").await, ["bob"]);
    assert!(below("bob", "").await.is_empty());
    server.stop().await;
}
