//! What happened to an account outside Tidepool, and what that means for it.
//!
//! Facts merge: the last follow-up is a maximum, deals are a set of objects of which each has the state of its latest
//! event. So events may come twice, late and in any order, and end in the same state.

use super::{
    account::{Account, DealStatus, Status},
    change::{Change, Columns, Effects, Event, EventKind, LastReclaim, TeamChange},
    circulation::{Scene, successor},
    exception::dispute,
    ids::{AccountId, EventId, ObjectId, UserId},
    retention_plan,
    sweep::notice,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// How far ahead of our clock an event's time may be: clocks differ, but a typed future date would protect for ever.
pub const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

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

    /// The object's type.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The whole kind.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it means.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self.text.as_str() {
            "sales_record.created" | "opportunity.created" | "sales_order.created" => Meaning::FollowUp,
            "opportunity.won" => Meaning::Close,
            "opportunity.reopened" | "opportunity.deleted" => Meaning::Reversal,
            "contract.created" | "contract.activated" | "contract.renewed" => Meaning::Contract,
            "contract.terminated" => Meaning::Termination,
            _ => Meaning::Nothing,
        }
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

/// What an activity means for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Somebody followed up.
    FollowUp,
    /// A deal was closed.
    Close,
    /// A closed deal was taken back.
    Reversal,
    /// A contract runs, up to its end.
    Contract,
    /// A contract ended then.
    Termination,
    /// It is kept and shown, nothing else.
    Nothing,
}

impl Meaning {
    /// Whether it is about a deal, and so about an object.
    #[must_use]
    pub const fn is_deal(self) -> bool {
        matches!(self, Self::Close | Self::Reversal)
    }

    /// Whether it is about a contract.
    #[must_use]
    pub const fn is_contract(self) -> bool {
        matches!(self, Self::Contract | Self::Termination)
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
    /// Digest of all of that.
    pub payload_hash: [u8; 32],
}

impl Activity {
    /// Whether it says how an object is: whether a deal is closed, or when a contract ends.
    #[must_use]
    pub fn tells_state(&self) -> bool {
        self.kind.meaning().is_deal() || self.contract_end().is_some()
    }

    /// When the contract ends, by this activity. What tells of a contract without an end says nothing about that.
    #[must_use]
    pub fn contract_end(&self) -> Option<DateTime<Utc>> {
        match self.kind.meaning() {
            Meaning::Contract => self.contract_end,
            Meaning::Termination => Some(self.occur_time),
            _ => None,
        }
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its type.
    pub object_type: String,
    /// Its id within the source.
    pub object_id: ObjectId,
}

/// The latest state of an object: a deal, or a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessObject {
    /// Which one.
    pub key: ObjectKey,
    /// Whose.
    pub account: AccountId,
    /// Whether the deal is closed.
    pub closed: bool,
    /// When the contract ends.
    pub end_time: Option<DateTime<Utc>>,
    /// When the event was that says so.
    pub state_time: DateTime<Utc>,
    /// Which event that was.
    pub state_event_id: EventId,
}

impl BusinessObject {
    /// The state after the event: the later one wins, ties go to the greater event id.
    pub fn merge(&mut self, activity: &Activity) {
        if (activity.occur_time, &activity.event_id) > (self.state_time, &self.state_event_id) {
            self.closed = activity.kind.meaning() == Meaning::Close;
            self.end_time = activity.contract_end();
            self.state_time = activity.occur_time;
            self.state_event_id = activity.event_id.clone();
            self.account = activity.account;
        }
    }

    /// The object as its first event leaves it.
    #[must_use]
    pub fn first(activity: &Activity, object_id: &ObjectId) -> Self {
        Self {
            key: ObjectKey {
                object_type: activity.kind.object().to_owned(),
                object_id: object_id.clone(),
            },
            account: activity.account,
            closed: activity.kind.meaning() == Meaning::Close,
            end_time: activity.contract_end(),
            state_time: activity.occur_time,
            state_event_id: activity.event_id.clone(),
        }
    }
}

/// Deals and contracts of an account: from all its objects, of whatever source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deals {
    /// How many are closed.
    pub won_count: i64,
    /// When the last of them was.
    pub last_won_time: Option<DateTime<Utc>>,
    /// When the last of its contracts ends, or ended.
    pub contract_end: Option<DateTime<Utc>>,
}

