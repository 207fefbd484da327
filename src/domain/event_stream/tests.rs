//! The stream's rules as tables.

use super::*;
use crate::domain::history::ToldEffects;
use chrono::TimeDelta;
use uuid::Uuid;

const fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

const fn unplaced(number: u128, version: i64, event_time: i64) -> Unplaced {
    Unplaced {
        account: account(number),
        version,
        event_time,
    }
}

/// P11: by time; and by version within an account, even where a clock went back.
#[test]
fn versions_keep_their_order_whatever_their_times_say() {
    let events = vec![
        unplaced(2, 5, 40),
        unplaced(1, 2, 10),
        unplaced(1, 1, 30),
        unplaced(3, 1, 20),
        unplaced(2, 4, 40),
        unplaced(1, 3, 35),
    ];
    let order: Vec<_> = in_order(events)
        .into_iter()
        .map(|event| (event.account.0.as_u128(), event.version))
        .collect();
    assert_eq!(order, [(3, 1), (1, 1), (1, 2), (1, 3), (2, 4), (2, 5)]);
    assert!(in_order(Vec::new()).is_empty());
}

#[test]
fn a_consumer_begins_where_nothing_is_missing() {
    let bounds = Bounds { last: 9, purged: 4 };
    let begins = [
        (Start::Now, 9),
        (Start::After(0), 4),
        (Start::After(4), 4),
        (Start::After(7), 7),
        (Start::After(9), 9),
    ];
    for (start, position) in begins {
        assert_eq!(bounds.place(start), Ok(position), "{start:?}");
    }
    for (position, reason, key, value) in [
        (1, Reason::EventsPurged, "oldest_position", "5"),
        (3, Reason::EventsPurged, "oldest_position", "5"),
        (10, Reason::EventsAhead, "last_position", "9"),
        (i64::MAX, Reason::EventsAhead, "last_position", "9"),
    ] {
        let Err(Error::Refused(refusals)) = bounds.place(Start::After(position)) else {
            panic!("{position} was taken");
        };
        assert_eq!(refusals[0].reason, reason);
        assert_eq!(refusals[0].metadata.get(key).map(String::as_str), Some(value));
    }
    assert_eq!(Bounds::default().place(Start::After(0)), Ok(0));
}

#[test]
fn what_stays_keeps_all_after_it() {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(100);
    let aged = |days: &[i64]| -> Vec<_> {
        (1..)
            .zip(days.iter().map(|days| now - TimeDelta::days(*days)))
            .collect()
    };
    let before = now - TimeDelta::days(30);
    for (days, purged) in [
        (&[][..], None),
        (&[30], None),
        (&[31, 31, 30, 40], Some(2)),
        (&[29, 31], None),
        (&[50, 40], Some(2)),
    ] {
        assert_eq!(purged_to(&aged(days), before), purged, "{days:?}");
    }
}

#[test]
fn kinds_are_named_one_by_one_or_by_their_beginning() {
    assert_eq!(Kinds::parse("account.claimed"), Ok(Kinds::One(EventKind::Claimed)));
    assert_eq!(Kinds::parse("account.*"), Ok(Kinds::Below("account.".into())));
    for wrong in [
        "",
        "*",
        ".*",
        "account",
        "account.",
        "account*",
        "account.c*",
        "account.claim",
        "deal.*",
        "a b",
    ] {
        assert!(Kinds::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn pools_and_owners_count_before_and_after() {
    let pools = [1, 2, 3].map(|number| PoolId(Uuid::from_u128(number)));
    let users = ["ann", "bob", "cid"].map(|user| UserId::parse(user).unwrap());
    let told = StreamEvent {
        position: 1,
        account: account(1),
        pool: Some(pools[1]),
        owner: Some("bob".into()),
        traceparent: None,
        event: AccountEvent {
            version: 1,
            event_time: DateTime::UNIX_EPOCH,
            kind: "account.transferred".into(),
            caller: "crm".into(),
            actor: None,
            effects: ToldEffects {
                pool: Some((Some(pools[0]), Some(pools[1]))),
                owner: Some((Some("ann".into()), Some("bob".into()))),
                ..ToldEffects::default()
            },
            note: String::new(),
        },
        weight: 0,
    };
    let kind = |text| Kinds::parse(text).unwrap();
    let filter = |kinds: &[&'static str], pools: &[PoolId], owners: &[UserId]| Filter {
        kinds: kinds.iter().map(|text| kind(text)).collect(),
        pools: pools.to_vec(),
        owners: owners.to_vec(),
    };
    for wanted in [
        Filter::default(),
        filter(&["account.*"], &[], &[]),
        filter(&["account.claimed", "account.transferred"], &[], &[]),
        filter(&[], &pools[..1], &[]),
        filter(&[], &pools[1..], &[]),
        filter(&[], &[], &users[..1]),
        filter(&[], &[], &users[1..]),
        filter(&["account.transferred"], &pools[..1], &users[1..2]),
    ] {
        assert!(wanted.fits(&told), "{wanted:?}");
    }
    for unwanted in [
        filter(&["account.claimed"], &[], &[]),
        filter(&[], &pools[2..], &[]),
        filter(&[], &[], &users[2..]),
        filter(&["account.transferred"], &pools[2..], &users[..1]),
        filter(&["account.transferred"], &pools[..1], &users[2..]),
    ] {
        assert!(!unwanted.fits(&told), "{unwanted:?}");
    }
}
