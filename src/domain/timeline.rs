//! Everything that happened with an account in one list: which kinds are wanted, what somebody sees of it, and the order.

use super::{
    activity::Kind,
    circulation::{Scene, Subject},
    error::Error,
    history::{Insight, insight},
    ids::AccountId,
    refusal::Reason,
    related::{Sight, sight},
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Kinds that can be asked for at once.
pub const MAX_KINDS: usize = 20;

/// Kinds that are wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Wanted {
    /// This one.
    Kind(String),
    /// All of a thing: what begins with this, a dot at the end.
    Of(String),
}

/// Why a text names no kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a kind such as sales_order.created, or a thing and a dot such as sales_order.")]
pub struct WantedError;

impl Wanted {
    /// Reads `object.action` or `object.`.
    pub fn parse(text: &str) -> Result<Self, WantedError> {
        // Of a thing alone, whether some kind could be of it.
        let whole = if text.ends_with('.') {
            format!("{text}a")
        } else {
            text.to_owned()
        };
        Kind::parse(&whole).map_err(|_| WantedError)?;
        Ok(if whole == text {
            Self::Kind(whole)
        } else {
            Self::Of(text.to_owned())
        })
    }

    /// Whether changes of the account may be of it.
    #[must_use]
    pub fn is_of_account(&self) -> bool {
        let (Self::Kind(text) | Self::Of(text)) = self;
        text.starts_with("account.")
    }
}

/// What somebody sees of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which objects that activities are about he sees, if he sees activities.
    pub activities: Option<Sight>,
    /// How much he sees of the account's own past, if anything.
    pub insight: Option<Insight>,
}

/// What the principal sees of the account's timeline; refused where it is nothing.
pub fn shown(scene: &Scene<'_>, subject: Option<&Subject>, id: AccountId) -> Result<Shown, Error> {
    let insight = insight(scene, subject, id);
    let activities = sight(scene, subject, id).ok();
    match insight {
        Ok(insight) => Ok(Shown {
            activities,
            insight: Some(insight),
        }),
        Err(error) if activities.is_some() && error.reason() == Reason::NotAuthorized => Ok(Shown {
            activities,
            insight: None,
        }),
        Err(error) => Err(error),
    }
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<A, E> {
    /// Something outside Tidepool.
    Activity(A),
    /// A change of the account.
    Event(E),
}

/// Puts both into one order, newest first; of the same instant, changes of the account first. Each comes newest first.
pub fn merge<A, E>(
    activities: Vec<A>,
    events: Vec<E>,
    occurred: impl Fn(&A) -> DateTime<Utc>,
    changed: impl Fn(&E) -> DateTime<Utc>,
) -> Vec<Entry<A, E>> {
    let mut merged = Vec::with_capacity(activities.len() + events.len());
    let mut activities = activities.into_iter().peekable();
    for event in events {
        while let Some(later) = activities.next_if(|activity| occurred(activity) > changed(&event)) {
            merged.push(Entry::Activity(later));
        }
        merged.push(Entry::Event(event));
    }
    merged.extend(activities.map(Entry::Activity));
    merged
}

#[cfg(test)]
mod tests;
