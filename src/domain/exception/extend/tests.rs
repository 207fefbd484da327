//! D50: how many days, and what of deadlines.

use super::*;
use crate::domain::{
    exception::{Wish, tests::decided},
    retention::{
        calendar::{Cutoff, DayCounting, NINE},
        terms::{ReclaimAction, ReclaimTerms, RuleDays},
    },
    stage::{Stage, change, day, fact, follow_up, lock, said},
};
use chrono::TimeDelta;

fn extended(stage: &Stage, account: &Account, days: u32) -> Result<Decision, Error> {
    let wish = Wish::Extend {
        days,
        reason: "holidays".into(),
    };
    decided(stage, "sue", account, &wish)
}

/// The tenant allows 30 days in a tenure, of which some may be given already.
#[test]
fn a_tenure_has_so_many_extra_days() {
    let stage = Stage::new();
    for (used, days, wanted) in [
        (0, 1, "OK"),
        (0, 30, "OK"),
        (0, 31, "EXTENSION_LIMIT_REACHED"),
        (29, 1, "OK"),
        (29, 2, "EXTENSION_LIMIT_REACHED"),
        (30, 1, "EXTENSION_LIMIT_REACHED"),
        (u32::MAX, 1, "EXTENSION_LIMIT_REACHED"),
    ] {
        let mut account = stage.owned();
        account.clock.tenure.extended_days = used;
        let decided = extended(&stage, &account, days);
        assert_eq!(said(&decided), wanted, "{used} and {days}");
        if wanted == "OK" {
            assert_eq!(change(decided).after.clock.tenure.extended_days, used + days);
        } else {
            assert_eq!(
                (fact(&decided, "limit"), fact(&decided, "used")),
                ("30".into(), used.to_string())
            );
        }
    }
}

/// The deadline goes as many days further as were given, each time; what the owner does counts where it reaches further.
#[test]
fn the_deadline_goes_further() {
    let stage = Stage::new();
    let once = change(extended(&stage, &stage.owned(), 7));
    assert_eq!(once.after.clock.reclaim_time, Some(day(37)));
    assert_eq!(once.event.kind, EventKind::RetentionExtended);
    let told = &once.event.effects;
    assert_eq!(
        (told.days, told.until, told.note.as_str()),
        (Some(7), Some(day(37).timestamp_micros()), "holidays")
    );
    let twice = change(extended(&stage, &once.after, 3)).after;
    assert_eq!(twice.clock.reclaim_time, Some(day(40)));
    assert_eq!(
        (twice.clock.tenure.extended_days, twice.clock.tenure.extended_to),
        (10, Some(day(40)))
    );
    // A follow-up that reaches less far, and one that reaches further and is put off from there.
    for (at, then, further) in [(5, 40, 41), (12, 42, 43)] {
        let account = stage.planned(Account {
            last_follow_up_time: Some(day(at)),
            ..twice.clone()
        });
        assert_eq!(account.clock.reclaim_time, Some(day(then)), "follow-up on day {at}");
        let again = change(extended(&stage, &account, 1)).after;
        assert_eq!(again.clock.reclaim_time, Some(day(further)), "follow-up on day {at}");
    }
    // From an overdue deadline on, not from now on: it is given all the same.
    let late = Stage::new().at(day(33));
    let after = change(extended(&late, &late.owned(), 10)).after;
    assert_eq!(after.clock.reclaim_time, Some(day(40)));
}

/// Days are counted as the rule counts them: day 0 is a Sunday, day 30 a Tuesday.
#[test]
fn extra_days_count_as_the_rule_counts() {
    let terms = |counting, cutoff| ReclaimTerms {
        day_counting: counting,
        cutoff: Some(cutoff),
        ..follow_up(10)
    };
    for (counting, cutoff, before, after) in [
        (DayCounting::Calendar, Cutoff::None, day(10), day(15)),
        // Ten working days from Sunday morning are over on Friday the 13th, five more on the 20th.
        (DayCounting::Business, Cutoff::None, day(12), day(19)),
        (
            DayCounting::Calendar,
            Cutoff::At(NINE),
            day(11) - TimeDelta::hours(1),
            day(16) - TimeDelta::hours(1),
        ),
    ] {
        let stage = Stage::new().ruled(&terms(counting, cutoff)).at(day(1));
        let account = stage.owned();
        assert_eq!(account.clock.reclaim_time, Some(before), "{counting:?} {cutoff:?}");
        let account = change(extended(&stage, &account, 5)).after;
        assert_eq!(account.clock.reclaim_time, Some(after), "{counting:?} {cutoff:?}");
    }
}

/// Where nothing can be put off nothing is given.
#[test]
fn without_a_deadline_there_is_nothing_to_extend() {
    let no = "NO_RETENTION_CLOCK";
    let never = ReclaimTerms {
        action: ReclaimAction::NoReclaim,
        ..ReclaimTerms::default()
    };
    let stage = Stage::new().ruled(&never);
    assert_eq!(said(&extended(&stage, &stage.owned(), 5)), no);
    // Won, and so never.
    let close = ReclaimTerms {
        days: RuleDays {
            close: Some(60),
            ..RuleDays::default()
        },
        ..ReclaimTerms::default()
    };
    let stage = Stage::new().ruled(&close);
    let won = Account {
        last_won_time: Some(day(3)),
        ..stage.owned()
    };
    assert_eq!(said(&extended(&stage, &stage.planned(won), 5)), no);
    // Locked until somebody unlocks it.
    let stage = Stage::new();
    let mut locked = stage.owned();
    locked.lock = Some(lock(day(1), None));
    assert_eq!(said(&extended(&stage, &stage.planned(locked), 5)), no);
    // Reclaimed at once.
    let at_once = ReclaimTerms {
        reclaim_kinds: vec!["customer.opted_out".into()],
        ..follow_up(30)
    };
    let stage = Stage::new().ruled(&at_once);
    let mut account = stage.owned();
    account.memory.kind_times.insert("customer.opted_out".into(), day(9));
    let account = stage.planned(account);
    assert_eq!(account.clock.reclaim_time, Some(day(9)));
    assert_eq!(said(&extended(&stage, &account, 5)), no);
    // What is too much and cannot be is said of both.
    assert_eq!(
        said(&extended(&stage, &account, 50)),
        format!("EXTENSION_LIMIT_REACHED {no}")
    );
    // Of an account that nobody owns it goes without saying.
    let waiting = Account {
        status: Status::Unassigned,
        ..Stage::new().owned()
    };
    let wish = Wish::Extend {
        days: 5,
        reason: String::new(),
    };
    assert_eq!(said(&decided(&stage, "adm", &waiting, &wish)), "INVALID_STATUS");
}

/// Rules may have changed since the deadline was stored: what is put off is the deadline that the owner has by now, with
/// his day.
#[test]
fn a_deadline_of_older_rules_is_computed_first() {
    let account = Stage::new().owned();
    for (days, deadline) in [(5, day(11) + TimeDelta::days(7)), (40, day(47))] {
        let stage = Stage::new().ruled(&follow_up(days));
        let after = change(extended(&stage, &account, 7)).after;
        assert_eq!(after.clock.reclaim_time, Some(deadline), "{days} days by now");
    }
}
