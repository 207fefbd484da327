//! The tenant's stream of events: in which order they get their positions, from where on a consumer may follow it, which
//! events it wants, and what is forgotten.

use super::{
    change::EventKind,
    error::Error,
    history::AccountEvent,
    ids::{AccountId, PoolId, UserId},
    refusal::{Reason, Refusal},
};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// An event at its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its place.
    pub position: i64,
    /// Of which account.
    pub account: AccountId,
    /// The pool afterwards.
    pub pool: Option<PoolId>,
    /// The owner afterwards.
    pub owner: Option<String>,
    /// The W3C trace context of what made the change.
    pub traceparent: Option<String>,
    /// What happened.
    pub event: AccountEvent,
    /// About how many bytes it takes in a message.
    pub weight: usize,
}

/// An event that has no position yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Of which account.
    pub account: AccountId,
    /// The version that it made.
    pub version: i64,
    /// When, in microseconds since the epoch.
    pub event_time: i64,
}

/// The order in which events get their positions: by time, and those of an account by version, whatever their times say.
///
/// Of each account these must be the first ones that have no position.
#[must_use]
pub fn in_order(mut events: Vec<Unplaced>) -> Vec<Unplaced> {
    events.sort_unstable_by_key(|event| (event.account, event.version));
    let mut reached: HashMap<AccountId, i64> = HashMap::new();
    let mut timed: Vec<_> = events
        .into_iter()
        .map(|event| {
            let time = reached.entry(event.account).or_insert(event.event_time);
            *time = event.event_time.max(*time);
            (*time, event)
        })
        .collect();
    timed.sort_by_key(|(time, event)| (*time, event.account, event.version));
    timed.into_iter().map(|(_, event)| event).collect()
}

/// How far a stream goes, and from where on it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The last position that was given.
    pub last: i64,
    /// The last position that is no longer listed.
    pub purged: i64,
}

/// Where somebody wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this position; after none is from the oldest event that is kept.
    After(i64),
    /// With what happens from now on.
    Now,
}

impl Bounds {
    /// The position after which it goes on.
    pub fn place(self, start: Start) -> Result<i64, Error> {
        match start {
            Start::Now => Ok(self.last),
            Start::After(0) => Ok(self.purged),
            Start::After(position) if position > self.last => {
                let message = format!("the stream goes to position {} so far", self.last);
                Err(Refusal::new(Reason::EventsAhead, message)
                    .with("last_position", self.last)
                    .into())
            }
            Start::After(position) => self.keeps(position).map(|()| position),
        }
    }

    /// Whether everything after `position` is still there.
    pub fn keeps(self, position: i64) -> Result<(), Error> {
        if position >= self.purged {
            return Ok(());
        }
        let oldest = self.purged + 1;
        let message = format!("events up to position {} are no longer kept", self.purged);
        Err(Refusal::new(Reason::EventsPurged, message)
            .with("oldest_position", oldest)
            .into())
    }
}

/// Up to which position events are forgotten that are older than `before`; they come by position, and one that is to stay
/// keeps all after it.
#[must_use]
pub fn purged_to(events: &[(i64, DateTime<Utc>)], before: DateTime<Utc>) -> Option<i64> {
    let old = events.iter().take_while(|(_, time)| *time < before);
    old.last().map(|(position, _)| *position)
}

/// Some kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// This one.
    One(EventKind),
    /// All that begin like this, the dot included.
    Below(String),
}

impl Kinds {
    /// Reads `account.claimed`, or `account.*`. What can never fit is refused: it would be waited for in vain.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = if let Some(prefix) = text.strip_suffix('*') {
            let known = EventKind::ALL.iter().any(|kind| kind.as_str().starts_with(prefix));
            (known && prefix.ends_with('.')).then(|| Self::Below(prefix.to_owned()))
        } else {
            let kind = EventKind::ALL.into_iter().find(|kind| kind.as_str() == text);
            kind.map(Self::One)
        };
        fits.ok_or_else(|| "must be a kind of event such as account.claimed, or a prefix such as account.*".to_owned())
    }

    fn has(&self, kind: &str) -> bool {
        match self {
            Self::One(one) => one.as_str() == kind,
            Self::Below(prefix) => kind.starts_with(prefix.as_str()),
        }
    }
}

/// Which events somebody wants: those that fit each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds.
    pub kinds: Vec<Kinds>,
    /// In these pools, before or after.
    pub pools: Vec<PoolId>,
    /// Of these owners, before or after.
    pub owners: Vec<UserId>,
}

impl Filter {
    /// Whether the event is wanted.
    #[must_use]
    pub fn fits(&self, told: &StreamEvent) -> bool {
        let effects = &told.event.effects;
        let kind = || self.kinds.iter().any(|kinds| kinds.has(&told.event.kind));
        let pool = || {
            let before = effects.pool.and_then(|(before, _)| before);
            [before, told.pool]
                .iter()
                .flatten()
                .any(|pool| self.pools.contains(pool))
        };
        let owner = || {
            let before = effects.owner.as_ref().and_then(|(before, _)| before.as_ref());
            let mut owners = [before, told.owner.as_ref()].into_iter().flatten();
            owners.any(|owner| self.owners.iter().any(|wanted| wanted.as_str() == owner))
        };
        (self.kinds.is_empty() || kind()) && (self.pools.is_empty() || pool()) && (self.owners.is_empty() || owner())
    }
}

#[cfg(test)]
mod tests;
