//! Business objects of other systems: orders, opportunities, contracts, payments and the like, as the activities that name
//! them tell.
//!
//! An object has three sides, and each is what the latest event says that speaks of it, ties going to the greater event
//! id: whether its deal is closed, when its contract ends, and what else is told of it. So events may come twice, late and
//! in any order, and end in the same state.

pub mod money;
pub mod total;

use super::{
    account::DealStatus,
    activity::{
        Activity,
        rules::{Contract, Deal, Meaning},
    },
    ids::{AccountId, CallerId, EventId, ObjectId, UserId},
};
use chrono::{DateTime, Utc};
use money::Money;
use std::collections::{BTreeMap, BTreeSet};

/// Users who may see an object at most, its owner and those above him aside.
pub const VIEWERS_MAX: usize = 100;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its type.
    pub object_type: String,
    /// Its id within the source.
    pub object_id: ObjectId,
}

/// How an event leaves its object. What it does not say is not so any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// What it comes to.
    pub amount: Option<Money>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Who may see it besides, sorted, each once.
    pub visible_to: Vec<UserId>,
    /// Whether it is locked there.
    pub locked: bool,
    /// Whether a workflow is under way there.
    pub in_workflow: bool,
}

/// Which event says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Its id.
    pub event_id: EventId,
}

impl Mark {
    /// Of an activity.
    #[must_use]
    pub fn of(activity: &Activity) -> Self {
        Self {
            time: activity.occur_time,
            event_id: activity.event_id.clone(),
        }
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<T> {
    /// What.
    pub value: T,
    /// Which event.
    pub mark: Mark,
}

/// Takes what a later event says; answers whether it was later.
fn hear<T>(side: &mut Option<Told<T>>, value: T, mark: &Mark) -> bool {
    let later = side.as_ref().is_none_or(|told| *mark > told.mark);
    if later {
        let mark = mark.clone();
        *side = Some(Told { value, mark });
    }
    later
}

/// What the latest event says of an object, whoever may see it aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What was done with it last.
    pub action: String,
    /// What it comes to.
    pub amount: Option<Money>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Whether it is locked there.
    pub locked: bool,
    /// Whether a workflow is under way there.
    pub in_workflow: bool,
}

/// The latest state of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessObject {
    /// Which one.
    pub key: ObjectKey,
    /// Whose.
    pub account: AccountId,
    /// Whether the deal is closed.
    pub closed: Option<Told<bool>>,
    /// When the contract ends.
    pub contract_end: Option<Told<DateTime<Utc>>>,
    /// What else is told of it.
    pub snapshot: Option<Told<Snapshot>>,
    /// When a handover of the account last gave it its owner.
    pub handed_time: Option<DateTime<Utc>>,
    /// Who may see it, where that is not as it is stored.
    pub viewers: Option<Vec<UserId>>,
}

/// What an activity changed of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Anything.
    pub any: bool,
    /// What deals or contracts are counted from.
    pub deals: bool,
}

impl BusinessObject {
    /// An object of which nothing was told yet.
    #[must_use]
    pub const fn new(key: ObjectKey, account: AccountId) -> Self {
        Self {
            key,
            account,
            closed: None,
            contract_end: None,
            snapshot: None,
            handed_time: None,
            viewers: None,
        }
    }

    /// The object after an activity that means `meaning`.
    pub fn merge(&mut self, activity: &Activity, meaning: Meaning) -> Touched {
        let mark = Mark::of(activity);
        let closed = match meaning.deal {
            Some(deal) => hear(&mut self.closed, deal == Deal::Closed, &mark),
            None => false,
        };
        let end = match contract_end(activity, meaning) {
            Some(end) => hear(&mut self.contract_end, end, &mark),
            None => false,
        };
        let described = &activity.described;
        let snapshot = Snapshot {
            action: activity.kind.action().to_owned(),
            amount: described.amount,
            owner: self.owner_after(activity),
            locked: described.locked,
            in_workflow: described.in_workflow,
        };
        let told = hear(&mut self.snapshot, snapshot, &mark);
        if told {
            self.viewers = Some(described.visible_to.clone());
        }
        Touched {
            any: closed || end || told,
            deals: closed || end,
        }
    }

    /// Whose it is after an activity. What happened up to a handover says nothing of that any more.
    fn owner_after(&self, activity: &Activity) -> Option<UserId> {
        match (&self.snapshot, self.handed_time) {
            (Some(told), Some(time)) if activity.occur_time <= time => told.value.owner.clone(),
            _ => activity.described.owner.clone(),
        }
    }

    /// Whether its deal is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.as_ref().is_some_and(|told| told.value)
    }
}

/// An object, and the source that it is of.
pub type Sourced = (CallerId, ObjectKey);

/// What was told of a deal: which object of which source, by which event, and what of it.
pub type Claimed = (CallerId, ObjectKey, AccountId, Mark, Deal);

/// Counts again whether deals are closed: as the latest of `told` says of each object, and not at all where none speaks
/// of it. Answers which objects changed.
pub fn recount(objects: &mut BTreeMap<Sourced, BusinessObject>, told: &[Claimed]) -> BTreeSet<Sourced> {
    let mut latest = BTreeMap::<Sourced, (AccountId, Option<Told<bool>>)>::new();
    for (source, key, account, mark, deal) in told {
        let (_, side) = latest.entry((source.clone(), key.clone())).or_insert((*account, None));
        hear(side, *deal == Deal::Closed, mark);
    }
    let mut changed = BTreeSet::new();
    for (at, object) in objects.iter_mut() {
        let closed = latest.remove(at).and_then(|(_, closed)| closed);
        if object.closed != closed {
            object.closed = closed;
            changed.insert(at.clone());
        }
    }
    for (at, (account, closed)) in latest {
        let mut object = BusinessObject::new(at.1.clone(), account);
        object.closed = closed;
        objects.insert(at.clone(), object);
        changed.insert(at);
    }
    changed
}

/// When the contract ends, by this activity. What tells of a contract without an end says nothing about that.
#[must_use]
pub fn contract_end(activity: &Activity, meaning: Meaning) -> Option<DateTime<Utc>> {
    match meaning.contract? {
        Contract::Runs => activity.contract_end,
        Contract::Ended => Some(activity.occur_time),
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

#[cfg(test)]
mod tests;
