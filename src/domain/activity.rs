//! What happened to an account outside Tidepool, and what that means for it.
//!
//! Facts merge: the last follow-up is a maximum, or what the follow-ups of its day come to together, see [`pace`]; deals
//! are a set of objects of which each has the state of its latest event. So events may come twice, late and in any order,
//! and end in the same state.

pub mod kinds;
pub mod pace;
pub mod parking;
pub mod recount;
pub mod rules;

use super::{
    account::{Account, Status},
    change::{Change, Effects, Event, EventKind, LastReclaim},
    circulation::{Scene, successor},
    exception::dispute,
    ids::{AccountId, EventId, ObjectId, UserId},
    object::{Deals, Described, Mark, ObjectKey},
    organisation::Organisation,
    retention_plan,
    sweep::notice,
};
use chrono::{DateTime, TimeDelta, Utc};
use pace::FollowUps;
use rules::{Meaning, Standing};
use std::fmt;

/// How far ahead of our clock an event's time may be: clocks differ, but a typed future date would protect for ever.
pub const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);
/// What is told longer than this after it happened is marked as late. It counts all the same: nothing old moves a date
/// that is newer.
pub const LATE_AFTER: TimeDelta = TimeDelta::days(30);

/// What kind of activity: `object.action` in lower case, for example `sales_order.created`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    text: String,
    dot: usize,
}

impl Kind {
    /// The longest kind in bytes.
    pub const MAX: usize = 64;

    /// Reads `object.action`.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        match text.split_once('.') {
            Some((object, action)) if word(object) && word(action) && text.len() <= Self::MAX => Ok(Self {
                text: text.to_owned(),
                dot: object.len(),
            }),
            _ => Err(KindError),
        }
    }

    /// The kind of a user's edit of an account.
    #[must_use]
    pub fn account_updated() -> Self {
        Self {
            text: kinds::ACCOUNT_UPDATED.to_owned(),
            dot: kinds::ACCOUNT_UPDATED.find('.').unwrap_or_default(),
        }
    }

    /// The object's type.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.text[..self.dot]
    }

    /// What was done with it.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.text[self.dot + 1..]
    }

    /// The whole kind.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a text is no kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be object.action in lower case letters, digits and underscores, at most 64 characters")]
pub struct KindError;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An activity as its source tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Unique per source.
    pub event_id: EventId,
    /// Which account.
    pub account: AccountId,
    /// What kind.
    pub kind: Kind,
    /// Which object it is about.
    pub object_id: Option<ObjectId>,
    /// When it happened.
    pub occur_time: DateTime<Utc>,
    /// Who did it; nobody for what a system did.
    pub actor: Option<UserId>,
    /// In words.
    pub summary: String,
    /// When the contract ends that it is about.
    pub contract_end: Option<DateTime<Utc>>,
    /// How it leaves the object.
    pub described: Described,
    /// Digest of all of that.
    pub payload_hash: [u8; 32],
}

impl Activity {
    /// The object that it is about.
    #[must_use]
    pub fn object(&self) -> Option<ObjectKey> {
        Some(ObjectKey {
            object_type: self.kind.object().to_owned(),
            object_id: self.object_id.clone()?,
        })
    }

    /// Whether it was told, at `record_time`, long after it happened.
    #[must_use]
    pub fn is_late(&self, record_time: DateTime<Utc>) -> bool {
        record_time - self.occur_time > LATE_AFTER
    }
}

/// An activity, and what it means by who did it.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The activity.
    pub activity: &'a Activity,
    /// What its actor is to the account.
    pub standing: Standing,
    /// What counts of it.
    pub meaning: Meaning,
    /// Whether clocks look at when something of its kind happened last.
    pub tracked: bool,
}

impl<'a> Heard<'a> {
    /// What the tenant's rules make of an activity.
    #[must_use]
    pub fn new(org: &Organisation, activity: &'a Activity, standing: Standing) -> Self {
        let (rules, kind) = (&org.activity_rules, &activity.kind);
        // What takes an account from its owner at once may be told by anybody; what keeps it may not.
        let follows = rules.meaning(kind).follow_up || org.retention.names(kind);
        let mut meaning = rules.counted(kind, standing);
        // A deal is one whatever is written of it.
        let says_enough = rules.says_enough(&activity.summary);
        meaning.follow_up &= says_enough;
        let keeps = follows && rules.follows_up(kind, standing) && (says_enough || meaning.closes());
        Self {
            activity,
            standing,
            meaning,
            tracked: org.retention.reclaims_upon(kind) || keeps,
        }
    }
}

/// What became of the objects that the activities of an account are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Whether any of them changed.
    pub changed: bool,
    /// Deals and contracts after the activities, if these said anything of them.
    pub deals: Option<Deals>,
    /// What was told before of deals that were taken back, where a reclaim could be disputed.
    pub reversals: Vec<Reversal>,
}

/// A deal that was taken back: which object's, and by which event.
pub type Reversal = (ObjectKey, Mark);

