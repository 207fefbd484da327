//! Activities come in: calls of services, messages of their streams, and what waited for its account. What a service
//! sends in several calls at the same time shares transactions, see [`super::coalesce`]; each of its calls, and each
//! message of a stream, is a [`Part`] with an answer of its own.
//!
//! Statement budget for n activities of any number of parts, `k = ceil(n / 128)`: k reads of accounts by external ids where
//! there are such; 1 read for each merge that lies between an id and the account that it leads to, and k of these accounts;
//! k reads of revisions and accounts, k of known events; 1 read of answers and 1 write of them where there
//! are request ids, one part's own being read with the accounts; where activities are to wait 1 read of how many do, and k
//! writes; where some no longer do, or are told again, k writes; and what `take_effect` says.

use super::{
    App,
    activity::{Outcomes, Recorded, Told},
    call::Call,
    coalesce::{Lanes, Work},
    flow::{self, Reply},
    ingest_load::{accounts, follow, load},
};
use crate::{
    domain::{
        activity::{Activity, check_time},
        activity_source::Voice,
        circulation::{Scene, Subject, knows, reads},
        error::Error,
        ids::{AccountId, CallerId, EventId, ExternalId, TenantName},
        organisation::Organisation,
        pool::RelatedAccess,
        refusal::{Reason, Refusal, Violations},
    },
    store::{
        Abort, Deadline, Tx,
        dialect::Engine,
        parked::{self, Known},
        request::{Found, RequestKey},
        request_batch,
    },
};
use chrono::TimeDelta;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// For how long activities wait for their account.
pub const PARKED_FOR: TimeDelta = TimeDelta::days(7);
/// Activities of a tenant that wait at most. Calls at the same time do not see each other's: it can be a little more.
pub const PARKED_MAX: usize = 100_000;

/// An activity as it came: readable or not, of an account that is named by our id, or by that of another system. With the
/// latter, the activity's own account is nobody's until it is looked up.
pub type Named = Result<(Activity, Option<ExternalId>), Error>;

/// A call, or a message of a stream.
#[derive(Clone, Debug)]
pub struct Part {
    /// The request that it is, if it has an id.
    pub key: Option<RequestKey>,
    /// What is told.
    pub told: Vec<Named>,
    /// Whether what is told of unknown external ids waits for their accounts.
    pub buffer_unknown: bool,
    /// The bytes of the answer.
    pub encode: fn(&Outcomes) -> Vec<u8>,
}

/// What a part is answered.
pub type PartReply = Result<Reply<Outcomes>, Error>;

/// Parts that one caller sends together, in this order.
#[derive(Debug)]
pub struct Submission {
    call: Call,
    parts: Vec<Part>,
}

impl Work for Submission {
    fn items(&self) -> usize {
        self.parts.iter().map(|part| part.told.len()).sum()
    }

    fn deadline(&self) -> Deadline {
        self.call.deadline
    }

    /// Two calls of one request id, or of one event, find what became of each other only if one comes after the other.
    fn marks(&self) -> impl Iterator<Item = &str> {
        let requests = self.parts.iter().filter_map(|part| part.key.as_ref());
        let told = self.parts.iter().flat_map(|part| part.told.iter().flatten());
        let events = told.map(|(activity, _)| activity.event_id.as_str());
        requests.map(|key| key.request_id.as_str()).chain(events)
    }
}

/// The lanes in which the calls of a tenant's service run, by tenant, service, and whether it administers the tenant.
pub type IngestLanes = Lanes<(TenantName, CallerId, bool), Submission, Vec<PartReply>>;

/// How many transactions of a service run at a time. SQLite has one writer, so more would only wait for each other. On
/// other engines a second one works while the first waits for its commit; with more, those of one service would meet at
/// the same accounts, and run again.
#[must_use]
pub const fn lanes(engine: Engine) -> usize {
    match engine {
        Engine::Sqlite => 1,
        Engine::MySql => 2,
    }
}

/// What the body of a unit of work is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    /// Whose call it is.
    pub(super) call: &'a Call,
    /// What is told.
    pub(super) parts: &'a [&'a Part],
    /// Whether it was taken in before and waited: whether its source may tell of it was decided then.
    pub(super) again: bool,
}

