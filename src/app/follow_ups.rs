//! Reads what was told of the days of which follow-ups are judged together.
//!
//! Statement budget: nothing where the tenant's rules do not judge them; else 1 read per 128 days of accounts.

use crate::{
    domain::{
        activity::{
            Heard,
            pace::{self, Day},
            rules::Standing,
        },
        circulation::{Scene, Subject},
        ids::AccountId,
        merge::last_follow_up,
        organisation::Organisation,
    },
    store::{
        Abort, Tx,
        activity_day::{self as rows, Told},
    },
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// When follow-ups of accounts happened.
pub(super) type Times = HashMap<AccountId, Vec<DateTime<Utc>>>;

/// Those that were told before, of the days of which new activities tell.
pub(super) async fn before(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    activities: &BTreeMap<AccountId, Vec<Heard<'_>>>,
) -> Result<Times, Abort> {
    let days = activities.iter().filter_map(|(id, heard)| {
        let account = &subjects.get(id)?.account;
        Some(pace::asked(scene.org, account, heard).into_iter().map(|day| (*id, day)))
    });
    let days: Vec<_> = days.flatten().collect();
    of_days(tx, scene.org, subjects, &days).await
}

/// Those of accounts that become one, of the day of the last one.
pub(super) async fn of_last_day(
    tx: &Tx,
    org: &Organisation,
    subjects: &HashMap<AccountId, Subject>,
) -> Result<Vec<DateTime<Utc>>, Abort> {
    let last = last_follow_up(subjects.values().map(|subject| &subject.account));
    let Some(last) = last.filter(|_| org.activity_rules.pace().is_some()) else {
        return Ok(Vec::new());
    };
    let day = pace::day(org, last);
    let days: Vec<_> = subjects.keys().map(|id| (*id, day.clone())).collect();
    let times = of_days(tx, org, subjects, &days).await?;
    Ok(times.into_values().flatten().collect())
}

async fn of_days(
    tx: &Tx,
    org: &Organisation,
    subjects: &HashMap<AccountId, Subject>,
    days: &[(AccountId, Day)],
) -> Result<Times, Abort> {
    let mut times = Times::new();
    if days.is_empty() {
        return Ok(times);
    }
    let rules = &org.activity_rules;
    let kinds = rules.all_now().filter(|kind| kind.meaning.follow_up);
    let kinds: Vec<_> = kinds.map(|kind| kind.traits.name).collect();
    for told in rows::told(tx, org.key, days, &kinds).await? {
        let Told { account, actor, .. } = &told;
        let Some(subject) = subjects.get(account) else {
            continue;
        };
        // What was not looked up when it was told is judged by how the account is now.
        let now = || Standing::of(&subject.account, actor.as_ref(), |_| false);
        let standing = told.standing.unwrap_or_else(now);
        if rules.counted(&told.kind, standing).follow_up && rules.says_enough(&told.summary) {
            times.entry(*account).or_default().push(told.time);
        }
    }
    Ok(times)
}
