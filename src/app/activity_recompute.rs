//! Counts the deals of accounts again, from all activities that were told of them: a batch of the job.
//!
//! What was told is read object by object in pages, folded to what was said last of each object, and compared with the objects
//! as they are; so a batch keeps one page in memory, however much was told of its accounts. Accounts are written before
//! objects, as everywhere, and what they come to is known only after the last page: where objects change, all pages are gone
//! through once more. Nothing can have changed in between: what activities change raises the version of the account, which the
//! batch has compared by then.
//!
//! Statement budget per batch, and again where objects change: per [`PAGE`] activities and per [`PAGE`] objects 1 read; for each
//! source that told of objects nobody knows of 1 read per 128 of a page. Where it is not known what the actor of an activity was
//! to the account 1 read of teams. The writes of `store::apply`; of each page, for each source whose objects change, 1 write per
//! 512 of those that are there and 1 per 128 of those that are not.

use super::App;
use crate::{
    domain::{
        activity::{
            recount::recount as recounted,
            rules::{Deal, Standing},
            takes,
        },
        change::Change,
        circulation::{Scene, Subject},
        ids::{AccountId, CallerId, UserId},
        job::{Job, JobState},
        object::{BusinessObject, Claimed, Deals, Mark, ObjectKey, Sourced, recount},
        refusal::Reason,
    },
    store::{
        Abort, Tx,
        activity::members,
        activity_deals::{self as told, Spoken},
        activity_object as objects, apply,
        config::By,
        dialect::Engine,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    mem,
};

/// Activities, or objects, that are read at once.
const PAGE: usize = 10_000;

type Objects = BTreeMap<Sourced, BusinessObject>;
/// What was said last of the deals of objects, by the accounts that it was told of.
type Latest = BTreeMap<Sourced, BTreeMap<AccountId, (Mark, Deal)>>;

/// A batch of accounts.
struct Batch<'a> {
    tx: &'a Tx,
    engine: Engine,
    scene: &'a Scene<'a>,
    subjects: &'a HashMap<AccountId, Subject>,
    accounts: &'a [AccountId],
    /// The kinds that speak of deals by the present rules.
    kinds: Vec<String>,
    /// Who is in the teams of the accounts, once that was asked for.
    members: Option<HashSet<(AccountId, UserId)>>,
    /// What the objects of each account come to, and whether any changed.
    counted: BTreeMap<AccountId, (Deals, bool)>,
}

/// What is done about the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// They are counted.
    Count,
    /// Those that changed are written.
    Write,
}

impl<'a> Batch<'a> {
    fn new(
        tx: &'a Tx,
        engine: Engine,
        scene: &'a Scene<'a>,
        subjects: &'a HashMap<AccountId, Subject>,
        accounts: &'a [AccountId],
    ) -> Self {
        let speaking = scene.org.activity_rules.all_now();
        let speaking = speaking.filter(|kind| kind.meaning.deal.is_some());
        Self {
            tx,
            engine,
            scene,
            subjects,
            accounts,
            kinds: speaking.map(|kind| kind.traits.name).collect(),
            members: None,
            counted: accounts.iter().map(|id| (*id, (Deals::default(), false))).collect(),
        }
    }

    /// Goes through all objects as the latest of what was told leaves them.
    async fn go_through(&mut self, pass: Pass) -> Result<(), Abort> {
        let (mut latest, mut after, mut done) = (Latest::new(), None, None);
        loop {
            let page = self.spoken(after.as_ref()).await?;
            let last = (page.len() == PAGE).then(|| page.last().cloned()).flatten();
            for spoken in page {
                self.hear(&mut latest, spoken).await?;
            }
            let Some(last) = last else {
                return self.settle(pass, latest, (done.as_ref(), None)).await;
            };
            // More may be told of the object at which the page ends.
            let rest = latest.split_off(&last.object);
            let whole = mem::replace(&mut latest, rest);
            if let Some((upto, _)) = whole.last_key_value() {
                let upto = upto.clone();
                self.settle(pass, whole, (done.as_ref(), Some(&upto))).await?;
                done = Some(upto);
            }
            after = Some(last);
        }
    }

    async fn spoken(&self, after: Option<&Spoken>) -> Result<Vec<Spoken>, Abort> {
        let tenant = self.scene.org.key;
        Ok(told::spoken(self.tx, tenant, self.accounts, &self.kinds, after, PAGE).await?)
    }

    /// Notes what is said, if it counts: of each object it is later than what was said before.
    async fn hear(&mut self, latest: &mut Latest, spoken: Spoken) -> Result<(), Abort> {
        let Some(subject) = self.subjects.get(&spoken.account) else {
            return Ok(());
        };
        // What was not looked up when it was told is judged by how the account is now.
        let standing = match (spoken.standing, &spoken.actor) {
            (Some(standing), _) => standing,
            (None, None) => Standing::Nobody,
            (None, Some(_)) => {
                let members = match self.members.take() {
                    Some(members) => members,
                    None => members(self.tx, self.scene.org.key, self.accounts).await?,
                };
                let account = &subject.account;
                let known = |user: &UserId| {
                    account.last_owner.as_ref() == Some(user) || members.contains(&(account.id, user.clone()))
                };
                let standing = Standing::of(account, spoken.actor.as_ref(), known);
                self.members = Some(members);
                standing
            }
        };
        let rules = &self.scene.org.activity_rules;
        if let Some(deal) = rules.counted(&spoken.kind, standing).deal {
            let of_object = latest.entry(spoken.object).or_default();
            of_object.insert(spoken.account, (spoken.mark, deal));
        }
        Ok(())
    }

