//! X25: which follow-ups of a day count, and that it does not matter in which order they are told.

use super::*;
use crate::domain::{
    activity::{
        Activity, Kind,
        rules::{ActivityRules, RuleConfig, Standing},
    },
    configured::Configured,
    ids::{AccountId, EventId},
    object::Described,
    stage::Stage,
};
use chrono::TimeZone;
use proptest::prelude::*;

/// Minutes after the beginning of a day of the tenant, which lies in New York: no day of UTC.
fn at(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 5, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

fn times(minutes: &[i64]) -> Vec<DateTime<Utc>> {
    minutes.iter().copied().map(at).collect()
}

/// Under these rules.
fn stage(change: impl FnOnce(&mut RuleConfig)) -> Stage {
    let mut stage = Stage::new();
    let mut config = RuleConfig::default();
    change(&mut config);
    let row = Configured::new(ActivityRules::ROW, config, DateTime::UNIX_EPOCH);
    stage.shop.org.activity_rules = ActivityRules::compile(Some(row), Vec::new());
    stage.shop.org.tenant.settings.time_zone = chrono_tz::America::New_York;
    stage
}

fn paced(spacing: i64, per_day: u32) -> Stage {
    stage(|config| {
        config.min_follow_up_spacing = u32::try_from(spacing * 60).unwrap();
        config.max_follow_ups_per_day = per_day;
    })
}

fn told(summary: &str, minute: i64) -> Activity {
    Activity {
        event_id: EventId::parse("e").unwrap(),
        account: AccountId(uuid::Uuid::nil()),
        kind: Kind::parse("sales_record.created").unwrap(),
        object_id: None,
        occur_time: at(minute),
        actor: None,
        summary: summary.into(),
        contract_end: None,
        described: Described::default(),
        payload_hash: [0; 32],
    }
}

/// Minutes apart, how many at most, the minutes at which there were follow-ups, and those of them that count.
type Case = (i64, Option<usize>, &'static [i64], &'static [i64]);

#[test]
fn those_count_that_lie_far_enough_apart_until_there_are_enough() {
    const TABLE: &[Case] = &[
        (0, None, &[], &[]),
        (30, None, &[0, 10, 20, 29], &[0]),
        (30, None, &[0, 30, 60], &[0, 30, 60]),
        // From the last one that counts, not from the last one.
        (30, None, &[0, 20, 40, 60, 70], &[0, 40, 70]),
        (0, Some(2), &[0, 1, 2], &[0, 1]),
        (0, Some(2), &[5, 5, 5], &[5, 5]),
        (30, None, &[5, 5, 35], &[5, 35]),
        (30, Some(2), &[0, 10, 40, 50, 90], &[0, 40]),
        (24 * 60, Some(1_000), &[0, 1_439], &[0]),
    ];
    for (spacing, per_day, of_day, expected) in TABLE {
        let pace = Pace {
            spacing: TimeDelta::minutes(*spacing),
            per_day: *per_day,
        };
        assert_eq!(pace.counted(&times(of_day)), times(expected), "{pace:?} {of_day:?}");
    }
}

/// Where the last one was, what is told now with what was told before of its day, and the last one then.
#[test]
fn the_last_one_is_the_latest_that_counts_of_its_day() {
    const DAY: i64 = 24 * 60;
    let table: [(Option<i64>, &[i64], Option<i64>); 10] = [
        (None, &[], None),
        (Some(7), &[], Some(7)),
        (None, &[10], Some(10)),
        (Some(10), &[10, 20], Some(10)),
        (Some(10), &[10, 70], Some(70)),
        // Something came before it: it goes back.
        (Some(70), &[20, 70], Some(20)),
        // Another day is not spaced from this one, and one that is over says nothing.
        (Some(DAY - 10), &[DAY - 10, DAY + 5], Some(DAY + 5)),
        (Some(DAY + 5), &[DAY - 10], Some(DAY + 5)),
        // What is not among those of the day was counted by other rules, and stays.
        (Some(70), &[20], Some(70)),
        (Some(20), &[10, 90], Some(90)),
    ];
    let stage = paced(60, 0);
    for (present, all, expected) in table {
        let follow_ups = FollowUps::new(&stage.shop.org, times(all));
        let last = follow_ups.last(present.map(at), |_| true);
        assert_eq!(last, expected.map(at), "{present:?} {all:?}");
        assert_eq!(follow_ups.are_judged(), !all.is_empty());
    }
    // Where nothing is asked it is the maximum.
    let usual = stage_of_usual();
    let follow_ups = FollowUps::new(&usual.shop.org, times(&[20, 10]));
    assert!(!follow_ups.are_judged());
    assert_eq!(follow_ups.last(Some(at(15)), |_| true), Some(at(20)));
    assert_eq!(follow_ups.last(Some(at(15)), |time| time < at(20)), Some(at(15)));
    assert_eq!(follow_ups.first(at(11)), Some(at(20)));
}

fn stage_of_usual() -> Stage {
    stage(|_| {})
}

/// R174: what says too little is no follow-up, also not for rules with kinds of their own; deals need no text.
#[test]
fn what_says_too_little_is_no_follow_up() {
    let stage = stage(|config| config.min_summary_length = 4);
    for (summary, counts) in [
        ("", false),
        ("abc", false),
        ("\u{e9}\u{e9}\u{e9}", false),
        ("\u{e9}\u{e9}\u{e9}\u{e9}", true),
    ] {
        let activity = told(summary, 0);
        let heard = Heard::new(&stage.shop.org, &activity, Standing::Owner);
        assert_eq!(
            (heard.meaning.follow_up, heard.tracked),
            (counts, counts),
            "{summary:?}"
        );
        let won = Activity {
            kind: Kind::parse("opportunity.won").unwrap(),
            ..activity
        };
        let heard = Heard::new(&stage.shop.org, &won, Standing::Owner);
        assert!(heard.meaning.closes() && heard.tracked, "{summary:?}");
    }
}

/// Of nothing where nothing is asked, of no account that is out of use, and of no day that is over.
#[test]
fn only_days_that_matter_are_asked_for() {
    let (early, late) = (told("", 10), told("", 24 * 60 + 10));
    let days = |stage: &Stage, account: &Account, activities: &[&Activity]| {
        let heard = activities
            .iter()
            .map(|activity| Heard::new(&stage.shop.org, activity, Standing::Owner));
        asked(&stage.shop.org, account, &heard.collect::<Vec<_>>())
    };
    let stage = paced(0, 1);
    let day = |start: i64| at(start)..at(start + 24 * 60);
    let mut account = stage.owned();
    account.last_follow_up_time = None;
    assert!(days(&stage, &account, &[]).is_empty());
    assert_eq!(days(&stage, &account, &[&early]), [day(0)]);
    assert_eq!(days(&stage, &account, &[&late, &early]), [day(24 * 60)]);
    account.last_follow_up_time = Some(at(24 * 60 - 1));
    assert_eq!(days(&stage, &account, &[&early]), [day(0)]);
    account.last_follow_up_time = Some(at(24 * 60));
    assert!(days(&stage, &account, &[&early]).is_empty());
    assert!(days(&stage_of_usual(), &account, &[&late]).is_empty());
    account.status = crate::domain::account::Status::Canceled;
    assert!(days(&stage, &account, &[&late]).is_empty());
}

proptest! {
    /// P4: told in any order and in any batches, the last one is that of all of them told at once.
    #[test]
    fn order_and_batches_do_not_matter(
        minutes in prop::collection::vec((0..4 * 24 * 60_i64).prop_map(|minute| minute / 20 * 20), 1..30),
        sizes in prop::collection::vec(1..5_usize, 30),
        spacing in prop::sample::select(vec![0, 15, 60, 300, 24 * 60]),
        per_day in 0..4_u32,
    ) {
        let stage = paced(spacing, per_day);
        let (mut account, mut stored, mut rest) = (stage.owned(), Vec::new(), minutes.as_slice());
        account.last_follow_up_time = None;
        for size in sizes {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            let activities: Vec<_> = batch.iter().map(|minute| told("", *minute)).collect();
            let heard = activities.iter().map(|activity| Heard::new(&stage.shop.org, activity, Standing::Owner));
            let heard: Vec<_> = heard.collect();
            let asked = asked(&stage.shop.org, &account, &heard);
            let before = stored.iter().copied().filter(|time| asked.iter().any(|day| day.contains(time)));
            let before: Vec<_> = before.collect();
            let follow_ups = FollowUps::heard(&stage.shop.org, &heard, &before);
            account.last_follow_up_time = follow_ups.last(account.last_follow_up_time, |_| true);
            stored.extend(activities.iter().map(|activity| activity.occur_time));
        }
        // The last day on which there was any, the first ones first.
        let last = minutes.iter().max().unwrap() / (24 * 60);
        let mut of_day: Vec<_> = minutes.iter().copied().filter(|minute| minute / (24 * 60) == last).collect();
        of_day.sort_unstable();
        let (mut number, mut expected) = (0, None);
        for minute in of_day {
            let near = expected.is_some_and(|last| minute - last < spacing);
            if !near && (per_day == 0 || number < per_day) {
                (number, expected) = (number + 1, Some(minute));
            }
        }
        prop_assert_eq!(account.last_follow_up_time, expected.map(at));
    }
}
