//! Sorts what is told, activity by activity, in the order in which it came: what is new, what was told before, what waits
//! for its account, what is refused. Each is decided for itself: what is refused leaves nothing behind, so that the same
//! event told again, in other words, in the same message, is decided as if it were the first.

use super::{activity::Recorded, activity_objects::KnownObjects};
use crate::{
    domain::{
        account::Status,
        activity::{Activity, check_time, takes},
        activity_source::Voice,
        circulation::{Scene, Subject, knows, reads},
        error::Error,
        ids::{AccountId, EventId, ExternalId},
        object::ObjectKey,
        pool::RelatedAccess,
        refusal::{Reason, Refusal, Violations},
    },
    store::parked::{Known, Waiting},
};
use std::collections::{BTreeSet, HashMap};

/// Activities of a tenant that wait at most. Calls at the same time do not see each other's: it can be a little more.
pub(super) const PARKED_MAX: usize = 100_000;

/// How an activity came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    /// The external id by which its account was named.
    pub(super) external: Option<&'a ExternalId>,
    /// Whether no account has that id.
    pub(super) unknown: bool,
    /// Whether it may wait for one.
    pub(super) may_wait: bool,
    /// The trace of the call that told it.
    pub(super) traceparent: Option<&'a str>,
}

impl<'a> Way<'a> {
    /// The external id that no account has.
    fn missing(&self) -> Option<&'a ExternalId> {
        self.external.filter(|_| self.unknown)
    }

    /// Whether it is to wait, if it is not known yet.
    pub(super) const fn would_wait(&self) -> bool {
        self.unknown && self.may_wait
    }
}

/// What is new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh<'a> {
    pub(super) activity: &'a Activity,
    /// The trace of the call that told it.
    pub(super) traceparent: Option<&'a str>,
}

/// What decides on what is told, and what came of it so far.
pub(super) struct Intake<'a> {
    pub(super) scene: &'a Scene<'a>,
    /// What the source may tell of; nothing if that was decided before.
    pub(super) voice: Option<Voice<'a>>,
    pub(super) subjects: &'a HashMap<AccountId, Subject>,
    /// What was told before.
    pub(super) known: &'a HashMap<EventId, Known>,
    /// The objects that there are, of those that are told of.
    pub(super) objects: &'a KnownObjects,
    /// How many more may wait.
    pub(super) room: usize,
    /// What was told so far.
    pub(super) said: HashMap<&'a EventId, Known>,
    /// Whose the objects are that there were not before.
    pub(super) claimed: HashMap<ObjectKey, AccountId>,
    pub(super) fresh: Vec<Fresh<'a>>,
    pub(super) waiting: Vec<Waiting<'a>>,
    /// What waits, and was told again.
    pub(super) renewed: BTreeSet<&'a EventId>,
}

impl<'a> Intake<'a> {
    /// Decides the next one.
    pub(super) fn admit(&mut self, activity: &'a Activity, way: Way<'a>) -> Result<Recorded, Error> {
        let id = &activity.event_id;
        let before = self.said.get(id).or_else(|| self.known.get(id));
        let same = before.is_some_and(|before| before.is(activity));
        let (told, recorded) = (before.is_some(), before.is_some_and(|before| before.recorded.is_some()));
        // What was taken in once stays so, whatever the source may tell of by now.
        if let Some(voice) = self.voice.as_ref().filter(|_| !same) {
            voice.check(&activity.kind)?;
        }
        if told && !same {
            return Err(reused(id));
        }
        if recorded {
            return Ok(Recorded::Duplicate);
        }
        if told && way.unknown {
            if self.known.contains_key(id) && self.voice.is_some() {
                self.renewed.insert(id);
            }
            return Ok(Recorded::Buffered);
        }
        self.check(activity, way)?;
        let said = self.said.entry(id).or_default();
        let hash = Some(activity.payload_hash.to_vec());
        if let Some(external_id) = way.missing() {
            said.parked = hash;
            self.waiting.push(Waiting {
                activity,
                external_id,
                traceparent: way.traceparent,
            });
            return Ok(Recorded::Buffered);
        }
        said.recorded = hash;
        self.fresh.push(Fresh {
            activity,
            traceparent: way.traceparent,
        });
        Ok(Recorded::New)
    }

    /// Whether it may be taken in; notes whose its object is then.
    fn check(&mut self, activity: &Activity, way: Way<'_>) -> Result<(), Error> {
        let scene = self.scene;
        // In the caller's words: the id of an account that he may not know of says that there is one.
        let no_account = || match way.external {
            Some(id) => Error::not_found("account", id),
            None => Error::not_found("account", activity.account),
        };
        let subject = self.subjects.get(&activity.account);
        let subject = subject.filter(|subject| !way.unknown && may_tell(scene, subject));
        let now = match subject {
            Some(subject) => scene.now.max(subject.account.update_time),
            None if way.would_wait() => scene.now,
            None => return Err(no_account()),
        };
        if let Err(ahead) = check_time(activity.occur_time, now) {
            let mut violations = Violations::default();
            let message = format!("lies {} seconds ahead of the service's clock", ahead.num_seconds());
            violations.add_as(Reason::OccurredInFuture, "occur_time", message);
            return Err(violations.into());
        }
        // What waited was accepted under the rules of then, and is kept whatever they are now.
        let decided = self.voice.is_none();
        let deal = scene.org.activity_rules.meaning(&activity.kind).deal;
        if !decided && deal.is_some() && activity.object_id.is_none() {
            let mut violations = Violations::default();
            let message = "must be set for activities that close a deal or take one back";
            violations.add("object_id", message);
            return Err(violations.into());
        }
        match subject {
            Some(subject) => self.claim(activity, subject),
            None if self.waiting.len() >= self.room => Err(full()),
            None => Ok(()),
        }
    }

    /// An object belongs to one account: the first that it is told of.
    fn claim(&mut self, activity: &Activity, subject: &Subject) -> Result<(), Error> {
        let Some(key) = activity.object().filter(|_| takes(&subject.account)) else {
            return Ok(());
        };
        let account = match self.objects.get(&key) {
            Some(object) => object.account,
            None => *self.claimed.entry(key).or_insert(activity.account),
        };
        if account == activity.account {
            return Ok(());
        }
        let message = "the business object belongs to another account";
        Err(Error::refused(Reason::ObjectOfOtherAccount, message))
    }
}

fn full() -> Error {
    let message = "as many activities wait for their account as may; create the accounts, and tell it again";
    Refusal::new(Reason::ParkingFull, message)
        .with("limit", PARKED_MAX)
        .into()
}

fn reused(event_id: &EventId) -> Error {
    let message = format!("the source told of another event {event_id}; what was told first stands");
    Refusal::new(Reason::EventIdReused, message)
        .with("event_id", event_id)
        .into()
}

/// Services tell of every account that is not gone; users of those that they may read, or may add to before the claim.
fn may_tell(scene: &Scene<'_>, subject: &Subject) -> bool {
    let account = &subject.account;
    if scene.principal.actor.is_none() {
        return account.status != Status::Deleted;
    }
    let pool = account.pool_id.and_then(|id| scene.org.pool(id));
    reads(scene, subject)
        || account.status == Status::Unassigned
            && knows(scene, subject)
            && pool.is_some_and(|pool| pool.config.unclaimed_related_access == RelatedAccess::ViewAndInteract)
}