    /// Goes through the objects after one, up to and with another, of which `latest` speaks.
    async fn settle(
        &mut self,
        pass: Pass,
        mut latest: Latest,
        (after, upto): (Option<&Sourced>, Option<&Sourced>),
    ) -> Result<(), Abort> {
        let mut after = after.cloned();
        loop {
            let range = (after.as_ref(), upto);
            let known = objects::of_accounts(self.tx, self.scene.org.key, self.accounts, range, PAGE).await?;
            let end = known.last_key_value().map(|(at, _)| at.clone());
            let Some(end) = end.filter(|_| known.len() == PAGE) else {
                return self.page(pass, known, latest).await;
            };
            let mut rest = latest.split_off(&end);
            latest.extend(rest.remove_entry(&end));
            let of_page = mem::replace(&mut latest, rest);
            self.page(pass, known, of_page).await?;
            after = Some(end);
        }
    }

    /// Brings a page of objects up to date.
    async fn page(&mut self, pass: Pass, mut known: Objects, latest: Latest) -> Result<(), Abort> {
        let others = self.others(&known, &latest).await?;
        let mut claimed: Vec<Claimed> = Vec::with_capacity(latest.len());
        for (at, told) in latest {
            // What turns out to belong to another account is nothing to these.
            let owner = known.get(&at).map(|object| object.account);
            let theirs = others.contains(&at);
            let own = |account: &AccountId| !theirs && owner.is_none_or(|owner| owner == *account);
            if let Some((account, (mark, deal))) = told.into_iter().find(|(account, _)| own(account)) {
                claimed.push((at.0, at.1, account, mark, deal));
            }
        }
        let there: BTreeSet<_> = known.keys().cloned().collect();
        let changed = recount(&mut known, &claimed);
        match pass {
            Pass::Count => {
                for (at, object) in &known {
                    if let Some((deals, touched)) = self.counted.get_mut(&object.account) {
                        objects::count(deals, object);
                        *touched |= changed.contains(at);
                    }
                }
                Ok(())
            }
            Pass::Write => self.write(&known, &there, &changed).await,
        }
    }

    async fn write(
        &self,
        objects: &Objects,
        there: &BTreeSet<Sourced>,
        changed: &BTreeSet<Sourced>,
    ) -> Result<(), Abort> {
        let tenant = self.scene.org.key;
        let mut by_source: BTreeMap<&CallerId, (Vec<&BusinessObject>, Vec<&BusinessObject>)> = BTreeMap::new();
        for (at, object) in objects.iter().filter(|(at, _)| changed.contains(at)) {
            let (stored, new) = by_source.entry(&at.0).or_default();
            let of_kind = if there.contains(at) { stored } else { new };
            of_kind.push(object);
        }
        for (source, (stored, new)) in by_source {
            objects::restate(self.tx, self.engine, tenant, source, &stored).await?;
            objects::add(self.tx, tenant, source, &new).await?;
        }
        Ok(())
    }

    /// Those of the objects that are told of that belong to other accounts.
    async fn others(&self, known: &Objects, latest: &Latest) -> Result<BTreeSet<Sourced>, Abort> {
        let mut missing: BTreeMap<&CallerId, Vec<ObjectKey>> = BTreeMap::new();
        for at in latest.keys().filter(|at| !known.contains_key(at)) {
            missing.entry(&at.0).or_default().push(at.1.clone());
        }
        let mut others = BTreeSet::new();
        for (source, keys) in missing {
            let found = objects::objects(self.tx, self.scene.org.key, source, &keys).await?;
            others.extend(found.into_keys().map(|key| (source.clone(), key)));
        }
        Ok(others)
    }
}

impl App {
    /// One batch of the job.
    pub(super) async fn recompute_deals(
        &self,
        tx: &Tx,
        scene: &Scene<'_>,
        subjects: &HashMap<AccountId, Subject>,
        mut job: Job,
        page: &[AccountId],
    ) -> Result<Job, Abort> {
        if !scene.principal.crm_admin {
            job.state = JobState::Failed;
            Reason::NotAuthorized.as_str().clone_into(&mut job.reason);
            "whoever started the job is no CRM admin any more".clone_into(&mut job.message);
            return Ok(job);
        }
        let (tenant, engine) = (scene.org.key, self.db.engine());
        let live = |id: &&AccountId| subjects.get(id).is_some_and(|subject| takes(&subject.account));
        let accounts: Vec<AccountId> = page.iter().filter(live).copied().collect();
        if accounts.is_empty() {
            return Ok(job);
        }
        let mut batch = Batch::new(tx, engine, scene, subjects, &accounts);
        batch.go_through(Pass::Count).await?;
        let changes = batch.counted.iter().filter_map(|(id, (deals, touched))| {
            let account = &subjects.get(id)?.account;
            recounted(scene, account, objects::kept(*deals), *touched)
        });
        let changes: Vec<Change> = changes.collect();
        job.moved += i64::try_from(changes.len()).unwrap_or(0);
        let by = By {
            caller: &scene.principal.caller,
            actor: scene.principal.actor.as_ref(),
            now: scene.now,
        };
        apply::apply(tx, tenant, &changes, &HashMap::new(), &by).await?;
        if batch.counted.values().any(|(_, touched)| *touched) {
            batch.go_through(Pass::Write).await?;
        }
        Ok(job)
    }
}
