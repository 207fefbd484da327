//! Kinds as they are named, and the order of both lists in one.

use super::*;
use proptest::prelude::*;

#[test]
fn kinds_are_named_one_by_one_or_by_their_thing() {
    let of = |text: &str| Wanted::parse(text).ok();
    assert_eq!(
        of("sales_order.created"),
        Some(Wanted::Kind("sales_order.created".into()))
    );
    assert_eq!(of("account."), Some(Wanted::Of("account.".into())));
    for wrong in [
        "",
        ".",
        "account",
        "Account.",
        "a..",
        "a.b.",
        ".created",
        "a b.",
        "account.%",
    ] {
        assert_eq!(of(wrong), None, "{wrong}");
    }
    assert!(of("account.").unwrap().is_of_account());
    assert!(!of("accounts.").unwrap().is_of_account());
}

fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}

proptest! {
    /// Nothing is lost, the order is that of time, and what lay in order still does.
    #[test]
    fn both_are_merged_in_order(mut activities in prop::collection::vec(0..8_i64, 0..12), mut events in prop::collection::vec(0..8_i64, 0..12)) {
        activities.sort_unstable_by(|a, b| b.cmp(a));
        events.sort_unstable_by(|a, b| b.cmp(a));
        let numbered = |times: &[i64]| times.iter().copied().enumerate().collect::<Vec<_>>();
        let merged = merge(numbered(&activities), numbered(&events), |a| at(a.1), |e| at(e.1));
        let flat: Vec<_> = merged
            .iter()
            .map(|entry| match entry {
                Entry::Activity((number, time)) => (-time, 1, *number),
                Entry::Event((number, time)) => (-time, 0, *number),
            })
            .collect();
        let mut sorted = flat.clone();
        sorted.sort_unstable();
        prop_assert_eq!(&flat, &sorted);
        prop_assert_eq!(flat.len(), activities.len() + events.len());
    }
}
