//! Who sees the past of an account, and the related team.

use crate::{
    harness::Refused,
    moves::{Order, Wish, named_pool, reason},
    world::{World, user},
};
use tidepool::{
    domain::refusal::Reason,
    rpc::proto::{self, ListAccountEventsRequest, ListTenuresRequest, Pool, TeamAccess, TeamMember, TeamRole},
};
use tonic::Code;

async fn stage(pool: Pool) -> (World, String) {
    let world = World::start().await;
    world.more_people().await;
    let home = world.pool(pool).await;
    (world, home)
}

async fn past(world: &World, who: &str, account: &str) -> (String, String) {
    let tenures = ListTenuresRequest {
        account_id: account.into(),
        ..Default::default()
    };
    let tenures = world.user(who).history().list_tenures(tenures).await;
    let events = ListAccountEventsRequest {
        account_id: account.into(),
        ..Default::default()
    };
    let events = world.user(who).history().list_account_events(events).await;
    (
        tenures.map_or_else(|s| reason(&s), |answer| answer.into_inner().tenures.len().to_string()),
        events.map_or_else(
            |s| reason(&s),
            |answer| answer.into_inner().account_events.len().to_string(),
        ),
    )
}

/// R098, R171, R178, D25 (2.6): members see the past of what waits if the pool shows it, of what is owned nobody else.
#[tokio::test]
async fn the_past_is_for_those_who_read_all_and_for_members_where_the_pool_says_so() {
    for shown in [true, false] {
        let (world, home) = stage(Pool {
            unclaimed_history_visible: Some(shown),
            ..named_pool("Home")
        })
        .await;
        let id = world.create("Acme", &home, "bob").await.id;
        world.put_member("root", &id, "tim", TeamAccess::Read).await;
        let check = async |expected: [(&str, &str); 7]| {
            let who = ["root", "adm", "ann", "bob", "tim", "cid", "dan"];
            for (who, (tenures, events)) in who.into_iter().zip(expected) {
                let said = past(&world, who, &id).await;
                assert_eq!(
                    (said.0.as_str(), said.1.as_str()),
                    (tenures, events),
                    "{who}, shown: {shown}"
                );
            }
        };
        let (all, none) = (("1", "2"), ("NOT_FOUND", "NOT_FOUND"));
        check([all, all, all, all, all, none, none]).await;
        world.play("bob", &id, Wish::give_back()).await;
        let all = ("1", "3");
        let member = if shown {
            all
        } else {
            ("NOT_AUTHORIZED", "NOT_AUTHORIZED")
        };
        // Ann is above bob, who has it no more, and no member.
        check([all, all, none, member, all, member, none]).await;
        world.stop().await;
    }
}

