//! What each move does to the account, its tenures and its events: row by row.

use crate::{
    moves::{Wish, named_pool, short},
    world::{World, open_pool},
};
use chrono::TimeDelta;
use tidepool::rpc::proto::{self, AccountEvent, Pool};

async fn stage() -> (World, String, String) {
    let world = World::start().await;
    world.more_people().await;
    let home = world.pool(named_pool("Home")).await;
    let other = world.pool(named_pool("Other")).await;
    (world, home, other)
}

fn kinds(events: &[AccountEvent]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event.kind.strip_prefix("account.").unwrap())
        .collect()
}

/// R006, R023, D22: owners come and go; only a change from one owner to a different one counts as a transfer.
#[tokio::test]
async fn owners_come_and_go() {
    let (world, home, _) = stage().await;
    let id = world.lying("Acme", &home).await;
    let reclaim = || Wish::Reclaim("quiet".into());
    for (who, wish, expected) in [
        ("bob", Wish::Claim, "ASSIGNED bob was - moved 0 -"),
        ("bob", Wish::give_back(), "UNASSIGNED - was bob moved 0 RETURNED"),
        ("bob", Wish::Claim, "ASSIGNED bob was bob moved 0 -"),
        ("adm", reclaim(), "UNASSIGNED - was bob moved 0 RECLAIMED"),
        ("adm", Wish::assign("cid"), "ASSIGNED cid was bob moved 1 -"),
        ("adm", Wish::assign("cid"), "ASSIGNED cid was bob moved 1 -"),
        ("adm", Wish::assign("mem"), "ASSIGNED mem was cid moved 2 -"),
        ("mem", Wish::owner("bob"), "ASSIGNED bob was mem moved 3 -"),
        ("root", reclaim(), "UNASSIGNED - was bob moved 3 RECLAIMED"),
        ("cid", Wish::Claim, "ASSIGNED cid was bob moved 4 -"),
        ("ann", Wish::give_back(), "UNASSIGNED - was cid moved 4 RETURNED"),
    ] {
        world.server.clock.advance(TimeDelta::hours(1));
        assert_eq!(world.play(who, &id, wish.clone()).await, expected, "{wish:?}");
        assert_eq!(world.ownership(&id).await.pool_id, home, "{wish:?}");
    }
    assert_eq!(
        world.tenures(&id).await,
        [
            "bob CLAIMED by bob, RETURNED by bob",
            "bob CLAIMED by bob, RECLAIMED by adm 'quiet'",
            "cid ASSIGNED by adm, REASSIGNED by adm",
            "mem ASSIGNED by adm, OWNER_CHANGED by mem",
            "bob OWNER_CHANGED by mem, RECLAIMED by root 'quiet'",
            "cid CLAIMED by cid, RETURNED by ann",
        ]
    );
    let events = world.events(&id).await;
    assert_eq!(
        kinds(&events),
        [
            "created",
            "claimed",
            "returned",
            "claimed",
            "reclaimed",
            "assigned",
            "owner_changed",
            "owner_changed",
            "reclaimed",
            "claimed",
            "returned"
        ]
    );
    // Exactly one event for each version; the assignment to the owner himself changed nothing.
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, (1..=11).collect::<Vec<_>>());
    let effects = events[6].effects.clone().unwrap();
    assert_eq!((effects.owner.unwrap().new, effects.status), ("mem".into(), None));
    assert_eq!(effects.end_cause, proto::TenureEndCause::Reassigned as i32);
    world.stop().await;
}

