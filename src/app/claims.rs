//! Claims at the same time share units of work, as calls of ingest do: whoever finds a lane free claims alone, and the others
//! wait for the lane and are decided in one transaction, in the order in which they came. Each is decided as if it came after
//! those before it, so of many who want one account the first who may has it.
//!
//! Statement budget of a claim alone: see `circulate`. Of n claims together, of up to 128 accounts: 1 read of the accounts, 1 of
//! bans and teams, 1 of answers where the calls have request ids, 1 of limits and guard rows of those who are first in line
//! (1 more where these are refused and others are next), and the writes of one call, with 1 for the answers.

use super::{
    App,
    call::Call,
    circulate::{Bulk, ItemOutcome, Outcome, decide_next},
    coalesce::{Lanes, Work},
    flow::{self, Once, Reply},
    handover,
    holders::{Holder, gains, read_holders, versions},
    tally,
};
use crate::{
    domain::{
        change::Change,
        circulation::{Decision, Item, Scene, Subject},
        error::Error,
        ids::{AccountId, CallerId, TenantName, UserId},
        organisation::Organisation,
        related::handover::Followers,
    },
    store::{
        Abort, Deadline, Tx,
        apply::{self, Origin, Origins},
        config::By,
        request::{Found, RequestKey},
        request_batch, subject,
    },
    telemetry::traces,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

const NAME: &str = "ClaimAccount";

/// A call that claims an account.
#[derive(Debug)]
pub struct Claim {
    call: Call,
    key: Option<RequestKey>,
    wanted: Bulk,
    /// The bytes of the answer.
    encode: fn(&Outcome) -> Vec<u8>,
    /// The trace of the call.
    traceparent: Option<String>,
}

impl Work for Claim {
    fn items(&self) -> usize {
        1
    }

    fn deadline(&self) -> Deadline {
        self.call.deadline
    }

    /// Two calls of one request find what became of each other only if one comes after the other.
    fn marks(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|key| key.request_id.as_str())
    }
}

/// What a call is answered.
type Answer = Result<Reply<Outcome>, Error>;

/// The lanes in which the claims of a tenant's service run, by tenant, service, and whether the calls have request ids: those
/// that have can find out what became of them, and need not share the doubts of the others.
pub type ClaimLanes = Lanes<(TenantName, CallerId, bool), Claim, Answer>;

/// How many transactions with claims of a service run at a time. With more, eight callers share nothing, and what they share
/// is worth more than a place in the next write of the log; with fewer, a database far away has nothing to do while answers
/// travel. Where there are fewer connections (SQLite has one writer), further lanes would wait for them instead of filling up.
#[must_use]
pub fn lanes(connections: u32) -> usize {
    connections.clamp(1, 4) as usize
}

/// A call whose answer is open.
struct Open<'a> {
    /// Its place in the group.
    at: usize,
    claim: &'a Claim,
    scene: Scene<'a>,
    item: &'a Item,
}

/// What the decisions of a group are made on, and what has come of them.
struct Desk {
    subjects: HashMap<AccountId, Subject>,
    places: HashMap<(AccountId, UserId), subject::Place>,
    holders: HashMap<UserId, Holder>,
    followers: Followers,
    changes: Vec<Change>,
    origins: Origins,
}

impl App {
    /// Claims an account for the actor.
    pub async fn claim(
        &self,
        call: &Call,
        key: Option<RequestKey>,
        encode: fn(&Outcome) -> Vec<u8>,
        wanted: Bulk,
    ) -> Answer {
        if wanted.validate_only {
            return self
                .circulate(call, NAME, &Once { key, encode: &encode }, &wanted)
                .await;
        }
        let lane = (call.tenant.clone(), call.caller.clone(), key.is_some());
        let claim = Claim {
            call: call.clone(),
            key,
            wanted,
            encode,
            traceparent: traces::traceparent(),
        };
        let claimed = self
            .claims
            .run(lane, claim, |group| async move { self.claim_all(&group).await });
        claimed.await?
    }

    async fn claim_all(&self, group: &[Arc<Claim>]) -> Result<Vec<Answer>, Error> {
        let Some(first) = group.first() else {
            return Ok(Vec::new());
        };
        if group.len() == 1 {
            let once = Once {
                key: first.key.clone(),
                encode: &first.encode,
            };
            let reply = self.circulate(&first.call, NAME, &once, &first.wanted).await?;
            return Ok(vec![Ok(reply)]);
        }
        let deadlines = group.iter().map(|claim| claim.call.deadline);
        let deadline = deadlines.min().unwrap_or(first.call.deadline);
        let unit = self.db.unit(NAME, deadline).replayable(first.key.is_some());
        let answers = self
            .on_tenant(&first.call.tenant, &unit, deadline, |org| async move {
                unit.retry(|| unit.tx(async |tx| self.claim_together(tx, &org, group).await))
                    .await
            })
            .await?;
        for (claim, answer) in group.iter().zip(&answers) {
            tally::moves(NAME, &claim.wanted, answer);
        }
        Ok(answers)
    }

