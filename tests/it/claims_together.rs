//! Claims of one service at the same time share transactions, and nobody notices but the database.

use crate::{
    harness::Refused,
    hold::{Hold, until},
    world::{World, claim, give_back, open_pool},
};
use tidepool::{
    app::claims::lanes,
    domain::refusal::Reason,
    rpc::proto::{self, ClaimAccountRequest, ClaimAccountResponse, ListAccountEventsRequest, Pool},
};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

type Answer = Result<ClaimAccountResponse, Status>;

fn ask(world: &World, user: &str, request: ClaimAccountRequest) -> JoinHandle<Answer> {
    let client = world.user(user);
    tokio::spawn(async move {
        let answer = client.circulation().claim_account(request).await?;
        Ok(answer.into_inner())
    })
}

/// Claims that wait for each other, in this order: the lanes are taken while accounts are held, and these are asked for
/// meanwhile. Also says how many statements all of it took.
async fn in_line(world: &World, claims: Vec<(&str, ClaimAccountRequest)>) -> (Vec<Answer>, u64) {
    let app = &world.server.running.app;
    let lanes = lanes(world.server.db().slots().max);
    let pool = world.pool(open_pool("Openers")).await;
    let openers = world.many_lying("Opener", &pool, lanes).await;
    // Everybody's snapshot is up to date.
    world.account(&openers[0]).await;
    let before = world.server.db().statements();
    let hold = Hold::accounts(&world.server).await;
    let mut first = Vec::new();
    for (at, id) in openers.iter().enumerate() {
        let request_id = claims.first().map_or("", |(_, claim)| claim.request_id.as_str());
        let request_id = if request_id.is_empty() {
            String::new()
        } else {
            format!("opener-{at}")
        };
        let user = ["ann", "root"][at % 2];
        first.push(ask(
            world,
            user,
            ClaimAccountRequest {
                request_id,
                ..claim(id)
            },
        ));
        until(|| app.claims.running() > at).await;
    }
    let mut asked = Vec::new();
    for (at, (user, request)) in claims.into_iter().enumerate() {
        asked.push(ask(world, user, request));
        until(|| app.claims.waiting() > at).await;
    }
    hold.release().await;
    for opener in first {
        opener.await.unwrap().unwrap();
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap());
    }
    until(|| app.claims.running() == 0).await;
    (answers, world.server.db().statements() - before)
}

fn owner(answer: &Answer) -> String {
    answer.as_ref().unwrap().ownership.clone().unwrap().owner
}

/// The last event of an account: what it is, and for whom it was done.
async fn last_event(world: &World, id: &str) -> (String, String) {
    let request = ListAccountEventsRequest {
        account_id: id.to_owned(),
        ..Default::default()
    };
    let events = world.user("root").history().list_account_events(request).await.unwrap();
    let event = events
        .into_inner()
        .account_events
        .into_iter()
        .max_by_key(|event| event.version)
        .unwrap();
    (event.kind, event.actor)
}

/// W5, L24: each is answered for himself and told of under his own name; of several who want one account the first has it, and
/// whoever may not have it is refused beside the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_answered_for_himself() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 20).await;
    let users = ["bob", "cid", "dan", "ann"];
    let mut claims: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| (users[at % 4], claim(id)))
        .collect();
    claims.push(("cid", claim(&ids[0])));
    claims.push(("bob", claim(&ids[0])));
    claims.push(("eve", claim(&ids[1])));
    claims.push(("bob", claim(&uuid::Uuid::now_v7().to_string())));
    let (answers, spent) = in_line(&world, claims).await;
    for (at, id) in ids.iter().enumerate() {
        let user = users[at % 4];
        assert_eq!(owner(&answers[at]), user, "{at}");
        assert_eq!(
            world.ownership(id).await,
            answers[at].as_ref().unwrap().ownership.clone().unwrap()
        );
        assert_eq!(
            last_event(&world, id).await,
            ("account.claimed".to_owned(), user.to_owned())
        );
        let tenures = proto::ListTenuresRequest {
            account_id: id.clone(),
            ..Default::default()
        };
        let tenures = world
            .user("root")
            .history()
            .list_tenures(tenures)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(tenures.tenures[0].start_actor, user);
    }
    let [cid, bob, eve, nobody] = &answers[20..] else {
        panic!("{answers:?}")
    };
    cid.clone().refused(Code::FailedPrecondition, Reason::AlreadyClaimed);
    bob.clone().refused(Code::FailedPrecondition, Reason::AlreadyClaimed);
    eve.clone().refused(Code::PermissionDenied, Reason::ActorUnknown);
    nobody.clone().refused(Code::NotFound, Reason::NotFound);
    // Alone they would need six each.
    assert!(spent < 90, "{spent}");
    world.stop().await;
}

