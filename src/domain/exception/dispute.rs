//! Something that happened before an automatic reclaim becomes known after it. The reclaim stands, since somebody may
//! count on it, but those who can undo it are told.

use super::undo::restored;
use crate::domain::{
    account::{Account, Reclaimed, Status},
    activity::{Activity, Meaning},
    circulation::Scene,
    ids::UserId,
    organisation::Organisation,
    retention::look,
};

/// What the last owner lost to a rule, if nobody has owned the account since.
fn lost(account: &Account) -> Option<(&Reclaimed, &UserId)> {
    let reclaimed = account.memory.reclaimed.as_ref();
    let waits = account.status == Status::Unassigned;
    reclaimed.zip(account.last_owner.as_ref()).filter(|_| waits)
}

/// Whether it happened while that owner had it.
fn in_his_time(reclaimed: &Reclaimed, activity: &Activity) -> bool {
    (reclaimed.owner_since..reclaimed.time).contains(&activity.occur_time)
}

/// Whether the owner who lost the account did this while he had it: a deal that he closed counts although he owns the
/// account no more.
#[must_use]
pub fn by_last_owner(account: &Account, activity: &Activity) -> bool {
    lost(account)
        .is_some_and(|(reclaimed, owner)| activity.actor.as_ref() == Some(owner) && in_his_time(reclaimed, activity))
}

/// Notes in `after` what activities tell of the time before the account's last reclaim. Answers whether the account is
/// disputed since now: he would not have lost it, had they been known. `deals` says whether deals count.
pub fn note(scene: &Scene<'_>, after: &mut Account, activities: &[&Activity], deals: bool) -> bool {
    let now = after.update_time;
    let Some((reclaimed, owner)) = lost(after) else {
        return false;
    };
    let (reclaimed, owner) = (reclaimed.clone(), owner.clone());
    let mut known = reclaimed.clone();
    let mut kinds = after.memory.kind_times.clone();
    kinds.retain(|_, time| *time < known.time);
    let mut news = false;
    for activity in activities.iter().filter(|activity| in_his_time(&reclaimed, activity)) {
        let (time, meaning) = (activity.occur_time, activity.kind.meaning());
        match meaning {
            Meaning::FollowUp => known.last_follow_up_time = known.last_follow_up_time.max(Some(time)),
            Meaning::Close if deals => known.last_won_time = known.last_won_time.max(Some(time)),
            _ => {}
        }
        let tracked = scene.org.retention.tracks(&activity.kind);
        if tracked {
            let last = kinds.entry(activity.kind.to_string()).or_insert(time);
            *last = (*last).max(time);
        }
        news |= tracked || meaning == Meaning::Close && deals;
    }
    let disputed = news && saves(scene.org, after, &known, &owner, kinds);
    after.memory.reclaimed = Some(known);
    if !disputed || after.disputed_time.is_some() {
        return false;
    }
    after.disputed_time = Some(now);
    true
}

/// Whether the owner would still have had it at the time of the reclaim.
fn saves(
    org: &Organisation,
    account: &Account,
    known: &Reclaimed,
    owner: &UserId,
    kinds: std::collections::BTreeMap<String, chrono::DateTime<chrono::Utc>>,
) -> bool {
    let mut then = restored(account, known, owner);
    then.clock.notice_floor = known.notice_floor;
    then.last_follow_up_time = known.last_follow_up_time;
    then.last_won_time = known.last_won_time;
    then.memory.kind_times = kinds;
    let deadline = look::look(org, &then, known.time).and_then(|look| look.workings.deadline);
    deadline.is_none_or(|deadline| deadline.at > known.time)
}

#[cfg(test)]
mod tests;