impl App {
    /// Records activities of the calling service.
    pub async fn record_activities(&self, call: &Call, part: Part) -> PartReply {
        let replies = self.ingest(call, vec![part]).await?;
        replies.into_iter().next().unwrap_or_else(|| Err(Error::internal()))
    }

    /// Records parts in their order, in one transaction. An error is about none of them: nothing was recorded then, or
    /// nobody knows.
    pub async fn ingest(&self, call: &Call, parts: Vec<Part>) -> Result<Vec<PartReply>, Error> {
        let submission = Submission {
            call: call.clone(),
            parts,
        };
        if call.actor.is_some() {
            let all = self.deliver_all(&[Arc::new(submission)]).await?;
            return all.into_iter().next().ok_or_else(Error::internal);
        }
        let key = (call.tenant.clone(), call.caller.clone(), call.administers());
        self.lanes
            .run(key, submission, |group| async move { self.deliver_all(&group).await })
            .await
    }

    async fn deliver_all(&self, group: &[Arc<Submission>]) -> Result<Vec<Vec<PartReply>>, Error> {
        let Some(first) = group.first() else {
            return Ok(Vec::new());
        };
        let deadlines = group.iter().map(|submission| submission.call.deadline);
        let call = Call {
            deadline: deadlines.min().unwrap_or(first.call.deadline),
            ..first.call.clone()
        };
        let parts: Vec<_> = group.iter().flat_map(|submission| &submission.parts).collect();
        let delivery = Delivery {
            call: &call,
            parts: &parts,
            again: false,
        };
        let mut replies = self.deliver(delivery).await?.into_iter();
        let of = |submission: &Arc<Submission>| replies.by_ref().take(submission.parts.len()).collect();
        Ok(group.iter().map(of).collect())
    }

