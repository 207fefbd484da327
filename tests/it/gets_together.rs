//! Reads of one account each share statements when they come at the same time, and nobody notices but the database.

use crate::{
    hold::until,
    world::{World, open_pool},
};
use std::time::Duration;
use tidepool::{
    app::gets::lanes,
    rpc::proto::{self, Account, GetAccountRequest, NewAccount, Pool, TeamAccess, TeamMember, TeamRole},
};
use tokio::{task::JoinHandle, time::Instant};
use tonic::{Code, Status};

type Answer = Result<Account, Status>;

fn ask(world: &World, user: &str, id: &str) -> JoinHandle<Answer> {
    let client = world.user(user);
    let request = GetAccountRequest { account_id: id.into() };
    tokio::spawn(async move {
        let answer = client.accounts().get_account(request).await?;
        Ok(answer.into_inner().account.unwrap())
    })
}

/// Reads that wait for each other: connections and lanes are taken while these are asked for. Also says how many statements
/// they took, with those of the calls that took the lanes.
async fn together(world: &World, wanted: &[(&str, String)]) -> (Vec<Answer>, u64) {
    let (app, db) = (&world.server.running.app, world.server.db());
    let lanes = lanes(db.read_slots().max);
    let opener = &wanted[0].1;
    // Everybody's snapshot is up to date.
    world.account(opener).await;
    let unit = db.unit("hold", Instant::now() + Duration::from_mins(1));
    let mut held = Vec::new();
    for _ in 0..db.read_slots().max {
        held.push(unit.reader().await.unwrap());
    }
    let before = db.statements();
    let mut first = Vec::new();
    for at in 0..lanes {
        first.push(ask(world, "root", opener));
        until(|| app.gets.running() > at).await;
    }
    let mut asked = Vec::new();
    for (at, (user, id)) in wanted.iter().enumerate() {
        asked.push(ask(world, user, id));
        until(|| app.gets.waiting() > at).await;
    }
    drop(held);
    for opener in first {
        opener.await.unwrap().unwrap();
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap());
    }
    (answers, db.statements() - before)
}

/// A company with a tag.
fn tagged(name: &str, pool: &str, owner: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest {
        new_account: Some(NewAccount {
            account: Some(Account {
                kind: proto::AccountKind::Company.into(),
                name: name.into(),
                phone: "138-0000".into(),
                tags: vec!["vip".into()],
                ..Account::default()
            }),
            pool_id: pool.into(),
            owner: owner.into(),
        }),
        ..Default::default()
    }
}

/// R044, R097, R168, R196: everybody sees of each account what he sees of it when he asks alone: owner, supervisor, member of the team
/// and who supervises him, member of the pool, and who may not see it, or is nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_what_he_may() {
    use Code::{NotFound, Ok as Seen, PermissionDenied};
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            administrators: vec!["root".into()],
            hidden_fields: vec!["phone".into(), "tags".into()],
            ..open_pool("North")
        })
        .await;
    let (root, mut ids) = (world.user("root"), vec![uuid::Uuid::now_v7().to_string()]);
    for (name, owner) in [("Acme", "dan"), ("Bolt", "dan"), ("Cask", "bob"), ("Dune", "")] {
        let made = root.accounts().create_account(tagged(name, &pool, owner)).await;
        ids.push(made.unwrap().into_inner().account.unwrap().id);
    }
    ids.push(world.lying("Echo", &pool).await);
    // Ann supervises him.
    let member = proto::PutTeamMemberRequest {
        account_id: ids[1].clone(),
        team_member: Some(TeamMember {
            user_id: "bob".into(),
            role: TeamRole::AfterSales.into(),
            access: TeamAccess::Read.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.user("dan").teams().put_team_member(member).await.unwrap();
    ids.swap(0, 1);
    let users = ["ann", "bob", "cid", "dan", "eve", "root"];
    let wanted: Vec<_> = ids.iter().flat_map(|id| users.map(|user| (user, id.clone()))).collect();
    let (answers, _) = together(&world, &wanted).await;
    let mut seen = Vec::new();
    for ((user, id), answer) in wanted.iter().zip(answers) {
        let alone = ask(&world, user, id).await.unwrap();
        match (&answer, &alone) {
            (Ok(account), Ok(alone)) => assert_eq!(account, alone, "{user}"),
            (Err(status), Err(alone)) => assert_eq!(
                (status.code(), status.message()),
                (alone.code(), alone.message()),
                "{user}"
            ),
            _ => panic!("{user}: {answer:?} but alone {alone:?}"),
        }
        seen.push(answer.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    let gone = [NotFound, NotFound, NotFound, NotFound, PermissionDenied, NotFound];
    let all = [Seen, Seen, Seen, Seen, PermissionDenied, Seen];
    let expected = [
        // His own, with the team of bob.
        [Seen, Seen, NotFound, Seen, PermissionDenied, Seen],
        gone,
        [NotFound, NotFound, NotFound, Seen, PermissionDenied, Seen],
        [Seen, Seen, NotFound, NotFound, PermissionDenied, Seen],
        all,
        all,
    ];
    assert_eq!(seen, expected.concat());
    world.stop().await;
}

/// Fifty who look at thirty accounts of which nobody made more than a name need one statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_need_one_statement() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 30).await;
    let wanted: Vec<_> = (0..50)
        .map(|at| (["bob", "cid", "dan"][at % 3], ids[at % 30].clone()))
        .collect();
    let (answers, spent) = together(&world, &wanted).await;
    for ((_, id), answer) in wanted.iter().zip(answers) {
        assert_eq!(answer.unwrap().id, *id);
    }
    let lanes = lanes(world.server.db().read_slots().max);
    assert_eq!(spent, lanes as u64 + 1);
    world.stop().await;
}
