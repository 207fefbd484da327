//! Properties of the retention clock, over random rules and facts.

use super::{tests::deadline, *};
use crate::domain::retention::terms::RuleDays;
use chrono::{Days, TimeDelta};
use chrono_tz::{Asia, TZ_VARIANTS};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

/// Rules that can be saved.
fn terms() -> impl Strategy<Value = ReclaimTerms> {
    let after_win = prop_oneof![Just(None), Just(Some(AfterWin::Exempt)), Just(Some(AfterWin::Restart))];
    let days = (1..=40_u32, 1..=40_u32, any::<bool>(), 1..=60_u32, 0..3_u8);
    (days, after_win).prop_map(|((a, b, with_first, close, clocks), after_win)| {
        let follow_up = (clocks != 1).then_some(a.max(b));
        ReclaimTerms {
            days: RuleDays {
                follow_up,
                first_contact: follow_up.filter(|_| with_first).map(|_| a.min(b)),
                close: (clocks != 0).then_some(close),
            },
            combine: (clocks == 2).then_some(Combine::Either),
            after_win,
            ..ReclaimTerms::default()
        }
    })
}

/// Minutes after the claim, some before it; and whether it is a win.
type Events = Vec<(i64, bool)>;

fn happened(start: DateTime<Utc>, events: &Events) -> ClockFacts {
    events.iter().fold(ClockFacts::new(start), |facts, (minutes, won)| {
        let t = start + TimeDelta::minutes(*minutes);
        if *won { facts.and_win(t) } else { facts.and_follow_up(t) }
    })
}

fn start() -> impl Strategy<Value = DateTime<Utc>> {
    (0..1_000_000_i64)
        .prop_map(|minutes| DateTime::from_timestamp(1_772_330_400, 0).unwrap() + TimeDelta::minutes(minutes))
}

fn events() -> impl Strategy<Value = Events> {
    proptest::collection::vec((-40_000..90_000_i64, any::<bool>()), 0..6)
}

/// Later than every deadline where there is none.
fn or_never(deadline: Option<Deadline>) -> DateTime<Utc> {
    deadline.map_or(DateTime::<Utc>::MAX_UTC, |deadline| deadline.at)
}

proptest! {
    // The same cases in every run.
    #![proptest_config(Config { cases: 5_000, rng_seed: RngSeed::Fixed(33), failure_persistence: None, ..Config::default() })]

    #[test]
    fn never_earlier_than_n_local_calendar_days_after_the_anchor(
        terms in terms(), start in start(), events in events(), tz in proptest::sample::select(TZ_VARIANTS.as_slice()),
    ) {
        let facts = happened(start, &events);
        if let Some(deadline) = deadline(&terms, &facts, tz) {
            let days = match deadline.basis {
                Basis::FirstContact => terms.days.first_contact,
                Basis::FollowUp => terms.days.follow_up,
                Basis::Close => terms.days.close,
                Basis::MaxHold | Basis::ReclaimKind => unreachable!("not in these rules"),
            };
            let local = |t: DateTime<Utc>| t.with_timezone(&tz).naive_local();
            prop_assert!(local(deadline.at) >= local(deadline.anchor) + Days::new(days.unwrap().into()));
            prop_assert!(deadline.anchor >= start);
        }
    }

    // Shanghai: where an hour repeats, two readings of it count as they are read, so that only there a follow-up in the
    // second pass can count for up to that hour less than one in the first.
    #[test]
    fn a_further_follow_up_never_moves_the_deadline_back(
        terms in terms(), combine in prop_oneof![Just(Combine::Either), Just(Combine::Both)],
        start in start(), events in events(), further in 0..90_000_i64,
    ) {
        let terms = ReclaimTerms { combine: terms.combine.map(|_| combine), ..terms };
        let facts = happened(start, &events);
        let more = facts.and_follow_up(start + TimeDelta::minutes(further));
        let (before, after) = (deadline(&terms, &facts, Asia::Shanghai), deadline(&terms, &more, Asia::Shanghai));
        prop_assert!(or_never(after) >= or_never(before));
    }

    #[test]
    fn both_is_never_earlier_than_either(
        terms in terms(), start in start(), events in events(), tz in proptest::sample::select(TZ_VARIANTS.as_slice()),
    ) {
        let facts = happened(start, &events);
        let with = |combine| ReclaimTerms { combine: terms.combine.map(|_| combine), ..terms.clone() };
        let (either, both) = (with(Combine::Either), with(Combine::Both));
        prop_assert!(or_never(deadline(&both, &facts, tz)) >= or_never(deadline(&either, &facts, tz)));
    }

    #[test]
    fn the_order_in_which_events_come_in_does_not_matter(
        terms in terms(), start in start(),
        (events, shuffled) in events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let (one, other) = (happened(start, &events), happened(start, &shuffled));
        prop_assert_eq!(deadline(&terms, &one, Asia::Shanghai), deadline(&terms, &other, Asia::Shanghai));
    }
}