    /// One unit of work.
    pub(super) async fn deliver(&self, delivery: Delivery<'_>) -> Result<Vec<PartReply>, Error> {
        // Event ids make running it again safe, with or without a request id.
        let call = delivery.call;
        let unit = self.db.unit("RecordActivities", call.deadline).replayable(true);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.deliver_once(tx, &org, delivery).await))
                .await
        })
        .await
    }

    async fn deliver_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        delivery: Delivery<'_>,
    ) -> Result<Vec<PartReply>, Abort> {
        let Delivery { call, parts, again } = delivery;
        let named = parts.iter().flat_map(|part| part.told.iter().flatten());
        let accounts = accounts(tx, org, named).await?;
        let resolve = |(activity, external): &(Activity, Option<ExternalId>)| match external {
            Some(id) => accounts.get(id).copied(),
            None => Some(activity.account),
        };
        let named = parts.iter().flat_map(|part| part.told.iter().flatten());
        let ids: BTreeSet<AccountId> = named.filter_map(resolve).collect();
        let alone = if let [part] = parts { part.key.as_ref() } else { None };
        let mut subjects = match load(tx, org, call, alone, ids).await? {
            Ok(subjects) => subjects,
            Err(response) => return Ok(vec![Ok(Reply::Replayed(response))]),
        };
        let ways = follow(tx, org, call, &mut subjects).await?;
        let resolve = |named: &(Activity, Option<ExternalId>)| {
            let id = resolve(named)?;
            Some(ways.get(&id).copied().unwrap_or(id))
        };
        let mut replies = answered(tx, org, parts).await?;
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let settings = &org.tenant.settings;
        let voice = if again {
            None
        } else {
            let voice = Voice::of(&org.activity_sources, settings.sources_must_register, &call.caller)?;
            Some(voice)
        };
        let open: Vec<_> = parts
            .iter()
            .zip(&replies)
            .filter(|(_, reply)| reply.is_none())
            .collect();
        let open: Vec<&Part> = open.into_iter().map(|(part, _)| *part).collect();
        // Everything that is told, in one row, with the accounts that are known.
        let told: Vec<Told> = open
            .iter()
            .flat_map(|part| &part.told)
            .map(|named| {
                let named = named.as_ref().map_err(Clone::clone)?;
                let account = resolve(named).unwrap_or(named.0.account);
                Ok(Activity {
                    account,
                    ..named.0.clone()
                })
            })
            .collect();
        let events: BTreeSet<_> = told.iter().flatten().map(|activity| &activity.event_id).collect();
        let events: Vec<_> = events.into_iter().collect();
        let known = parked::known(tx, org.key, &call.caller, &events).await?;
        let mut intake = Intake {
            scene: &scene,
            voice,
            subjects: &subjects,
            known: &known,
            said: HashMap::new(),
            fresh: Vec::new(),
            waiting: Vec::new(),
            renewed: BTreeSet::new(),
        };
        let mut outcomes = Outcomes::with_capacity(told.len());
        let ways = open.iter().flat_map(|part| {
            let may_wait = part.buffer_unknown;
            part.told.iter().map(move |named| (named, may_wait))
        });
        for (told, (named, may_wait)) in told.iter().zip(ways) {
            let external = named.as_ref().ok().and_then(|(_, external)| external.as_ref());
            outcomes.push(match told {
                Ok(activity) => {
                    let unknown = external.filter(|id| !accounts.contains_key(*id));
                    intake.admit(activity, (external, unknown), may_wait)
                }
                Err(error) => Err(error.clone()),
            });
        }
        let Intake {
            fresh,
            waiting,
            renewed,
            ..
        } = intake;
        self.take_effect(tx, &scene, &subjects, &fresh, (&mut outcomes, &told))
            .await?;
        park(tx, &scene, &waiting, (&mut outcomes, &told)).await?;
        unpark(tx, &scene, &known, &outcomes, &told).await?;
        let renewed: Vec<_> = renewed.into_iter().collect();
        parked::renew(tx, org.key, &call.caller, &renewed, scene.now + PARKED_FOR).await?;
        if !again {
            self.hear(tx, &scene, &outcomes, &told).await?;
        }
        let mut outcomes = outcomes.into_iter();
        let mut answers = Vec::new();
        for (reply, part) in replies.iter_mut().zip(parts) {
            if reply.is_none() {
                let outcomes: Outcomes = outcomes.by_ref().take(part.told.len()).collect();
                answers.extend(part.key.as_ref().map(|key| (key, (part.encode)(&outcomes))));
                *reply = Some(Ok(Reply::Done(outcomes)));
            }
        }
        request_batch::remember(tx, org.key, answers, scene.now).await?;
        Ok(replies.into_iter().flatten().collect())
    }
}

/// Those of several parts that were answered before. One part's answer came with its accounts.
async fn answered(tx: &Tx, org: &Organisation, parts: &[&Part]) -> Result<Vec<Option<PartReply>>, Abort> {
    let keys: Vec<_> = parts.iter().filter_map(|part| part.key.as_ref()).collect();
    let mut found = match parts {
        [_] => HashMap::new(),
        _ => request_batch::find(tx, org.key, &keys).await?,
    };
    let reply = |part: &&Part| {
        let found = part
            .key
            .as_ref()
            .and_then(|key| found.remove(key.request_id.as_str()))?;
        match found {
            Found::Nothing => None,
            Found::Answer(bytes) => Some(Ok(Reply::Replayed(bytes))),
            Found::Other => Some(Err(flow::reused())),
        }
    };
    Ok(parts.iter().map(reply).collect())
}

/// Keeps what is to wait, as far as there is room; the rest is refused.
async fn park(
    tx: &Tx,
    scene: &Scene<'_>,
    waiting: &[(&Activity, &ExternalId)],
    (outcomes, told): (&mut Outcomes, &[Told]),
) -> Result<(), Abort> {
    if waiting.is_empty() {
        return Ok(());
    }
    let (tenant, source, now) = (scene.org.key, &scene.principal.caller, scene.now);
    let room = PARKED_MAX - parked::count(tx, tenant, PARKED_MAX).await?;
    let (kept, refused) = waiting.split_at(room.min(waiting.len()));
    parked::park(tx, tenant, source, kept, now, now + PARKED_FOR).await?;
    let refused: HashSet<_> = refused.iter().map(|(activity, _)| &activity.event_id).collect();
    for (outcome, told) in outcomes.iter_mut().zip(told) {
        if told.as_ref().is_ok_and(|activity| refused.contains(&activity.event_id)) {
            let message = "as many activities wait for their account as may; create the accounts, and tell it again";
            *outcome = Err(Refusal::new(Reason::ParkingFull, message)
                .with("limit", PARKED_MAX)
                .into());
        }
    }
    Ok(())
}

