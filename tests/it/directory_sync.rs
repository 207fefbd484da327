//! What a sync of the directory costs: next to nothing where nothing changed, a bounded number of statements else.

use crate::{
    build::{
        counts, department, events, get_user, group, push_departments, push_groups, push_users, try_departments,
        try_groups, try_users, user,
    },
    directory::{guard, revisions},
    harness::{Client, Refused, Server},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{UpsertCounts, User};

#[tokio::test]
async fn a_push_has_1_to_1000_entries() {
    let server = Server::start().await;
    let admin = server.admin();
    let users = |count: usize| (0..count).map(|at| user(&format!("u{at}"))).collect::<Vec<_>>();
    let departments = |count: usize| {
        (0..count)
            .map(|at| department(&format!("d{at}"), ""))
            .collect::<Vec<_>>()
    };
    let groups = |count: usize| (0..count).map(|at| group(&format!("g{at}"))).collect::<Vec<_>>();
    for count in [0, 1001] {
        let said = [
            try_users(&admin, users(count)).await.violations(),
            try_departments(&admin, departments(count)).await.violations(),
            try_groups(&admin, groups(count)).await.violations(),
        ];
        let expected =
            ["users", "departments", "groups"].map(|field| vec![format!("{field}: must have 1 to 1000 entries")]);
        assert_eq!(said, expected, "{count}");
    }
    assert_eq!(push_groups(&admin, groups(1000)).await, counts(1000, 0, 0));
    assert_eq!(push_departments(&admin, departments(1000)).await, counts(1000, 0, 0));
    assert_eq!(push_users(&admin, users(1000)).await, counts(1000, 0, 0));
    server.stop().await;
}

/// A sync that finds nothing new raises no revision and writes no event; one that does touches only what differs.
#[tokio::test]
async fn what_did_not_change_is_not_written() {
    let server = Server::start().await;
    let admin = server.admin();
    push_departments(&admin, vec![department("north", "")]).await;
    push_groups(&admin, vec![group("night")]).await;
    let all = || {
        vec![
            user("ann"),
            user("bob"),
            User {
                groups: vec!["night".into()],
                ..user("cid")
            },
        ]
    };
    push_users(&admin, all()).await;
    let (revision, history) = (revisions(&server).await, events(&admin, "", "").await.len());
    let ann = get_user(&admin, "ann").await.unwrap();
    server.clock.advance(TimeDelta::days(1));

    assert_eq!(push_users(&admin, all()).await, counts(0, 0, 3));
    assert_eq!(
        push_departments(&admin, vec![department("north", "")]).await,
        counts(0, 0, 1)
    );
    assert_eq!(push_groups(&admin, vec![group("night")]).await, counts(0, 0, 1));
    assert_eq!(
        (revisions(&server).await, events(&admin, "", "").await.len()),
        (revision, history)
    );

    let mut next = all();
    next[1].region = "north".into();
    next.push(user("dan"));
    assert_eq!(push_users(&admin, next).await, counts(1, 1, 2));
    assert_eq!(revisions(&server).await, (revision.0, revision.1 + 1));
    assert_eq!(get_user(&admin, "ann").await.unwrap(), ann);
    assert_ne!(get_user(&admin, "bob").await.unwrap().etag, ann.etag);
    let bob = events(&admin, "user", "bob").await;
    assert_eq!(
        (bob.len(), bob[0].action.as_str(), bob[0].changes.len()),
        (2, "updated", 1)
    );
    server.stop().await;
}

async fn sync(client: &Client, users: &[User]) -> UpsertCounts {
    let mut sum = UpsertCounts::default();
    for part in users.chunks(1000) {
        let UpsertCounts {
            created,
            updated,
            unchanged,
        } = push_users(client, part.to_vec()).await;
        sum = counts(sum.created + created, sum.updated + updated, sum.unchanged + unchanged);
    }
    sum
}

/// 10,000 users in ten calls: a fixed number of statements per hundred of what changed, and next to none when nothing did.
#[tokio::test]
async fn a_sync_of_ten_thousand_users_costs_what_it_changes() {
    let server = Server::start().await;
    let admin = server.admin();
    let mut users: Vec<_> = (0..10_000)
        .map(|at| {
            let supervisor = if at == 0 {
                String::new()
            } else {
                format!("u{}", (at - 1) / 10)
            };
            User {
                supervisor,
                ..user(&format!("u{at}"))
            }
        })
        .collect();
    let spent = async |users: &[User]| {
        let before = server.db().statements();
        (sync(&admin, users).await, server.db().statements() - before)
    };
    // Per call: 10 to notice and load what the call before changed, 2 for the decision, and for each hundred users one
    // insert each of users, guard rows and events.
    let (done, statements) = spent(&users).await;
    assert_eq!(done, counts(10_000, 0, 0));
    assert!(statements <= 10 * (10 + 2 + 30), "{statements}");

    let (done, statements) = spent(&users).await;
    assert_eq!(done, counts(0, 0, 10_000));
    assert!(statements <= 10 + 10 + 10, "{statements}");

    users[5_432].region = "north".into();
    let (done, statements) = spent(&users).await;
    assert_eq!(done, counts(0, 1, 9_999));
    assert!(statements <= 10 + 3 + 7 + 10, "{statements}");

    // Those who leave all at once cost one write of guard rows per hundred, not one each.
    for user in &mut users[9_000..] {
        user.active = false;
    }
    let (done, statements) = spent(&users[9_000..]).await;
    assert_eq!(done, counts(0, 1000, 0));
    assert!(statements <= 7 + 2 + 30 + 10, "{statements}");
    assert_eq!((guard(&server, "u9999").await, guard(&server, "u8999").await), (2, 1));
    server.stop().await;
}