/// L23, W6: somebody who claims more than he may together with others gets as many as he may, and each refusal says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_within_a_group() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            claim_limit: Some(3),
            ..open_pool("Limited")
        })
        .await;
    let ids = world.many_lying("Few", &pool, 8).await;
    let mut claims: Vec<_> = ids[..6].iter().map(|id| ("bob", claim(id))).collect();
    claims.extend([
        ("cid", claim(&ids[6])),
        ("cid", claim(&ids[5])),
        ("dan", claim(&ids[0])),
        ("bob", claim(&ids[7])),
    ]);
    let (answers, _) = in_line(&world, claims).await;
    let got: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map_or("", |_| "got"))
        .collect();
    assert_eq!(got, ["got", "got", "got", "", "", "", "got", "got", "", ""]);
    for at in [3, 4, 5, 9] {
        answers[at]
            .clone()
            .refused(Code::ResourceExhausted, Reason::PoolClaimLimitReached);
    }
    answers[8]
        .clone()
        .refused(Code::FailedPrecondition, Reason::AlreadyClaimed);
    // What the first in line may not have goes to the next one, who asked in the same moment.
    assert_eq!(world.ownership(&ids[5]).await.owner, "cid");
    world.stop().await;
}

/// L07: whoever gave an account up may not have it back at once, also where others claim beside him; the next one may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bans_hold_within_a_group() {
    let world = World::start().await;
    let pool = world
        .pool(Pool {
            cooldown_days: Some(7),
            ..open_pool("North")
        })
        .await;
    let ids = world.many_lying("Acme", &pool, 2).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&ids[0]))
        .await
        .unwrap();
    world
        .user("bob")
        .circulation()
        .return_account(give_back(&ids[0]))
        .await
        .unwrap();
    let claims = vec![
        ("bob", claim(&ids[0])),
        ("bob", claim(&ids[1])),
        ("cid", claim(&ids[0])),
    ];
    let (answers, _) = in_line(&world, claims).await;
    answers[0]
        .clone()
        .refused(Code::FailedPrecondition, Reason::ClaimCooldownActive);
    assert_eq!(
        (owner(&answers[1]).as_str(), owner(&answers[2]).as_str()),
        ("bob", "cid")
    );
    world.stop().await;
}

/// P10: calls with request ids find their own answers again, whoever they shared a transaction with; two of one id are one, and
/// another request under an id is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_claims_are_answered_as_before() {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Acme", &pool, 3).await;
    let under = |request_id: &str, id: &str| ClaimAccountRequest {
        request_id: request_id.into(),
        ..claim(id)
    };
    let claims = vec![
        ("bob", under("a", &ids[0])),
        ("cid", under("b", &ids[1])),
        ("bob", under("a", &ids[0])),
        ("dan", under("b", &ids[2])),
    ];
    let (answers, _) = in_line(&world, claims).await;
    assert_eq!(owner(&answers[0]), "bob");
    assert_eq!(answers[0].as_ref().unwrap(), answers[2].as_ref().unwrap());
    // Those of one id are in different groups, of which either may be first.
    let (kept, reused) = if answers[1].is_ok() { (1, 3) } else { (3, 1) };
    answers[reused]
        .clone()
        .refused(Code::FailedPrecondition, Reason::RequestIdReused);
    let told = [
        ("bob", under("a", &ids[0])),
        ("cid", under("b", &ids[1])),
        ("", claim("")),
        ("dan", under("b", &ids[2])),
    ];
    for first in [0, kept] {
        let (user, request) = told[first].clone();
        let again = world.user(user).circulation().claim_account(request).await.unwrap();
        assert_eq!(&again.into_inner(), answers[first].as_ref().unwrap());
    }
    assert_eq!(world.ownership(&told[reused].1.account_id).await.owner, "");
    world.stop().await;
}