/// What is recorded waits no longer.
async fn unpark(
    tx: &Tx,
    scene: &Scene<'_>,
    known: &HashMap<EventId, Known>,
    outcomes: &Outcomes,
    told: &[Told],
) -> Result<(), Abort> {
    let settled = outcomes.iter().zip(told).filter_map(|(outcome, told)| {
        let activity = told.as_ref().ok()?;
        let known = known.get(&activity.event_id)?;
        let recorded = known.recorded.is_some() || matches!(outcome, Ok(Recorded::New));
        (known.parked.is_some() && recorded).then_some(&activity.event_id)
    });
    let settled: BTreeSet<_> = settled.collect();
    let settled: Vec<_> = settled.into_iter().collect();
    Ok(parked::remove(tx, scene.org.key, &scene.principal.caller, &settled).await?)
}

/// Sorts what is told: what is new, what was told before, what waits, what is refused.
struct Intake<'a> {
    scene: &'a Scene<'a>,
    /// What the source may tell of; nothing if that was decided before.
    voice: Option<Voice<'a>>,
    subjects: &'a HashMap<AccountId, Subject>,
    /// What was told before.
    known: &'a HashMap<EventId, Known>,
    /// What was told so far.
    said: HashMap<&'a EventId, Known>,
    fresh: Vec<&'a Activity>,
    waiting: Vec<(&'a Activity, &'a ExternalId)>,
    /// What waits, and was told again.
    renewed: BTreeSet<&'a EventId>,
}

impl<'a> Intake<'a> {
    /// `external` is the external id by which the account was named, `unknown` the same if no account has it.
    fn admit(
        &mut self,
        activity: &'a Activity,
        (external, unknown): (Option<&'a ExternalId>, Option<&'a ExternalId>),
        may_wait: bool,
    ) -> Result<Recorded, Error> {
        if let Some(voice) = &self.voice {
            voice.check(&activity.kind)?;
        }
        let id = &activity.event_id;
        if let Some(before) = self.said.get(id).or_else(|| self.known.get(id)) {
            let hash = before.recorded.as_ref().or(before.parked.as_ref());
            if hash.is_some_and(|hash| *hash != activity.payload_hash) {
                return Err(reused(id));
            }
            if before.recorded.is_some() {
                return Ok(Recorded::Duplicate);
            }
            if unknown.is_some() {
                if self.known.contains_key(id) && self.voice.is_some() {
                    self.renewed.insert(id);
                }
                return Ok(Recorded::Buffered);
            }
        }
        let scene = self.scene;
        // In the caller's words: the id of an account that he may not know of says that there is one.
        let no_account = || match external {
            Some(id) => Error::not_found("account", id),
            None => Error::not_found("account", activity.account),
        };
        let now = match unknown {
            Some(_) if !may_wait => return Err(no_account()),
            Some(_) => scene.now,
            None => {
                let subject = self.subjects.get(&activity.account);
                let subject = subject.filter(|subject| may_tell(scene, subject));
                let subject = subject.ok_or_else(no_account)?;
                scene.now.max(subject.account.update_time)
            }
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
        let said = self.said.entry(id).or_default();
        let hash = Some(activity.payload_hash.to_vec());
        if let Some(account) = unknown {
            said.parked = hash;
            self.waiting.push((activity, account));
            return Ok(Recorded::Buffered);
        }
        said.recorded = hash;
        self.fresh.push(activity);
        Ok(Recorded::New)
    }
}

fn reused(event_id: &EventId) -> Error {
    let message = format!("the source told of another event {event_id}; what was told first stands");
    Refusal::new(Reason::EventIdReused, message)
        .with("event_id", event_id)
        .into()
}

/// Services tell of every account that is not gone; users of those that they may read, or may add to before the claim.
fn may_tell(scene: &Scene<'_>, subject: &Subject) -> bool {
    use crate::domain::account::Status;
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
