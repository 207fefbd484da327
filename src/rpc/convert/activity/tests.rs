//! What makes two tellings of an event the same, also across versions of this service.

use super::*;
use chrono::TimeDelta;

fn activity() -> Activity {
    Activity {
        event_id: EventId::parse("e").unwrap(),
        account: AccountId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
        kind: Kind::parse("opportunity.won").unwrap(),
        object_id: ObjectId::parse("o").ok(),
        occur_time: DateTime::from_timestamp(1_772_330_400, 0).unwrap(),
        actor: UserId::parse("bob").ok(),
        summary: "Won".into(),
        contract_end: None,
        described: Described::default(),
        payload_hash: [0; 32],
    }
}

fn hex(activity: &Activity) -> String {
    digest(activity, None)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Digests are stored: those of activities that say nothing of their object are what they were before these could.
#[test]
fn stored_digests_stay() {
    let plain = activity();
    assert_eq!(
        hex(&plain),
        "db8e3ede68541d8398d5b293c756107945590d993e2098a3b4a2c6d15f5de64d"
    );
    let ending = Activity {
        contract_end: Some(plain.occur_time + TimeDelta::microseconds(1)),
        ..plain
    };
    assert_eq!(
        hex(&ending),
        "e3e2fe91edc763c52bdf7a2b9cec88acb1561117c8ec8bd0095bffb55ec6dcd3"
    );
}

/// Whatever is said of the object is part of it.
#[test]
fn what_is_said_of_the_object_counts() {
    let described = |change: fn(&mut Described)| {
        let mut activity = activity();
        change(&mut activity.described);
        hex(&activity)
    };
    let all = [
        described(|_| {}),
        described(|it| it.amount = Money::parse("1", "EUR").ok()),
        described(|it| it.amount = Money::parse("1", "USD").ok()),
        described(|it| it.amount = Money::parse("2", "EUR").ok()),
        described(|it| it.owner = UserId::parse("bob").ok()),
        described(|it| it.visible_to = vec![UserId::parse("bob").unwrap()]),
        described(|it| it.locked = true),
        described(|it| it.in_workflow = true),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(
        described(|it| it.amount = Money::parse("1.00", "EUR").ok()),
        described(|it| it.amount = Money::parse("1", "EUR").ok()),
        "the same amount"
    );
}

/// What was said is also by which id: found or not, the account's other name is another word.
#[test]
fn the_name_of_the_account_counts() {
    let mut named = activity();
    let id = ExternalId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    let by_external = digest(&named, Some(&id));
    assert_ne!(by_external, digest(&named, None));
    named.account = AccountId(Uuid::nil());
    assert_eq!(digest(&named, Some(&id)), by_external);
}
