//! Who may move what: the role matrix, cell by cell. Every cell is asked for with a dry run and, where it is refused,
//! made as well: both say the same.

use crate::{
    moves::{Order, Wish, named_pool, verdict},
    world::World,
};
use tidepool::rpc::proto::{ClaimMode, Pool, TeamAccess};

/// A pool and another one, an account in it that `bob` owns with `tim` and `kim` in its team, and one that waits.
struct Stage {
    world: World,
    other: String,
    owned: String,
    waiting: String,
}

impl Stage {
    async fn set(pool: Pool) -> Self {
        let world = World::start().await;
        world.more_people().await;
        let home = world.pool(pool).await;
        let other = world.pool(named_pool("Other")).await;
        let owned = world.create("Owned", &home, "bob").await.id;
        let waiting = world.lying("Waiting", &home).await;
        for account in [&owned, &waiting] {
            assert_eq!(world.put_member("root", account, "tim", TeamAccess::Read).await, "OK");
            assert_eq!(
                world.put_member("root", account, "kim", TeamAccess::ReadWrite).await,
                "OK"
            );
        }
        Self {
            world,
            other,
            owned,
            waiting,
        }
    }

    /// `table`: the wish, and the verdict for each of `who`.
    async fn check(&self, account: &str, who: &[&str], table: &[(Wish, &str)]) {
        for (wish, verdicts) in table {
            let verdicts: Vec<_> = verdicts.split_whitespace().collect();
            assert_eq!(verdicts.len(), who.len(), "{wish:?}");
            for (who, expected) in who.iter().zip(verdicts) {
                let expected = match expected {
                    "denied" => "NOT_AUTHORIZED",
                    "unknown" => "NOT_FOUND",
                    "stranger" => "NOT_POOL_MEMBER",
                    "status" => "INVALID_STATUS",
                    other => other,
                };
                let client = self.world.user(who);
                let dry = Order {
                    dry: true,
                    ..Order::of(account)
                };
                let said = verdict(&dry.send(&client, wish).await);
                assert_eq!(said, expected, "{who} {wish:?}");
                if expected != "OK" {
                    let said = verdict(&Order::of(account).send(&client, wish).await);
                    assert_eq!(said, expected, "{who} {wish:?}, really");
                }
            }
        }
    }
}

/// Who asks: CRM admin, pool admin, the owner's supervisor, the owner, a member, a stranger, team members with either
/// right.
const WHO: &[&str] = &["root", "adm", "ann", "bob", "cid", "dan", "tim", "kim"];

/// R057-R059, R084, R108-R110 (2.6): an account that a member owns.
#[tokio::test]
async fn an_owned_account_is_moved_by_those_who_may() {
    let stage = Stage::set(named_pool("Home")).await;
    let other = &stage.other;
    let table = [
        (
            Wish::Claim,
            "stranger ALREADY_CLAIMED stranger ALREADY_CLAIMED ALREADY_CLAIMED unknown stranger stranger",
        ),
        (Wish::assign("cid"), "OK OK denied denied denied unknown denied denied"),
        (Wish::owner("cid"), "OK denied OK OK denied unknown denied denied"),
        (Wish::give_back(), "denied denied OK OK denied unknown denied denied"),
        (
            Wish::Reclaim(String::new()),
            "OK OK denied denied denied unknown denied denied",
        ),
        (
            Wish::transfer(other),
            "OK OK denied denied denied unknown denied denied",
        ),
        (
            Wish::transfer_alone(other),
            "OK OK denied denied denied unknown denied denied",
        ),
        (Wish::Remove(false), "OK OK denied denied denied unknown denied denied"),
        (
            Wish::Add(other.clone(), false),
            "ALREADY_IN_POOL ALREADY_IN_POOL denied denied denied unknown denied denied",
        ),
    ];
    stage.check(&stage.owned, WHO, &table).await;
    stage.world.stop().await;
}

