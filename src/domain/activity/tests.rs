//! Kinds, deals and objects of activities: tables, and the property that order does not matter.

use super::*;
use chrono::TimeZone;
use proptest::prelude::*;

fn at(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

fn event(id: u32, kind: &str, minute: i64) -> Activity {
    Activity {
        event_id: EventId::parse(&format!("e{id}")).unwrap(),
        account: AccountId(uuid::Uuid::nil()),
        kind: Kind::parse(kind).unwrap(),
        object_id: ObjectId::parse("o").ok(),
        occur_time: at(minute),
        actor: None,
        summary: String::new(),
        payload_hash: [0; 32],
    }
}

#[test]
fn kinds_are_object_and_action() {
    assert_eq!(
        Kind::parse("sales_order.created").map(|kind| kind.object().to_owned()),
        Ok("sales_order".into())
    );
    for wrong in [
        "",
        ".",
        "a.",
        ".b",
        "a",
        "a.b.c",
        "A.b",
        "a.b c",
        "1a.b",
        &format!("a.{}", "b".repeat(63)),
    ] {
        assert_eq!(Kind::parse(wrong), Err(KindError), "{wrong:?}");
    }
}

/// R027: the first deal makes a won account, a second one a repeatedly won account, and none an open one.
#[test]
fn deals_are_counted_by_object() {
    let mut deals = Deals::default();
    assert_eq!(deals.status(), DealStatus::Open);
    deals.add(true, at(5));
    deals.add(false, at(9));
    assert_eq!((deals.status(), deals.last_won_time), (DealStatus::Won, Some(at(5))));
    deals.add(true, at(3));
    assert_eq!(
        (deals.status(), deals.last_won_time),
        (DealStatus::RepeatedlyWon, Some(at(5)))
    );
}

#[test]
fn a_future_date_does_not_protect_for_ever() {
    assert_eq!(check_time(at(5), at(0)), Ok(()));
    assert_eq!(
        check_time(at(5) + TimeDelta::microseconds(1), at(0)),
        Err(MAX_AHEAD + TimeDelta::microseconds(1))
    );
}

proptest! {
    /// The state of an object does not depend on the order in which its events come, nor on how often they do.
    #[test]
    fn the_latest_event_wins_in_any_order(
        events in proptest::collection::vec(0_u32..20, 1..12)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let kinds = ["opportunity.won", "opportunity.reopened", "opportunity.deleted"];
        let fold = |events: &[u32]| {
            let mut object: Option<BusinessObject> = None;
            for id in events {
                // One event id has one payload.
                let activity = event(*id, kinds[*id as usize % 3], i64::from(*id) % 4);
                match &mut object {
                    None => object = Some(BusinessObject::first(&activity, activity.object_id.as_ref().unwrap())),
                    Some(object) => object.merge(&activity),
                }
            }
            object
        };
        let (a, b) = events;
        prop_assert_eq!(fold(&a), fold(&b));
    }
}