/// R178: pages of both lists follow each other, and a token is good for its own list only.
#[tokio::test]
async fn the_past_comes_in_pages() {
    let (world, home) = stage(named_pool("Home")).await;
    let id = world.lying("Acme", &home).await;
    for who in ["bob", "cid", "mem", "bob", "cid"] {
        world.play(who, &id, Wish::Claim).await;
        world.play(who, &id, Wish::give_back()).await;
    }
    let (mut owners, mut versions) = (Vec::new(), Vec::new());
    let mut client = world.user("root").history();
    let (mut token, mut pages) = (String::new(), 0);
    loop {
        let request = ListTenuresRequest {
            account_id: id.clone(),
            page_size: 2,
            page_token: token,
        };
        let answer = client.list_tenures(request).await.unwrap().into_inner();
        owners.extend(answer.tenures.into_iter().map(|tenure| tenure.user_id));
        (token, pages) = (answer.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
        let elsewhere = ListAccountEventsRequest {
            account_id: id.clone(),
            page_token: token.clone(),
            ..Default::default()
        };
        let wrong = client.list_account_events(elsewhere).await;
        wrong.refused(Code::InvalidArgument, Reason::InvalidPageToken);
    }
    assert_eq!((owners.join(","), pages), ("cid,bob,mem,cid,bob".into(), 3));
    loop {
        let request = ListAccountEventsRequest {
            account_id: id.clone(),
            page_size: 4,
            page_token: token,
        };
        let answer = client.list_account_events(request).await.unwrap().into_inner();
        versions.extend(answer.account_events.into_iter().map(|event| event.version));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(versions, (1..=11).rev().collect::<Vec<_>>());
    let request = ListTenuresRequest {
        account_id: "x".into(),
        page_size: 501,
        ..Default::default()
    };
    assert_eq!(client.list_tenures(request).await.violations().len(), 2);
    world.stop().await;
}

fn put(account: &str, member: &str, role: TeamRole, access: TeamAccess) -> proto::PutTeamMemberRequest {
    proto::PutTeamMemberRequest {
        account_id: account.into(),
        team_member: Some(TeamMember {
            user_id: member.into(),
            role: role.into(),
            access: access.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn remove(account: &str, member: &str) -> proto::RemoveTeamMemberRequest {
    proto::RemoveTeamMemberRequest {
        account_id: account.into(),
        user_id: member.into(),
        ..Default::default()
    }
}

/// R042-R044 (2.6): who changes the team and who sees it.
#[tokio::test]
async fn the_team_is_changed_by_those_who_may() {
    let (world, home) = stage(named_pool("Home")).await;
    let id = world.create("Acme", &home, "bob").await.id;
    assert_eq!(world.put_member("bob", &id, "tim", TeamAccess::Read).await, "OK");
    assert_eq!(world.put_member("ann", &id, "kim", TeamAccess::ReadWrite).await, "OK");
    for (who, changes, sees) in [
        ("root", "OK", "OK"),
        ("ann", "OK", "OK"),
        ("bob", "OK", "OK"),
        ("kim", "OK", "OK"),
        ("tim", "NOT_AUTHORIZED", "OK"),
        ("adm", "NOT_AUTHORIZED", "OK"),
        ("cid", "NOT_AUTHORIZED", "NOT_FOUND"),
        ("dan", "NOT_FOUND", "NOT_FOUND"),
    ] {
        assert_eq!(
            world.put_member(who, &id, "mem", TeamAccess::Read).await,
            changes,
            "{who}"
        );
        let removed = world.user(who).teams().remove_team_member(remove(&id, "mem")).await;
        assert_eq!(removed.map_or_else(|s| reason(&s), |_| "OK".into()), changes, "{who}");
        let request = proto::ListTeamMembersRequest { account_id: id.clone() };
        let seen = world.user(who).teams().list_team_members(request).await;
        assert_eq!(seen.map_or_else(|s| reason(&s), |_| "OK".into()), sees, "{who}");
    }
    // A member reads the account, and not when he is a member no more.
    let read = || proto::GetAccountRequest { account_id: id.clone() };
    world.user("tim").accounts().get_account(read()).await.unwrap();
    world
        .user("kim")
        .teams()
        .remove_team_member(remove(&id, "tim"))
        .await
        .unwrap();
    world
        .user("tim")
        .accounts()
        .get_account(read())
        .await
        .refused(Code::NotFound, Reason::NotFound);
    // Of what waits in his pool a member sees no team.
    world.play("bob", &id, Wish::give_back()).await;
    let request = proto::ListTeamMembersRequest { account_id: id.clone() };
    let seen = world.user("cid").teams().list_team_members(request).await;
    seen.refused(Code::PermissionDenied, Reason::NotAuthorized);
    world.play("root", &id, Wish::Cancel).await;
    assert_eq!(
        world.put_member("root", &id, "tim", TeamAccess::Read).await,
        "INVALID_STATUS"
    );
    world.stop().await;
}

/// R043, R044: roles and rights are kept; each change is one version with one event, no change is none.
#[tokio::test]
async fn each_change_of_the_team_is_a_version() {
    let (world, home) = stage(named_pool("Home")).await;
    let id = world.create("Acme", &home, "bob").await.id;
    let mut client = world.user("bob").teams();
    let request = put(&id, "tim", TeamRole::AfterSales, TeamAccess::ReadWrite);
    let once = proto::PutTeamMemberRequest {
        etag: "1".into(),
        request_id: "once".into(),
        ..request.clone()
    };
    for _ in 0..2 {
        assert_eq!(
            client.put_team_member(once.clone()).await.unwrap().into_inner().etag,
            "2"
        );
    }
    assert_eq!(
        client.put_team_member(request.clone()).await.unwrap().into_inner().etag,
        "2"
    );
    let stale = proto::PutTeamMemberRequest {
        etag: "1".into(),
        ..request
    };
    client
        .put_team_member(stale)
        .await
        .refused(Code::Aborted, Reason::EtagMismatch);
    let other = put(&id, "tim", TeamRole::JointFollowUp, TeamAccess::Unspecified);
    assert_eq!(client.put_team_member(other).await.unwrap().into_inner().etag, "3");
    let request = proto::ListTeamMembersRequest { account_id: id.clone() };
    let team = client.list_team_members(request).await.unwrap().into_inner();
    assert_eq!((team.owner.as_str(), team.etag.as_str()), ("bob", "3"));
    let member = &team.team_members[0];
    assert_eq!(
        (member.user_id.as_str(), member.role(), member.access()),
        ("tim", TeamRole::JointFollowUp, TeamAccess::Read)
    );
    assert!(member.update_time.is_some());
    assert_eq!(
        client
            .remove_team_member(remove(&id, "dan"))
            .await
            .unwrap()
            .into_inner()
            .etag,
        "3"
    );
    assert_eq!(
        client
            .remove_team_member(remove(&id, "tim"))
            .await
            .unwrap()
            .into_inner()
            .etag,
        "4"
    );
    let events = world.events(&id).await;
    let told: Vec<_> = events[1..]
        .iter()
        .map(|event| {
            (
                event.kind.as_str(),
                event.effects.as_ref().unwrap().team_member.as_str(),
            )
        })
        .collect();
    assert_eq!(told, [("account.team_changed", "tim"); 3]);
    let wrong = put(&id, "not an id", TeamRole::Unspecified, TeamAccess::Read);
    assert_eq!(client.put_team_member(wrong).await.violations().len(), 2);
    assert_eq!(
        world.put_member("bob", &id, "eve", TeamAccess::Read).await,
        "TEAM_MEMBER_INACTIVE"
    );
    assert_eq!(
        world.put_member("bob", &id, "nobody", TeamAccess::Read).await,
        "TEAM_MEMBER_INACTIVE"
    );
    assert_eq!(
        world.put_member("ann", &id, "bob", TeamAccess::Read).await,
        "TEAM_MEMBER_IS_OWNER"
    );
    world.stop().await;
}

/// R042: at most 100 members.
#[tokio::test]
async fn a_team_has_a_hundred_members_at_most() {
    let (world, home) = stage(named_pool("Home")).await;
    let users = (0..101).map(|at| user(&format!("u{at:03}")));
    let request = proto::BatchUpsertUsersRequest {
        users: users.collect(),
        ..Default::default()
    };
    world
        .server
        .admin()
        .directory()
        .batch_upsert_users(request)
        .await
        .unwrap();
    let id = world.create("Acme", &home, "bob").await.id;
    for at in 0..100 {
        assert_eq!(
            world
                .put_member("bob", &id, &format!("u{at:03}"), TeamAccess::Read)
                .await,
            "OK"
        );
    }
    assert_eq!(
        world.put_member("bob", &id, "u100", TeamAccess::Read).await,
        "TEAM_LIMIT_REACHED"
    );
    // Those who are in it already can still get another right.
    assert_eq!(world.put_member("bob", &id, "u000", TeamAccess::ReadWrite).await, "OK");
    assert_eq!(world.team(&id).await.len(), 100);
    assert_eq!(Order::of(&id).account, id);
    world.stop().await;
}