/// R087-R091, W13 (2.6): an account that waits, in a pool that members see and in one that they do not.
#[tokio::test]
async fn a_waiting_account_is_moved_by_those_who_may() {
    let stage = Stage::set(named_pool("Home")).await;
    let other = stage.other.clone();
    // What nobody owns is neither handed over nor returned, whoever asks.
    let given = [
        (
            Wish::owner("cid"),
            "status status unknown status status unknown status status",
        ),
        (
            Wish::give_back(),
            "status status unknown status status unknown status status",
        ),
        (
            Wish::Reclaim(String::new()),
            "status status unknown denied denied unknown denied denied",
        ),
        (Wish::assign("cid"), "OK OK unknown denied denied unknown denied denied"),
        (
            Wish::transfer(&other),
            "OK OK unknown denied denied unknown denied denied",
        ),
        (Wish::Remove(false), "OK OK unknown denied denied unknown denied denied"),
        (Wish::Claim, "stranger OK unknown OK OK unknown stranger stranger"),
    ];
    stage.check(&stage.waiting, WHO, &given).await;
    stage.world.stop().await;

    let hidden = Stage::set(Pool {
        claim_mode: ClaimMode::AdminsAssign.into(),
        ..named_pool("Home")
    })
    .await;
    let other = hidden.other.clone();
    let given = [
        (
            Wish::Claim,
            "stranger POOL_NOT_CLAIMABLE unknown unknown unknown unknown stranger stranger",
        ),
        (
            Wish::assign("cid"),
            "OK OK unknown unknown unknown unknown denied denied",
        ),
        (
            Wish::transfer(&other),
            "OK OK unknown unknown unknown unknown denied denied",
        ),
    ];
    hidden.check(&hidden.waiting, WHO, &given).await;
    // Who lost the race for an account of a hidden pool does not even learn that.
    let taken = [(
        Wish::Claim,
        "stranger ALREADY_CLAIMED stranger ALREADY_CLAIMED unknown unknown stranger stranger",
    )];
    hidden.check(&hidden.owned, WHO, &taken).await;
    hidden.world.stop().await;
}

/// R091, R094: what a pool lets its members do with their own accounts.
#[tokio::test]
async fn a_pool_lets_its_members_return_and_transfer() {
    let stage = Stage::set(Pool {
        members_may_return: Some(false),
        members_may_transfer_out: true,
        ..named_pool("Home")
    })
    .await;
    let table = [
        (
            Wish::give_back(),
            "denied denied RETURN_NOT_ALLOWED RETURN_NOT_ALLOWED denied unknown denied denied",
        ),
        (
            Wish::transfer(&stage.other),
            "OK OK denied OK denied unknown denied denied",
        ),
    ];
    stage.check(&stage.owned, WHO, &table).await;
    stage.world.stop().await;
}

/// R103, R019: accounts outside pools, and canceled ones.
#[tokio::test]
async fn accounts_outside_pools_and_canceled_ones() {
    let stage = Stage::set(named_pool("Home")).await;
    let world = &stage.world;
    let own = world.create("Own", "", "bob").await.id;
    world.put_member("root", &own, "adm", TeamAccess::Read).await;
    // The admin of the pool that it is to get into knows of it only as a member of its team.
    let who = &["root", "adm", "ann", "bob", "cid"];
    let open = world
        .pool(Pool {
            members_may_add: true,
            ..named_pool("Open")
        })
        .await;
    let table = [
        (Wish::Add(stage.other.clone(), false), "OK OK denied denied unknown"),
        (Wish::Add(open, false), "OK OK denied OK unknown"),
        (
            Wish::Claim,
            "NOT_A_POOL_ACCOUNT NOT_A_POOL_ACCOUNT NOT_A_POOL_ACCOUNT NOT_A_POOL_ACCOUNT unknown",
        ),
        (Wish::assign("cid"), "NOT_A_POOL_ACCOUNT denied denied denied unknown"),
        (
            Wish::Reclaim(String::new()),
            "NOT_A_POOL_ACCOUNT denied denied denied unknown",
        ),
        (
            Wish::transfer(&stage.other),
            "NOT_A_POOL_ACCOUNT denied denied denied unknown",
        ),
        (Wish::Remove(false), "NOT_A_POOL_ACCOUNT denied denied denied unknown"),
        (Wish::owner("dan"), "OK denied OK OK unknown"),
        (Wish::because("", "", &stage.other), "OK denied OK OK unknown"),
    ];
    stage.check(&own, who, &table).await;

    assert_eq!(
        world.play("root", &stage.owned, Wish::Cancel).await,
        "CANCELED - was bob moved 0 -"
    );
    let table = [
        (Wish::Claim, "stranger unknown unknown unknown unknown"),
        (Wish::assign("cid"), "status unknown unknown unknown unknown"),
        (Wish::owner("cid"), "status unknown unknown unknown unknown"),
        (Wish::give_back(), "status unknown unknown unknown unknown"),
        (Wish::Reclaim(String::new()), "status unknown unknown unknown unknown"),
        (Wish::transfer(&stage.other), "status unknown unknown unknown unknown"),
        (Wish::Remove(false), "status unknown unknown unknown unknown"),
    ];
    stage.check(&stage.owned, who, &table).await;
    stage.world.stop().await;
}
