//! Activities come in: calls of services, messages of their streams, and what waited for its account. What a service
//! sends in several calls at the same time shares transactions, see [`super::coalesce`]; each of its calls, and each
//! message of a stream, is a [`Part`] with an answer of its own, and leaves its own trace. What becomes of each activity is
//! decided in `app::intake`.
//!
//! Statement budget for n activities of any number of parts, `k = ceil(n / 128)`: k reads of accounts by external ids where
//! there are such; 1 read for each merge that lies between an id and the account that it leads to, and k of these accounts;
//! k reads of revisions and accounts, k of known events; 1 read of answers and 1 write of them where there
//! are request ids, one part's own being read with the accounts; k reads of objects where new activities name some; where
//! activities are to wait 1 read of how many do, and k writes; where some no longer do, or are told again, k writes; and
//! what `take_effect` says.

use super::{
    App,
    activity::{Outcomes, Recorded, Told},
    activity_objects::{KnownObjects, known_objects},
    call::Call,
    coalesce::{Lanes, Work},
    flow::{self, Reply},
    ingest_load::{accounts, follow, load},
    intake::{Intake, PARKED_MAX, Way},
};
use crate::{
    domain::{
        activity::Activity,
        activity_source::Voice,
        circulation::{Scene, Subject},
        error::Error,
        ids::{AccountId, CallerId, EventId, ExternalId, TenantName},
        organisation::Organisation,
    },
    store::{
        Abort, Deadline, Tx,
        parked::{self, Known},
        request::{Found, RequestKey},
        request_batch,
    },
    telemetry::traces,
};
use chrono::TimeDelta;
use std::{
    collections::{BTreeSet, HashMap},
    iter,
    sync::Arc,
};

/// For how long activities wait for their account.
pub const PARKED_FOR: TimeDelta = TimeDelta::days(7);

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
    /// The trace of the call.
    traceparent: Option<String>,
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

/// How many transactions of a service run at a time. A second one works while the first waits for its commit; with more,
/// those of one service would meet at the same accounts, and run again. Where there is one connection (SQLite has one writer),
/// a second lane would wait for it instead of filling up.
#[must_use]
pub fn lanes(connections: u32) -> usize {
    connections.clamp(1, 2) as usize
}

/// What the body of a unit of work is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    /// Whose call it is.
    pub(super) call: &'a Call,
    /// What is told.
    pub(super) parts: &'a [&'a Part],
    /// The trace of each part.
    pub(super) traces: &'a [Option<&'a str>],
    /// Whether it was taken in before and waited: whether its source may tell of it was decided then.
    pub(super) again: bool,
}

impl<'a> Delivery<'a> {
    /// The trace of a part.
    fn trace(&self, part: usize) -> Option<&'a str> {
        self.traces.get(part).copied().flatten()
    }
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
            traceparent: traces::traceparent(),
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
        let traces = group
            .iter()
            .flat_map(|submission| iter::repeat_n(submission.traceparent.as_deref(), submission.parts.len()));
        let traces: Vec<_> = traces.collect();
        let delivery = Delivery {
            call: &call,
            parts: &parts,
            traces: &traces,
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
        let Delivery { call, parts, again, .. } = delivery;
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
        let open = parts.iter().enumerate().filter(|(at, _)| replies[*at].is_none());
        let open: Vec<(usize, &Part)> = open.map(|(at, part)| (at, *part)).collect();
        // Everything that is told, in one row, with the accounts that are known.
        let told: Vec<Told> = open
            .iter()
            .flat_map(|(_, part)| &part.told)
            .map(|named| {
                let named = named.as_ref().map_err(Clone::clone)?;
                let account = resolve(named).unwrap_or(named.0.account);
                Ok(Activity {
                    account,
                    ..named.0.clone()
                })
            })
            .collect();
        let ways = open.iter().flat_map(|(at, part)| {
            let (may_wait, traceparent) = (part.buffer_unknown, delivery.trace(*at));
            let accounts = &accounts;
            part.told.iter().map(move |named| {
                let external = named.as_ref().ok().and_then(|(_, external)| external.as_ref());
                Way {
                    external,
                    unknown: external.is_some_and(|id| !accounts.contains_key(id)),
                    may_wait,
                    traceparent,
                }
            })
        });
        let ways: Vec<Way<'_>> = ways.collect();
        let (known, objects) = before(tx, &scene, &subjects, &told).await?;
        let mut intake = Intake {
            scene: &scene,
            voice,
            subjects: &subjects,
            known: &known,
            objects: &objects,
            room: room(tx, org, &known, &told, &ways).await?,
            said: HashMap::new(),
            claimed: HashMap::new(),
            fresh: Vec::new(),
            waiting: Vec::new(),
            renewed: BTreeSet::new(),
        };
        let decided = told.iter().zip(&ways).map(|(told, way)| match told {
            Ok(activity) => intake.admit(activity, *way),
            Err(error) => Err(error.clone()),
        });
        let outcomes: Outcomes = decided.collect();
        let Intake {
            fresh,
            waiting,
            renewed,
            ..
        } = intake;
        self.take_effect(tx, &scene, &subjects, &objects, &fresh).await?;
        let (tenant, source, expires) = (org.key, &call.caller, scene.now + PARKED_FOR);
        parked::park(tx, tenant, source, waiting, scene.now, expires).await?;
        unpark(tx, &scene, &known, &outcomes, &told).await?;
        let renewed: Vec<_> = renewed.into_iter().collect();
        parked::renew(tx, tenant, source, &renewed, expires).await?;
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

/// What was told before of the same events, and the objects that there are of those that new ones tell of.
async fn before(
    tx: &Tx,
    scene: &Scene<'_>,
    subjects: &HashMap<AccountId, Subject>,
    told: &[Told],
) -> Result<(HashMap<EventId, Known>, KnownObjects), Abort> {
    let events: BTreeSet<_> = told.iter().flatten().map(|activity| &activity.event_id).collect();
    let events: Vec<_> = events.into_iter().collect();
    let known = parked::known(tx, scene.org.key, &scene.principal.caller, &events).await?;
    let new = told.iter().flatten().filter(|activity| {
        let known = known.get(&activity.event_id);
        known.is_none_or(|known| known.recorded.is_none())
    });
    let objects = known_objects(tx, scene, subjects, new).await?;
    Ok((known, objects))
}

/// How many more activities of the tenant may wait; counted only if any are to.
async fn room(
    tx: &Tx,
    org: &Organisation,
    known: &HashMap<EventId, Known>,
    told: &[Told],
    ways: &[Way<'_>],
) -> Result<usize, Abort> {
    let new = |told: &Told| {
        let told = told.as_ref();
        told.is_ok_and(|activity| !known.contains_key(&activity.event_id))
    };
    if !told.iter().zip(ways).any(|(told, way)| way.would_wait() && new(told)) {
        return Ok(0);
    }
    Ok(PARKED_MAX - parked::count(tx, org.key, PARKED_MAX).await?)
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