/// R009, R094-R096, R103: between pools with the owner or without, in every combination.
#[tokio::test]
async fn accounts_move_between_pools() {
    let (world, home, other) = stage().await;
    let clearing = world
        .pool(Pool {
            clear_owner_on_transfer_in: true,
            ..named_pool("Clearing")
        })
        .await;
    let waiting = world.lying("Waiting", &home).await;
    let moves = [
        (Wish::transfer(&other), "UNASSIGNED - was - moved 0 TRANSFERRED", &other),
        (
            Wish::Remove(false),
            "UNASSIGNED - was - moved 0 TRANSFERRED",
            &String::new(),
        ),
        (Wish::Add(home.clone(), true), "UNASSIGNED - was - moved 0 ADDED", &home),
    ];
    for (wish, expected, pool) in moves {
        assert_eq!(world.play("root", &waiting, wish.clone()).await, expected, "{wish:?}");
        assert_eq!(world.ownership(&waiting).await.pool_id, *pool, "{wish:?}");
    }
    assert!(world.tenures(&waiting).await.is_empty());

    // (how it moves, its owner afterwards, how the tenure ended)
    let kept = "ASSIGNED bob was - moved 0 -";
    let lost = |entry: &str| format!("UNASSIGNED - was bob moved 0 {entry}");
    for (at, (wish, expected)) in [
        (Wish::transfer(&other), kept.to_owned()),
        (Wish::transfer_alone(&other), lost("TRANSFERRED")),
        (Wish::transfer(&clearing), lost("TRANSFERRED")),
        (Wish::Remove(false), kept.to_owned()),
        (Wish::Remove(true), lost("TRANSFERRED")),
    ]
    .into_iter()
    .enumerate()
    {
        let id = world.create(&format!("Account {at}"), &home, "bob").await.id;
        let since = world.ownership(&id).await.owner_since;
        world.server.clock.advance(TimeDelta::minutes(1));
        assert_eq!(world.play("adm", &id, wish.clone()).await, expected, "{wish:?}");
        let tenure = &world.tenures(&id).await[0];
        if expected == kept {
            assert_eq!(world.ownership(&id).await.owner_since, since, "{wish:?}");
            assert_eq!(tenure, "bob CREATED by ");
        } else {
            assert_eq!(tenure, "bob CREATED by , TRANSFERRED by adm");
        }
    }
    for (name, pool, clear, expected) in [
        ("Into", &other, false, kept.to_owned()),
        ("Into without", &other, true, lost("ADDED")),
        ("Into the clearing one", &clearing, false, lost("ADDED")),
    ] {
        let id = world.create(name, "", "bob").await.id;
        let wish = Wish::Add(pool.clone(), clear);
        assert_eq!(world.play("root", &id, wish).await, expected, "{name}");
        assert_eq!(world.ownership(&id).await.pool_id, *pool);
        let last = world.events(&id).await.pop().unwrap();
        assert_eq!(last.kind, "account.added_to_pool");
        let moved = last.effects.unwrap().pool.unwrap();
        assert_eq!((moved.old.as_str(), moved.new.as_str()), ("", pool.as_str()));
    }
    world.stop().await;
}

/// R009: what stands in the way of a move between pools.
#[tokio::test]
async fn what_stands_in_the_way_between_pools() {
    let (world, home, other) = stage().await;
    let id = world.create("Acme", &home, "bob").await.id;
    let full = world
        .pool(Pool {
            claim_limit: Some(0),
            ..named_pool("Full")
        })
        .await;
    let strangers = world
        .pool(Pool {
            members: None,
            ..named_pool("Strangers")
        })
        .await;
    let closed = world.pool(named_pool("Closed")).await;
    world.disable(&closed).await;
    let nowhere = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
    for (wish, expected) in [
        (Wish::transfer(&home), "SAME_POOL"),
        (Wish::transfer(&closed), "TARGET_POOL_FORBIDDEN"),
        (Wish::transfer(&nowhere), "TARGET_POOL_FORBIDDEN"),
        (Wish::transfer(&strangers), "OWNER_NOT_MEMBER_OF_TARGET"),
        (Wish::transfer(&full), "POOL_CLAIM_LIMIT_REACHED"),
        (Wish::transfer(&other), "ASSIGNED bob was - moved 0 -"),
        (Wish::transfer_alone(&full), "UNASSIGNED - was bob moved 0 TRANSFERRED"),
        (Wish::transfer(&strangers), "UNASSIGNED - was bob moved 0 TRANSFERRED"),
    ] {
        assert_eq!(world.play("adm", &id, wish.clone()).await, expected, "{wish:?}");
    }
    // A member moves his account only to pools that he may know of, and is not told more of others.
    world
        .update_pool(
            Pool {
                id: home.clone(),
                members_may_transfer_out: true,
                ..Pool::default()
            },
            &["members_may_transfer_out"],
        )
        .await;
    let id = world.create("Bob's", &home, "bob").await.id;
    for target in [&strangers, &nowhere, &closed] {
        assert_eq!(
            world.play("bob", &id, Wish::transfer(target)).await,
            "TARGET_POOL_FORBIDDEN"
        );
    }
    assert_eq!(
        world.play("bob", &id, Wish::transfer(&other)).await,
        "ASSIGNED bob was - moved 0 -"
    );
    world.stop().await;
}

/// R113, R178: reason and note are kept for whoever considers the account next; whoever hands it over gives none.
#[tokio::test]
async fn why_it_was_returned_is_kept() {
    let (world, home, _) = stage().await;
    let reason = |id: &str| proto::ReturnReason {
        id: id.into(),
        display_name: id.into(),
        enabled: true,
        note_required: false,
    };
    let settings = proto::TenantSettings {
        return_reasons: vec![reason("too-far")],
        ..Default::default()
    };
    world.update_settings(settings, &["return_reasons"]).await;
    let id = world.create("Acme", &home, "bob").await.id;
    let why = async || {
        let account = world.account(&id).await;
        (account.last_end_reason_id, account.last_end_note)
    };
    world
        .play("bob", &id, Wish::because("too-far", "two hours by train", ""))
        .await;
    let given = ("too-far".to_owned(), "two hours by train".to_owned());
    assert_eq!(why().await, given);
    world.play("cid", &id, Wish::Claim).await;
    assert_eq!(why().await, given);
    world.play("adm", &id, Wish::assign("mem")).await;
    assert_eq!(why().await, (String::new(), String::new()));
    world.play("adm", &id, Wish::Reclaim("no answer".into())).await;
    assert_eq!(why().await, (String::new(), "no answer".into()));
    let first = &world.tenures(&id).await[0];
    assert_eq!(
        first,
        "bob CREATED by , RETURNED by bob for too-far 'two hours by train'"
    );
    world.stop().await;
}

