use super::*;
use chrono::{Days, FixedOffset, TimeDelta};
use chrono_tz::{Asia, TZ_VARIANTS};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

/// `03-01 10:00` of 2026 in Shanghai, or with seconds, or with the year.
fn shanghai(text: &str) -> DateTime<Utc> {
    let text = if text.len() > 14 {
        text.to_owned()
    } else {
        format!("2026-{text}")
    };
    let text = if text.len() > 16 { text } else { format!("{text}:00") };
    let text = format!("{}+08:00", text.replace(' ', "T"));
    text.parse::<DateTime<FixedOffset>>().unwrap().to_utc()
}

fn follow_up_days(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        follow_up_days: Some(days),
        ..ReclaimTerms::default()
    }
}

fn close_days(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        close_days: Some(days),
        ..ReclaimTerms::default()
    }
}

fn both_days(combine: Combine) -> ReclaimTerms {
    ReclaimTerms {
        close_days: Some(60),
        combine: Some(combine),
        ..follow_up_days(15)
    }
}

fn after(terms: ReclaimTerms, after_win: AfterWin) -> ReclaimTerms {
    ReclaimTerms {
        after_win: Some(after_win),
        ..terms
    }
}

fn first(days: u32, terms: ReclaimTerms) -> ReclaimTerms {
    ReclaimTerms {
        first_contact_days: Some(days),
        ..terms
    }
}

/// Claimed 2026-03-01 10:00, then what is listed, in the order given.
fn claimed(events: &[(&str, &str)]) -> ClockFacts {
    let claimed = ClockFacts::new(shanghai("03-01 10:00"));
    events.iter().fold(claimed, |facts, (what, when)| match *what {
        "follow-up" => facts.and_follow_up(shanghai(when)),
        "won" => facts.and_win(shanghai(when)),
        "owner changed" => ClockFacts {
            owner_since: shanghai(when),
            ..facts
        },
        other => panic!("{other}"),
    })
}

fn due(terms: &ReclaimTerms, facts: &ClockFacts) -> Option<DateTime<Utc>> {
    deadline(terms, facts, Asia::Shanghai).map(|deadline| deadline.at)
}

/// T01 to T18: claim 2026-03-01 10:00 in Shanghai, cutoff NONE. Empty means never.
#[test]
fn t01_to_t18_worked_examples() {
    use AfterWin::{Exempt, Restart};
    use Combine::{Both, Either};
    let (thirty, sixty) = (|| follow_up_days(30), || close_days(60));
    let (either, both) = (|| both_days(Either), || both_days(Both));
    let first = || first(3, follow_up_days(15));
    let won = ("won", "03-20 18:00");
    let noon = ("follow-up", "03-20 12:00");
    let (late, won_noon) = (("follow-up", "05-10 12:00"), ("won", "03-25 12:00"));
    #[rustfmt::skip]
    let table: Vec<(&str, ReclaimTerms, ClockFacts, &str)> = vec![
        ("T01", thirty(), claimed(&[]), "03-31 10:00"),
        ("T02", thirty(), claimed(&[("follow-up", "03-11 15:30")]), "04-10 15:30"),
        ("T03", thirty(), claimed(&[("follow-up", "02-20 09:00")]), "03-31 10:00"),
        ("T04", thirty(), claimed(&[("follow-up", "03-11 15:30"), won]), "04-19 18:00"),
        ("T05", thirty(), claimed(&[("owner changed", "03-25 08:00")]), "04-24 08:00"),
        ("T06", thirty(), claimed(&[("follow-up", "03-15 09:00"), ("follow-up", "03-11 09:00")]), "04-14 09:00"),
        ("T07", sixty(), claimed(&[]), "04-30 10:00"),
        ("T08", sixty(), claimed(&[("follow-up", "03-11 10:00")]), "04-30 10:00"),
        ("T09", after(sixty(), Exempt), claimed(&[won]), ""),
        ("T10", after(sixty(), Restart), claimed(&[won]), "05-19 18:00"),
        ("T11", sixty(), claimed(&[("won", "2026-01-20 09:00")]), "04-30 10:00"),
        ("T11 exempt", after(sixty(), Exempt), claimed(&[("won", "2026-01-20 09:00")]), "04-30 10:00"),
        ("T11 restart", after(sixty(), Restart), claimed(&[("won", "2026-01-20 09:00")]), "04-30 10:00"),
        ("T12", either(), claimed(&[noon]), "04-04 12:00"),
        ("T13", both(), claimed(&[noon]), "04-30 10:00"),
        ("T14", either(), claimed(&[late]), "04-30 10:00"),
        ("T15", both(), claimed(&[late]), "05-25 12:00"),
        ("T16", after(either(), Exempt), claimed(&[noon, won_noon]), "04-09 12:00"),
        ("T17", after(both(), Exempt), claimed(&[noon, won_noon]), ""),
        ("T18a", first(), claimed(&[]), "03-04 10:00"),
        ("T18b", first(), claimed(&[("follow-up", "03-02 12:00")]), "03-17 12:00"),
        // The win of T16 was reversed on 03-27: the last win is empty again.
        ("T18", after(either(), Exempt), claimed(&[noon]), "04-04 12:00"),
    ];
    for (name, terms, facts, expected) in table {
        let expected = (!expected.is_empty()).then(|| shanghai(expected));
        assert_eq!(due(&terms, &facts), expected, "{name}");
    }
}

