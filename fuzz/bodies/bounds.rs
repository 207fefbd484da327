//! What an accepted request may be, as the protocol documents it and not as the code says it: numbers are written out.

use chrono::{DateTime, Datelike, Utc};
use std::{collections::BTreeSet, fmt::Debug};
use tidepool::{
    app::{
        account_list::ListAccounts,
        circulate::Bulk,
        create::CreateAccounts,
        merge::MergeAccounts,
        webhook::{ReplayDeadLetters, RotateSecret},
    },
    domain::{
        account_list::Filter,
        activity,
        circulation::Move,
        event_stream,
        exception::{Wish, absence},
        job::Work,
        profile,
        refusal::Violations,
        retention::config::UserAbsence,
    },
    rpc::convert,
};

/// Whether the domain takes it; what it refuses is named, and by no more than an answer can ever hold.
pub(super) fn accepts(violations: Violations) -> bool {
    let violations = violations.into_vec();
    assert!(violations.len() <= Violations::MAX);
    assert!(
        violations
            .iter()
            .all(|wrong| !wrong.field.is_empty() && !wrong.description.is_empty())
    );
    violations.is_empty()
}

pub(super) fn text(text: &str, characters: std::ops::RangeInclusive<usize>) {
    assert!(characters.contains(&text.chars().count()), "{text:?}");
    assert!(!text.chars().any(char::is_control) && text.trim() == text, "{text:?}");
}

pub(super) fn within(number: Option<u32>, range: std::ops::RangeInclusive<u32>) {
    assert!(number.is_none_or(|number| range.contains(&number)), "{number:?}");
}

pub(super) fn distinct<T: Ord + Debug>(all: &[T], most: usize) {
    assert!(all.len() <= most, "{} of at most {most}", all.len());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
}

pub(super) fn time(time: DateTime<Utc>) {
    assert!(
        (1..=9999).contains(&time.year()) && time.timestamp_subsec_nanos().is_multiple_of(1000),
        "{time}"
    );
}

pub(super) fn page(size: usize) {
    assert!((1..=500).contains(&size));
}

pub(super) fn mask(paths: &[String]) {
    assert!((1..=100).contains(&paths.len()));
}

pub(super) fn rotation(rotate: RotateSecret) {
    assert!((0..=168).contains(&rotate.keep.num_hours()), "{}", rotate.keep);
}

pub(super) fn dead_letters(replay: ReplayDeadLetters) {
    distinct(&replay.positions, 500);
    assert!(replay.positions.iter().all(|position| *position > 0));
}

pub(super) fn accounts(made: CreateAccounts) {
    assert!((1..=500).contains(&made.accounts.len()));
    for new in made.accounts {
        let (profile, tags) = (&new.profile, &new.extras.tags);
        let mut violations = Violations::default();
        profile::validate(&mut violations, profile, tags);
        if !accepts(violations) {
            continue;
        }
        text(&profile.name, 1..=200);
        for label in [
            &profile.grade,
            &profile.industry,
            &profile.source,
            &profile.region,
            &profile.phone,
        ] {
            text(label, 0..=64);
        }
        text(&profile.email, 0..=255);
        assert!(profile.remark.chars().count() <= 10_000 && profile.address.chars().count() <= 1000);
        distinct(tags, 50);
        if let Some(at) = profile.location {
            assert!(at.latitude.abs() <= 90.0 && at.longitude.abs() <= 180.0);
        }
    }
}

pub(super) fn merge(wanted: MergeAccounts) {
    distinct(&wanted.merge.losers, 20);
    assert!(!wanted.merge.losers.is_empty() && !wanted.merge.losers.contains(&wanted.merge.survivor));
}

pub(super) fn account_list(list: ListAccounts) {
    assert!((1..=100).contains(&list.size));
    filter(&list.listing.filter);
}

fn filter(filter: &Filter) {
    distinct(&filter.owners, 100);
    distinct(&filter.pools, 100);
    for values in [
        &filter.grades,
        &filter.regions,
        &filter.industries,
        &filter.sources,
        &filter.tags,
    ] {
        distinct(values, 100);
        for value in values {
            text(value, 0..=64);
        }
    }
    assert!(!filter.name_prefix.chars().any(char::is_control));
    for span in [filter.reclaim_time, filter.create_time] {
        span.from.into_iter().chain(span.before).for_each(time);
    }
}

pub(super) fn activity(told: &activity::Activity) {
    assert!((1970..=9999).contains(&told.occur_time.year()));
    time(told.occur_time);
    text(&told.summary, 0..=1000);
    assert!(told.kind.as_str().len() <= 64);
    assert!(told.contract_end.is_none() || told.kind.object() == "contract" && told.object_id.is_some());
    let described = &told.described;
    distinct(&described.visible_to, 100);
    assert!(described.visible_to.is_sorted());
    if let Some(money) = described.amount {
        assert!(money.amount >= 0);
        let mut violations = Violations::default();
        let again = convert::activity::read_money(&mut violations, "amount", &convert::activity::encode_money(&money));
        assert_eq!(again, Some(money));
    }
}

pub(super) fn events(filter: &event_stream::Filter) {
    assert!(filter.kinds.len() <= 50);
    distinct(&filter.pools, 100);
    distinct(&filter.owners, 100);
}

pub(super) fn moves(bulk: Bulk) {
    assert!((1..=500).contains(&bulk.items.len()));
    distinct(&bulk.items.iter().map(|item| item.account).collect::<Vec<_>>(), 500);
    for item in bulk.items {
        assert!(item.follow.len() <= 7);
        if let Move::Return { note, .. } = item.wanted {
            text(&note, 0..=1000);
        }
    }
}

pub(super) fn work(work: &Work) {
    let (Work::AssignMatching { selection, .. } | Work::TransferMatching { selection, .. }) = work else {
        panic!("not what was asked: {work:?}");
    };
    distinct(&selection.accounts, 1000);
    filter(&selection.filter);
    assert!(selection.accounts.is_empty() || selection.filter == Filter::default());
    if let Work::AssignMatching { assignees, .. } = work {
        distinct(assignees, 50);
        assert!(!assignees.is_empty());
    }
}

pub(super) fn absence(leave: &UserAbsence) {
    if accepts(absence::check(leave)) {
        let (from, until) = (leave.absence.from, leave.absence.until);
        [from, until].into_iter().for_each(time);
        assert!(from < until && (until - from).num_days() <= 366);
        text(&leave.reason, 0..=1000);
    }
}

pub(super) fn exception(wish: &Wish) {
    match wish {
        Wish::Extend { days, reason } => {
            within(Some(*days), 1..=9999);
            text(reason, 1..=1000);
        }
        Wish::Lock { until, note } => {
            until.iter().copied().for_each(time);
            text(note, 0..=1000);
        }
        Wish::SetEmbargo { until, reason } => {
            time(*until);
            text(reason, 1..=1000);
        }
        other => panic!("not what was asked: {other:?}"),
    }
}