/// R042, R095: clear rule 1, for every way in which the owner changes; the owner is never in the team.
#[tokio::test]
async fn the_team_stays_unless_the_pool_clears_it() {
    let (world, home, _) = stage().await;
    let clearing = world
        .pool(Pool {
            clear_team_on_owner_change: true,
            ..named_pool("Clearing")
        })
        .await;
    let other = world.pool(named_pool("Third")).await;
    let wishes = [
        ("bob", Wish::Claim),
        ("adm", Wish::assign("cid")),
        ("cid", Wish::owner("mem")),
        ("mem", Wish::give_back()),
        ("adm", Wish::assign("bob")),
        ("adm", Wish::Reclaim(String::new())),
        ("bob", Wish::Claim),
        ("adm", Wish::transfer_alone(&other)),
    ];
    for (pool, clears) in [(&home, false), (&clearing, true)] {
        let id = world.lying(&format!("In a pool that clears: {clears}"), pool).await;
        for (who, wish) in &wishes {
            for member in ["tim", "dan", "cid", "mem", "bob"] {
                world.put_member("root", &id, member, proto::TeamAccess::Read).await;
            }
            let before = world.ownership(&id).await;
            let said = world.play(who, &id, wish.clone()).await;
            let owner = world.ownership(&id).await.owner;
            let team = world.team(&id).await;
            if clears {
                assert_eq!(team, Vec::<String>::new(), "{wish:?} {said}");
            } else {
                // Whoever was the owner was no member then, and is none now.
                let all = ["bob", "cid", "dan", "mem", "tim"];
                let left = all.into_iter().filter(|user| *user != owner && *user != before.owner);
                assert_eq!(team, left.collect::<Vec<_>>(), "{wish:?} {said}");
            }
        }
    }
    // Moving with the owner, and being assigned to the same one, changes no owner.
    let id = world.create("Kept", &clearing, "bob").await.id;
    world.put_member("root", &id, "tim", proto::TeamAccess::Read).await;
    world.play("adm", &id, Wish::assign("bob")).await;
    world.play("adm", &id, Wish::transfer(&home)).await;
    assert_eq!(world.team(&id).await, ["tim"]);
    world.stop().await;
}

/// R128, D14-D16, L36: who is kept from claiming again, and where.
#[tokio::test]
async fn giving_it_away_is_a_return_and_being_deprived_is_not() {
    let world = World::start().await;
    let cooling = |name: &str| Pool {
        cooldown_days: Some(3),
        members_may_transfer_out: true,
        ..open_pool(name)
    };
    let (home, other) = (world.pool(cooling("Home")).await, world.pool(cooling("Other")).await);
    let free = world.pool(open_pool("Free")).await;
    // (who does what with the account that he or bob owns, whether bob may claim it then)
    for (at, (who, wish, expected)) in [
        ("bob", Wish::give_back(), "CLAIM_COOLDOWN_ACTIVE"),
        ("root", Wish::Reclaim(String::new()), "CLAIM_COOLDOWN_ACTIVE"),
        ("bob", Wish::transfer_alone(&other), "CLAIM_COOLDOWN_ACTIVE"),
        ("root", Wish::transfer_alone(&other), "OK"),
        ("bob", Wish::transfer_alone(&free), "OK"),
        ("root", Wish::Remove(true), "NOT_FOUND"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = world.lying(&format!("Account {at}"), &home).await;
        world.play("bob", &id, Wish::Claim).await;
        world.make(who, &id, &wish).await.unwrap();
        let said = crate::moves::verdict(&world.make("bob", &id, &Wish::Claim).await);
        assert_eq!(said, expected, "{who} {wish:?}");
    }
    // D15: being reassigned is no reason to wait.
    let id = world.lying("Reassigned", &home).await;
    world.play("bob", &id, Wish::Claim).await;
    world.play("root", &id, Wish::assign("cid")).await;
    world.play("root", &id, Wish::transfer_alone(&other)).await;
    assert_eq!(
        short(&world.make("bob", &id, &Wish::Claim).await.unwrap().0.unwrap()),
        "ASSIGNED bob was cid moved 2 -"
    );
    world.stop().await;
}
