//! Who may make which exception: cell by cell, with a dry run and, where it is refused, really.

use super::{Ask, Stage};
use crate::world::claim;
use chrono::TimeDelta;
use tidepool::rpc::proto::TeamAccess;

/// Who asks: CRM admin, pool admin, the owner's supervisor, the owner, a member, a stranger, a team member who may write.
const WHO: &[&str] = &["root", "adm", "ann", "bob", "cid", "dan", "kim"];

async fn check(stage: &Stage, account: &str, table: &[(Ask, &str)]) {
    for (ask, verdicts) in table {
        let verdicts: Vec<_> = verdicts.split_whitespace().collect();
        assert_eq!(verdicts.len(), WHO.len(), "{ask:?}");
        for (who, expected) in WHO.iter().zip(verdicts) {
            let expected = match expected {
                "denied" => "NOT_AUTHORIZED",
                "unknown" => "NOT_FOUND",
                "status" => "INVALID_STATUS",
                other => other,
            };
            assert_eq!(stage.verdict(who, account, *ask).await, expected, "{who} {ask:?}");
        }
    }
}

/// D49, D50, X02, X05: an account that somebody owns, one that waits, one outside pools, one that is canceled.
#[tokio::test]
async fn exceptions_are_made_by_those_who_may() {
    let stage = Stage::set().await;
    let world = &stage.world;
    let until = stage.now() + TimeDelta::days(90);
    let owned = stage.claimed("Owned", "bob").await;
    let outside = world.create("Outside", "", "bob").await.id;
    let canceled = world.lying("Canceled", &stage.home).await;
    for account in [&owned, &outside] {
        assert_eq!(
            world.put_member("root", account, "kim", TeamAccess::ReadWrite).await,
            "OK"
        );
    }
    world.play("root", &canceled, crate::moves::Wish::Cancel).await;
    let table = [
        (Ask::Undo, "status status denied denied denied unknown denied"),
        (Ask::Extend(1), "OK OK OK denied denied unknown denied"),
        (Ask::Lock(None), "OK OK OK OK denied unknown denied"),
        (Ask::Unlock, "OK OK OK OK denied unknown denied"),
        (Ask::Embargo(until), "OK OK denied denied denied unknown denied"),
        (Ask::Clear, "OK OK denied denied denied unknown denied"),
    ];
    check(&stage, &owned, &table).await;
    let table = [
        (Ask::Undo, "status unknown denied denied unknown unknown denied"),
        (
            Ask::Extend(1),
            "NO_RETENTION_CLOCK unknown NO_RETENTION_CLOCK denied unknown unknown denied",
        ),
        (Ask::Lock(None), "OK unknown OK OK unknown unknown denied"),
        (Ask::Unlock, "OK unknown OK OK unknown unknown denied"),
        (Ask::Embargo(until), "OK unknown denied denied unknown unknown denied"),
        (Ask::Clear, "OK unknown denied denied unknown unknown denied"),
    ];
    check(&stage, &outside, &table).await;
    let table = [
        (Ask::Undo, "status unknown unknown unknown unknown unknown unknown"),
        (
            Ask::Lock(None),
            "status unknown unknown unknown unknown unknown unknown",
        ),
        (
            Ask::Embargo(until),
            "status unknown unknown unknown unknown unknown unknown",
        ),
    ];
    check(&stage, &canceled, &table).await;

    // Waiting, it is known to members of a pool that shows it.
    let waiting = world.lying("Waiting", &stage.home).await;
    world
        .user("bob")
        .circulation()
        .claim_account(claim(&waiting))
        .await
        .unwrap();
    stage.pass(TimeDelta::days(30));
    stage.world.sweep().await;
    let table = [
        (Ask::Undo, "OK OK unknown denied denied unknown unknown"),
        (Ask::Extend(1), "status status unknown denied denied unknown unknown"),
        (Ask::Lock(None), "status status unknown denied denied unknown unknown"),
        (Ask::Unlock, "status status unknown denied denied unknown unknown"),
        (Ask::Embargo(until), "OK OK unknown denied denied unknown unknown"),
        (Ask::Clear, "OK OK unknown denied denied unknown unknown"),
    ];
    check(&stage, &waiting, &table).await;
    stage.stop().await;
}
