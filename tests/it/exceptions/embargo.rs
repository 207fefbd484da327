//! X05: an account that nobody may claim until a date.

use super::{Ask, Stage, fact};
use crate::{
    activities::time,
    moves::{Order, Wish, reason},
};
use chrono::TimeDelta;
use tidepool::rpc::proto;

/// X05: until then nobody claims it, whoever he is; admins assign it all the same; then it is as good as any other.
#[tokio::test]
async fn nobody_claims_before() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = world.lying("Acme", &stage.home).await;
    let until = stage.now() + TimeDelta::days(10);
    let set = stage.ask("adm", &id, Ask::Embargo(until)).await.unwrap();
    assert_eq!(set.embargo_time, time(until));
    stage.pass(TimeDelta::days(10) - TimeDelta::microseconds(1));
    for who in ["bob", "adm"] {
        assert_eq!(world.play(who, &id, Wish::Claim).await, "ACCOUNT_EMBARGOED");
    }
    let refused = Order::of(&id).send(&world.user("bob"), &Wish::Claim).await.unwrap_err();
    assert_eq!(fact(&refused, "embargoed_until"), "2026-03-11T02:00:00+00:00");
    // Who might claim it is shown why he cannot; what he does not see is the note.
    let request = proto::GetAccountRequest { account_id: id.clone() };
    let seen = world
        .user("bob")
        .accounts()
        .get_account(request)
        .await
        .unwrap()
        .into_inner()
        .account
        .unwrap();
    assert_eq!(seen.embargo_time, time(until));
    let request = proto::ListAccountEventsRequest {
        account_id: id.clone(),
        ..Default::default()
    };
    let events = world
        .user("bob")
        .history()
        .list_account_events(request)
        .await
        .unwrap()
        .into_inner()
        .account_events;
    assert_eq!(
        (events[0].kind.as_str(), events[0].note.as_str()),
        ("account.embargo_set", "")
    );
    let told = world.events(&id).await.pop().unwrap();
    assert_eq!(
        (told.note.as_str(), told.effects.unwrap().until),
        ("because", time(until))
    );

    let other = world.lying("Other", &stage.home).await;
    stage.ask("root", &other, Ask::Embargo(until)).await.unwrap();
    assert!(
        world
            .play("adm", &other, Wish::assign("bob"))
            .await
            .starts_with("ASSIGNED bob")
    );
    // It outlasts the owner.
    assert!(
        world
            .play("bob", &other, Wish::give_back())
            .await
            .starts_with("UNASSIGNED")
    );
    assert_eq!(world.play("cid", &other, Wish::Claim).await, "ACCOUNT_EMBARGOED");

    stage.pass(TimeDelta::microseconds(1));
    assert!(world.play("bob", &id, Wish::Claim).await.starts_with("ASSIGNED bob"));
    assert_eq!(world.account(&id).await.embargo_time, None);
    stage.stop().await;
}

/// X05: an embargo is moved and cleared; clearing what is not there does nothing.
#[tokio::test]
async fn an_embargo_is_cleared() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let id = world.lying("Acme", &stage.home).await;
    stage.ask("adm", &id, Ask::Clear).await.unwrap();
    for days in [10, 5, 5] {
        stage
            .ask("adm", &id, Ask::Embargo(stage.now() + TimeDelta::days(days)))
            .await
            .unwrap();
    }
    assert_eq!(stage.kinds(&id).await, ["created", "embargo_set", "embargo_set"]);
    let cleared = stage.ask("adm", &id, Ask::Clear).await.unwrap();
    assert_eq!(cleared.embargo_time, None);
    assert!(world.play("bob", &id, Wish::Claim).await.starts_with("ASSIGNED"));
    let past = stage.ask("adm", &id, Ask::Embargo(stage.now())).await.unwrap_err();
    assert_eq!(
        (reason(&past), past.message()),
        ("INVALID_ARGUMENT".into(), "until: must lie in the future")
    );
    stage.stop().await;
}
