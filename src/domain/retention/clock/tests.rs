//! The retention clock against the worked examples.

use super::*;
use crate::domain::retention::terms::RuleDays;
use chrono::FixedOffset;
use chrono_tz::{Asia, Tz};

/// Calendar days without a cutoff, and nothing that holds anything.
pub(super) fn deadline(terms: &ReclaimTerms, facts: &ClockFacts, tz: Tz) -> Option<Deadline> {
    workings(terms, "", facts, &Counting::continuous(tz), &Holds::NONE).deadline
}

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
        days: RuleDays {
            follow_up: Some(days),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    }
}

fn close_days(days: u32) -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            close: Some(days),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    }
}

fn both_days(combine: Combine) -> ReclaimTerms {
    ReclaimTerms {
        days: RuleDays {
            close: Some(60),
            ..follow_up_days(15).days
        },
        combine: Some(combine),
        ..ReclaimTerms::default()
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
        days: RuleDays {
            first_contact: Some(days),
            ..terms.days
        },
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
    let mut tie = both_days(Combine::Either);
    tie.days.follow_up = Some(60);
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

/// X05: nobody holds an account for longer than the cap, whatever else would be later, or never.
#[test]
fn the_cap_comes_first() {
    let capped = |terms: ReclaimTerms, days| ReclaimTerms {
        max_hold_days: Some(days),
        ..terms
    };
    let followed_up = || claimed(&[("follow-up", "03-20 12:00")]);
    for (terms, facts, expected, basis) in [
        (follow_up_days(30), followed_up(), "03-31 10:00", Basis::MaxHold),
        (follow_up_days(5), followed_up(), "03-25 12:00", Basis::FollowUp),
        // At the same instant it is the rule itself.
        (follow_up_days(30), claimed(&[]), "03-31 10:00", Basis::FollowUp),
        // A win stops the clock for good, not the cap.
        (
            close_days(60),
            claimed(&[("won", "03-20 18:00")]),
            "03-31 10:00",
            Basis::MaxHold,
        ),
    ] {
        let found = deadline(&capped(terms, 30), &facts, Asia::Shanghai).unwrap();
        assert_eq!((found.at, found.basis), (shanghai(expected), basis));
    }
}

/// A follow-up at the instant at which the owner got the account is not what the days begin with: that is the ownership.
#[test]
fn of_two_at_once_the_first_is_the_cause() {
    let facts = claimed(&[("follow-up", "03-01 10:00")]);
    let found = deadline(&follow_up_days(30), &facts, Asia::Shanghai).unwrap();
    assert_eq!(found.cause, AnchorCause::OwnerSince);
    let later = claimed(&[("follow-up", "03-01 10:01")]);
    let found = deadline(&follow_up_days(30), &later, Asia::Shanghai).unwrap();
    assert_eq!(found.cause, AnchorCause::FollowUp);
}