/// What the new activities of an account change: its facts, and with them its clock. Nothing for accounts that are out of
/// use. `before` is when those follow-ups happened that were told before, of the days that [`pace::asked`] names.
#[must_use]
pub fn record(
    scene: &Scene<'_>,
    account: &Account,
    activities: &[Heard<'_>],
    objects: &Objects,
    before: &[DateTime<Utc>],
) -> Option<Change> {
    if !takes(account) {
        return None;
    }
    let mut after = successor(scene, account);
    let mut noticed = None;
    if after.status == Status::Assigned {
        // What rules, or time alone, changed in between is settled first, on the facts so far: an activity takes nobody's
        // notice away.
        let now = after.update_time;
        if retention_plan::replan(scene.org, &mut after, now) {
            noticed = after.clock.reclaim_time;
        }
    }
    let settled = after.clock.reclaim_time;
    let follow_ups = FollowUps::heard(scene.org, activities, before);
    after.last_follow_up_time = follow_ups.last(after.last_follow_up_time, |_| true);
    if let Some(deals) = objects.deals {
        set_deals(&mut after, deals);
    }
    for heard in activities.iter().filter(|heard| heard.tracked) {
        let (kind, time) = (heard.activity.kind.to_string(), heard.activity.occur_time);
        let last = after.memory.kind_times.entry(kind).or_insert(time);
        *last = (*last).max(time);
    }
    let disputed = dispute::note(scene, &mut after, activities, &follow_ups, &objects.reversals);
    // Whatever changes an object raises the version, also where it changes no fact: two who write the same object at the
    // same time would otherwise not notice each other.
    let judged = follow_ups.are_judged();
    if !objects.changed
        && !judged
        && !disputed
        && (after.last_follow_up_time, &after.memory) == (account.last_follow_up_time, &account.memory)
    {
        return None;
    }
    if after.status == Status::Assigned {
        retention_plan::plan(scene.org, &mut after);
    }
    let mut fields = changed(account, &after);
    if objects.changed {
        fields.push("objects".to_owned());
    }
    if judged {
        fields.push("follow_ups".to_owned());
    }
    // Whoever has more time by the activity need not hear of what would have been.
    let told = noticed.filter(|noticed| after.clock.reclaim_time == Some(*noticed));
    let effects = Effects {
        fields,
        reminder: told.map(|_| notice(scene.org, &after)),
        late_follow_up: settled.is_some_and(|deadline| late(scene.org, account, &after, &follow_ups, deadline)),
        ..Effects::between(Some(account), &after)
    };
    let kind = if disputed {
        EventKind::ReclaimDisputed
    } else {
        EventKind::ActivityRecorded
    };
    // Nobody gains: a win that is taken back can make an account count again for its owner; that is let stand.
    Some(Change {
        last_reclaim: match &after.memory.reclaimed {
            Some(reclaimed) if disputed => LastReclaim::Disputed {
                origin: reclaimed.pool_id,
            },
            _ => LastReclaim::Keep,
        },
        ..Change::of(account, after, Event { kind, effects })
    })
}

/// Whether follow-ups put `deadline` off of which the first one that counts in the owner's time came only in the last hours
/// before it: as far as is known now.
fn late(
    org: &Organisation,
    before: &Account,
    after: &Account,
    follow_ups: &FollowUps,
    deadline: DateTime<Utc>,
) -> bool {
    let Some((hours, since)) = org.activity_rules.late().zip(after.owner_since) else {
        return false;
    };
    let known = [before.last_follow_up_time, before.last_won_time, after.last_won_time];
    let put_off = after.clock.reclaim_time.is_none_or(|next| next > deadline);
    put_off
        && known.into_iter().flatten().all(|time| time < since)
        && follow_ups.first(since).is_some_and(|first| deadline - first <= hours)
}

/// A user edits the account, which the tenant may have made a follow-up. Nothing is written of an edit, and it is not kept
/// among the activities of its day: it is no follow-up where these are judged together.
pub fn note_edit(org: &Organisation, after: &mut Account, standing: Standing) {
    let (rules, now) = (&org.activity_rules, after.update_time);
    let edit = Kind::account_updated();
    if rules.counted(&edit, standing).follow_up && rules.says_enough("") {
        if rules.pace().is_none() {
            after.last_follow_up_time = after.last_follow_up_time.max(Some(now));
        }
        after.memory.kind_times.insert(edit.text, now);
    }
}

/// Makes these its deals and contracts.
pub fn set_deals(after: &mut Account, deals: Deals) {
    after.won_count = deals.won_count;
    after.last_won_time = deals.last_won_time;
    after.deal_status = deals.status();
    after.contract_end_time = deals.contract_end;
}

/// The facts that differ.
pub(super) fn changed(before: &Account, after: &Account) -> Vec<String> {
    let mut fields = Vec::new();
    if before.last_follow_up() != after.last_follow_up() {
        fields.push("last_follow_up_time".to_owned());
    }
    if before.won_count != after.won_count || before.last_won_time != after.last_won_time {
        fields.push("deals".to_owned());
    }
    if before.contract_end_time != after.contract_end_time {
        fields.push("contract_end_time".to_owned());
    }
    fields
}

/// Whether activities mean anything for the account: not while it is out of use.
#[must_use]
pub const fn takes(account: &Account) -> bool {
    !matches!(account.status, Status::Canceled | Status::Merged | Status::Deleted)
}

/// Checks an event's time against our clock.
pub fn check_time(occur_time: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), TimeDelta> {
    let ahead = occur_time - now;
    if ahead > MAX_AHEAD { Err(ahead) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
