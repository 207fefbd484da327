//! Something that happened before an automatic reclaim becomes known after it. The reclaim stands, since somebody may
//! count on it, but those who can undo it are told.

use super::undo::restored;
use crate::domain::{
    account::{Account, Reclaimed, Status},
    activity::{Activity, Heard, Reversal, pace::FollowUps, rules::Deal},
    circulation::Scene,
    ids::UserId,
    object::Mark,
    organisation::Organisation,
    retention::look,
};

/// What the last owner lost to a rule, if nobody has owned the account since.
fn lost(account: &Account) -> Option<(&Reclaimed, &UserId)> {
    let reclaimed = account.memory.reclaimed.as_ref();
    let waits = account.status == Status::Unassigned;
    reclaimed.zip(account.last_owner.as_ref()).filter(|_| waits)
}

/// The tenure of which something may become known that disputes its end.
#[must_use]
pub fn lost_tenure(account: &Account) -> Option<&Reclaimed> {
    lost(account).map(|(reclaimed, _)| reclaimed)
}

/// Whether it happened while that owner had it.
fn in_his_time(reclaimed: &Reclaimed, activity: &Activity) -> bool {
    reclaimed.lasted().contains(&activity.occur_time)
}

/// Whether the owner who lost the account did this while he had it: a deal that he closed counts although he owns the
/// account no more.
#[must_use]
pub fn by_last_owner(account: &Account, activity: &Activity) -> bool {
    lost(account)
        .is_some_and(|(reclaimed, owner)| activity.actor.as_ref() == Some(owner) && in_his_time(reclaimed, activity))
}

/// Whether it matters to a dispute if the deal that this closes was taken back later.
#[must_use]
pub fn asks_of_reversals(account: &Account, heard: &Heard<'_>) -> bool {
    heard.meaning.closes() && lost(account).is_some_and(|(reclaimed, _)| in_his_time(reclaimed, heard.activity))
}

/// Whether the deal that the activity closed was taken back again before the reclaim: then it did not stand when the account
/// was taken, and nothing would have been different. A later closing of the same deal speaks for itself.
fn taken_back(reclaimed: &Reclaimed, closing: &Activity, mut reversals: impl Iterator<Item = Reversal>) -> bool {
    let (object, closed) = (closing.object(), Mark::of(closing));
    reversals.any(|(key, mark)| Some(key) == object && mark > closed && mark.time < reclaimed.time)
}

/// Notes in `after` what activities tell of the time before the account's last reclaim; `follow_ups` are those among them,
/// `reversals` is what was told before of deals that they close. Answers whether the account is disputed since now: he would
/// not have lost it, had they been known.
pub fn note(
    scene: &Scene<'_>,
    after: &mut Account,
    activities: &[Heard<'_>],
    follow_ups: &FollowUps,
    reversals: &[Reversal],
) -> bool {
    let now = after.update_time;
    let Some((reclaimed, owner)) = lost(after) else {
        return false;
    };
    let (reclaimed, owner) = (reclaimed.clone(), owner.clone());
    let mut known = reclaimed.clone();
    let mut kinds = after.memory.kind_times.clone();
    kinds.retain(|_, time| *time < known.time);
    let lasted = reclaimed.lasted();
    known.last_follow_up_time = follow_ups.last(known.last_follow_up_time, |time| lasted.contains(&time));
    let mut news = false;
    for heard in activities
        .iter()
        .filter(|heard| in_his_time(&reclaimed, heard.activity))
    {
        let (time, meaning) = (heard.activity.occur_time, heard.meaning);
        let now_told = activities.iter().filter_map(reversal);
        let all_reversals = reversals.iter().cloned().chain(now_told);
        let closes = meaning.closes() && !taken_back(&reclaimed, heard.activity, all_reversals);
        if closes {
            known.last_won_time = known.last_won_time.max(Some(time));
        }
        if heard.tracked {
            let last = kinds.entry(heard.activity.kind.to_string()).or_insert(time);
            *last = (*last).max(time);
        }
        news |= heard.tracked || closes;
    }
    let disputed = news && saves(scene.org, after, &known, &owner, kinds);
    after.memory.reclaimed = Some(known);
    if !disputed || after.disputed_time.is_some() {
        return false;
    }
    after.disputed_time = Some(now);
    true
}

/// The reversal that an activity is, where it counts.
fn reversal(heard: &Heard<'_>) -> Option<Reversal> {
    let reverses = heard.meaning.deal == Some(Deal::Reversed);
    Some((heard.activity.object().filter(|_| reverses)?, Mark::of(heard.activity)))
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