/// T18: the column NONE of the table for N = 7.
#[test]
fn t18b_without_a_cutoff_the_deadline_is_exact() {
    for (anchor, expected) in [
        ("03-02 00:00:00", "03-09 00:00:00"),
        ("03-02 08:59:59", "03-09 08:59:59"),
        ("03-02 09:00:00", "03-09 09:00:00"),
        ("03-02 09:00:01", "03-09 09:00:01"),
        ("03-02 23:30:00", "03-09 23:30:00"),
    ] {
        let facts = ClockFacts::new(shanghai(anchor));
        assert_eq!(due(&follow_up_days(7), &facts), Some(shanghai(expected)), "{anchor}");
    }
}

/// D05: a win exempts from the close clock and is a follow-up for the other, unless the rule says otherwise; D06: wins
/// of earlier owners do neither.
#[test]
fn d05_d06_what_a_win_does() {
    use AfterWin::{Exempt, Restart};
    let won = claimed(&[("won", "03-20 18:00")]);
    let earlier = claimed(&[("won", "02-20 18:00")]);
    let at = |text| Some(shanghai(text));
    assert_eq!(due(&close_days(60), &won), None);
    assert_eq!(due(&follow_up_days(30), &won), at("04-19 18:00"));
    assert_eq!(due(&after(follow_up_days(30), Exempt), &won), None);
    assert_eq!(due(&after(follow_up_days(30), Exempt), &earlier), at("03-31 10:00"));
    assert_eq!(due(&first(3, follow_up_days(30)), &won), at("04-19 18:00"));
    assert_eq!(due(&first(3, follow_up_days(30)), &earlier), at("03-04 10:00"));
    let both = after(both_days(Combine::Both), Restart);
    assert_eq!(due(&both, &won), at("05-19 18:00"));
    // In the very instant in which the tenure begins it counts for the new owner.
    assert_eq!(due(&close_days(60), &claimed(&[("won", "03-01 10:00")])), None);
}

/// R132: `NO_RECLAIM` never reclaims.
#[test]
fn r132_a_rule_that_never_reclaims_has_no_clock() {
    let terms = ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        ..follow_up_days(30)
    };
    assert_eq!(due(&terms, &claimed(&[])), None);
}

#[test]
fn the_clock_that_decides_gives_anchor_and_basis() {
    let of = |terms: &ReclaimTerms, facts| {
        let deadline = deadline(terms, &facts, Asia::Shanghai).unwrap();
        (deadline.anchor, deadline.basis)
    };
    let (start, noon) = (shanghai("03-01 10:00"), shanghai("03-20 12:00"));
    let facts = claimed(&[("follow-up", "03-20 12:00")]);
    assert_eq!(of(&both_days(Combine::Either), facts), (noon, Basis::FollowUp));
    assert_eq!(of(&both_days(Combine::Both), facts), (start, Basis::Close));
    assert_eq!(
        of(&first(3, both_days(Combine::Either)), claimed(&[])),
        (start, Basis::FirstContact)
    );
    let tie = ReclaimTerms {
        follow_up_days: Some(60),
        ..both_days(Combine::Either)
    };
    assert_eq!(of(&tie, claimed(&[])), (start, Basis::FollowUp));
}

/// The notice floor comes last and moves the deadline only away, never a deadline that is none.
#[test]
fn notice_that_was_given_is_kept() {
    let with = |facts: ClockFacts, floor| ClockFacts {
        notice_floor: Some(shanghai(floor)),
        ..facts
    };
    let early = deadline(&follow_up_days(15), &with(claimed(&[]), "03-22 10:00"), Asia::Shanghai).unwrap();
    assert_eq!(
        (early.anchor, early.at),
        (shanghai("03-01 10:00"), shanghai("03-22 10:00"))
    );
    let late = with(claimed(&[]), "03-22 10:00");
    assert_eq!(due(&follow_up_days(30), &late), Some(shanghai("03-31 10:00")));
    let won = with(claimed(&[("won", "03-20 18:00")]), "03-22 10:00");
    assert_eq!(due(&close_days(60), &won), None);
}

/// Rules that can be saved.
fn terms() -> impl Strategy<Value = ReclaimTerms> {
    let after_win = prop_oneof![Just(None), Just(Some(AfterWin::Exempt)), Just(Some(AfterWin::Restart))];
    let days = (1..=40_u32, 1..=40_u32, any::<bool>(), 1..=60_u32, 0..3_u8);
    (days, after_win).prop_map(|((a, b, with_first, close, clocks), after_win)| {
        let follow_up = (clocks != 1).then_some(a.max(b));
        ReclaimTerms {
            follow_up_days: follow_up,
            first_contact_days: follow_up.filter(|_| with_first).map(|_| a.min(b)),
            close_days: (clocks != 0).then_some(close),
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
    (0..1_000_000_i64).prop_map(|minutes| shanghai("03-01 10:00") + TimeDelta::minutes(minutes))
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
                Basis::FirstContact => terms.first_contact_days,
                Basis::FollowUp => terms.follow_up_days,
                Basis::Close => terms.close_days,
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