    async fn claim_together(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        group: &[Arc<Claim>],
    ) -> Result<Vec<Answer>, Abort> {
        // In this order: what a request did itself, sent twice at the same time, must not stand in its way.
        let subjects = load(tx, org, group).await?;
        let mut answers = answered(tx, org, group).await?;
        let principals: Vec<_> = group.iter().map(|claim| Self::principal(org, &claim.call)).collect();
        let now = self.clock.now();
        let mut open = Vec::new();
        for (at, (claim, principal)) in group.iter().zip(&principals).enumerate() {
            match (&answers[at], principal, claim.wanted.items.first()) {
                (Some(_), ..) => {}
                (None, Ok(principal), Some(item)) => open.push(Open {
                    at,
                    claim,
                    scene: Scene { org, principal, now },
                    item,
                }),
                (None, Err(error), _) => answers[at] = Some(Err(error.clone())),
                (None, Ok(_), None) => answers[at] = Some(Err(Error::internal())),
            }
        }
        let actors: BTreeSet<&UserId> = open.iter().filter_map(|open| open.claim.call.actor.as_ref()).collect();
        let wished = open.iter().map(|open| (open.claim.call.actor.as_ref(), open.item));
        let mut desk = Desk {
            places: subject::places(tx, org, subjects.keys().copied(), &actors).await?,
            followers: handover::count(tx, org, &subjects, wished).await?,
            subjects,
            holders: HashMap::new(),
            changes: Vec::new(),
            origins: Origins::new(),
        };
        for (at, answer) in desk.decide(tx, org, now, open).await? {
            answers[at] = Some(answer);
        }
        let Desk {
            holders,
            followers,
            mut changes,
            origins,
            ..
        } = desk;
        if !changes.is_empty() {
            handover::fill(tx, org.key, &mut changes, followers).await?;
            let by = By {
                caller: &group[0].call.caller,
                actor: None,
                now,
            };
            apply::apply_told(tx, org.key, &changes, &versions(&holders), &by, &origins).await?;
        }
        let told = group.iter().zip(&answers).filter_map(|(claim, answer)| match answer {
            Some(Ok(Reply::Done(outcome))) => Some((claim.key.as_ref()?, (claim.encode)(outcome))),
            _ => None,
        });
        request_batch::remember(tx, org.key, told.collect(), now).await?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(Error::internal())))
            .collect())
    }
}

impl Desk {
    /// Decides those who are first in line for their account, and then the others: limits are read of those for whom they
    /// matter.
    async fn decide(
        &mut self,
        tx: &Tx,
        org: &Organisation,
        now: DateTime<Utc>,
        open: Vec<Open<'_>>,
    ) -> Result<Vec<(usize, Answer)>, Abort> {
        let mut seen = HashSet::new();
        let (first, then): (Vec<_>, Vec<_>) = open.into_iter().partition(|open| seen.insert(open.item.account));
        let mut answers = Vec::new();
        for line in [&first, &then] {
            let mut wanted = gains(
                &self.subjects,
                first.iter().chain(&then).map(|open| (&open.scene, open.item)),
            );
            let users: HashSet<_> = line.iter().filter_map(|open| open.claim.call.actor.as_ref()).collect();
            wanted.retain(|user, _| users.contains(user) && !self.holders.contains_key(user));
            self.holders
                .extend(read_holders(tx, org, now, &self.subjects, &wanted).await?);
            for open in line {
                answers.push((open.at, self.claim(open)));
            }
        }
        Ok(answers)
    }

    /// Decides one, as those before it left the account.
    fn claim(&mut self, open: &Open<'_>) -> Answer {
        let mut subject = self.subjects.get(&open.item.account).cloned();
        if let (Some(subject), Some(actor)) = (&mut subject, &open.claim.call.actor) {
            let place = self.places.get(&(open.item.account, actor.clone()));
            subject.team = place.and_then(|place| place.team);
            subject.banned_since = place.and_then(|place| place.banned_since);
        }
        let decided = decide_next(
            &open.scene,
            subject.as_ref(),
            &mut self.holders,
            &mut self.followers,
            open.item,
        )?;
        let account = decided.account().clone();
        let mut left_behind = 0;
        if let Decision::Change(change) = decided {
            if self.origins.contains_key(&account.id) {
                // Nobody can claim what was claimed a moment ago.
                return Err(Error::internal());
            }
            left_behind = change.event.effects.contacts_left_behind;
            let origin = Origin {
                actor: open.claim.call.actor.clone(),
                traceparent: open.claim.traceparent.clone(),
            };
            self.origins.insert(account.id, origin);
            if let Some(subject) = self.subjects.get_mut(&account.id) {
                subject.account = account.clone();
            }
            self.changes.push(*change);
        }
        let item = ItemOutcome {
            account: account.id,
            moved: Ok(Some(account)),
            admission: None,
            left_behind,
        };
        Ok(Reply::Done(Outcome {
            applied: true,
            items: vec![item],
        }))
    }
}

/// The accounts, as whoever claims them finds them.
async fn load(tx: &Tx, org: &Organisation, group: &[Arc<Claim>]) -> Result<HashMap<AccountId, Subject>, Abort> {
    let items = group.iter().flat_map(|claim| &claim.wanted.items);
    let ids: BTreeSet<_> = items.map(|item| item.account).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let mut subjects = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(subject::CHUNK) {
        let loaded = subject::load(tx, org, None, None, chunk).await?;
        let loaded = loaded.ok_or_else(flow::unknown_tenant)?;
        if loaded.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        subjects.extend(loaded.subjects);
    }
    Ok(subjects)
}

/// What the calls were answered before.
async fn answered(tx: &Tx, org: &Organisation, group: &[Arc<Claim>]) -> Result<Vec<Option<Answer>>, Abort> {
    let keys: Vec<_> = group.iter().filter_map(|claim| claim.key.as_ref()).collect();
    let mut found = request_batch::find(tx, org.key, &keys).await?;
    let answer = |claim: &Arc<Claim>| match found.remove(claim.key.as_ref()?.request_id.as_str())? {
        Found::Nothing => None,
        Found::Answer(bytes) => Some(Ok(Reply::Replayed(bytes))),
        Found::Other => Some(Err(flow::reused())),
    };
    Ok(group.iter().map(answer).collect())
}