impl Deals {
    /// Adds one object.
    pub fn add(&mut self, closed: bool, time: DateTime<Utc>) {
        if closed {
            self.won_count += 1;
            self.last_won_time = self.last_won_time.max(Some(time));
        }
    }

    /// What that comes to.
    #[must_use]
    pub const fn status(&self) -> DealStatus {
        match self.won_count {
            ..=0 => DealStatus::Open,
            1 => DealStatus::Won,
            _ => DealStatus::RepeatedlyWon,
        }
    }
}

/// What the new activities of an account change: its facts, and with them its clock. `deals` are those of all its
/// objects after the activities, if any of these said how one is. Nothing for accounts that are out of use.
#[must_use]
pub fn record(scene: &Scene<'_>, account: &Account, activities: &[&Activity], deals: Option<Deals>) -> Option<Change> {
    if matches!(account.status, Status::Canceled | Status::Merged | Status::Deleted) {
        return None;
    }
    let follow_up = activities
        .iter()
        .filter(|activity| activity.kind.meaning() == Meaning::FollowUp);
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
    after.last_follow_up_time = after
        .last_follow_up_time
        .max(follow_up.map(|activity| activity.occur_time).max());
    if let Some(deals) = deals {
        after.won_count = deals.won_count;
        after.last_won_time = deals.last_won_time;
        after.deal_status = deals.status();
        after.contract_end_time = deals.contract_end;
    }
    for activity in activities
        .iter()
        .filter(|activity| scene.org.retention.tracks(&activity.kind))
    {
        let last = after
            .memory
            .kind_times
            .entry(activity.kind.to_string())
            .or_insert(activity.occur_time);
        *last = (*last).max(activity.occur_time);
    }
    let disputed = dispute::note(scene, &mut after, activities, deals.is_some());
    // Whatever is said about deals raises the version, also where it changes no fact: two who write the same object at the
    // same time would otherwise not notice each other.
    if deals.is_none()
        && !disputed
        && (after.last_follow_up_time, &after.memory) == (account.last_follow_up_time, &account.memory)
    {
        return None;
    }
    if after.status == Status::Assigned {
        retention_plan::plan(scene.org, &mut after);
    }
    // Whoever has more time by the activity need not hear of what would have been.
    let told = noticed.filter(|noticed| after.clock.reclaim_time == Some(*noticed));
    let effects = Effects {
        fields: changed(account, &after),
        reminder: told.map(|_| notice(scene.org, &after)),
        ..Effects::between(Some(account), &after)
    };
    Some(Change {
        columns: Columns::Circulation,
        end: None,
        start: None,
        team: TeamChange::Keep,
        extras: None,
        enters: None,
        // A win that is taken back can make an account count again for its owner; that is let stand, so it asks nothing.
        gains: None,
        last_reclaim: match &after.memory.reclaimed {
            Some(reclaimed) if disputed => LastReclaim::Disputed {
                origin: reclaimed.pool_id,
            },
            _ => LastReclaim::Keep,
        },
        event: Event {
            kind: if disputed {
                EventKind::ReclaimDisputed
            } else {
                EventKind::ActivityRecorded
            },
            effects,
        },
        after,
    })
}

fn changed(before: &Account, after: &Account) -> Vec<String> {
    let mut fields = Vec::new();
    if before.last_follow_up_time != after.last_follow_up_time {
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

/// Whether a deal that `actor` closed counts: done by the owner, by a member of the team, or by a system.
#[must_use]
pub fn closes(account: &Account, actor: Option<&UserId>, is_member: impl Fn(&UserId) -> bool) -> bool {
    actor.is_none_or(|actor| account.owner.as_ref() == Some(actor) || is_member(actor))
}

/// Checks an event's time against our clock.
pub fn check_time(occur_time: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), TimeDelta> {
    let ahead = occur_time - now;
    if ahead > MAX_AHEAD { Err(ahead) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
