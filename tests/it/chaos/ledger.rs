//! What must hold after each round, whatever was struck. Of each account its changes are read from the stream, in which there is
//! no hole, and compared with what people were told: every acknowledged change is there at its version, was made by
//! who asked for it, and follows from the one before; nothing is there that nobody asked for; what ended before something
//! else began has the lower version; nobody lost an account that he had followed up in time; and what was refused could not be
//! done at that time.

use super::{
    place::Place,
    refusals::{History, judge},
    rows,
    work::{Became, Company, Done, Wish, stored},
};
use crate::processes::outside::LONG;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tidepool::rpc::proto::{Event, TenureEndCause};
use tokio::time::{Instant, sleep, timeout};

/// A change, as the stream tells of it.
#[derive(Clone, Debug)]
struct Step {
    version: i64,
    kind: String,
    actor: String,
    /// Who owned the account before and after, if that changed.
    owners: Option<(String, String)>,
    /// Who owns it afterwards.
    owner: String,
    swept: bool,
    at: DateTime<Utc>,
}

/// What is known of an account.
#[derive(Debug, Default)]
struct Known {
    version: i64,
    owner: String,
    /// Whether the owner has had it since it was created, without a follow-up.
    idle: bool,
    /// Whether the sweep took it.
    taken: bool,
    /// Follow-ups that may not have made a change of their own yet.
    told: usize,
    /// When the last follow-up was acknowledged, by the clock of all.
    followed_up: Vec<DateTime<Utc>>,
    /// Attempts that were not answered and may still do what they were to do: what, and for whom.
    open: Vec<Wanted>,
    /// Changes of this round.
    steps: Vec<Step>,
    /// What people were told in this round.
    done: Vec<Done>,
}

/// Some numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: usize,
    refused: usize,
    /// Refused and looked at again.
    judged: usize,
    /// Asked for more than once.
    repeated: usize,
    events: usize,
    swept: usize,
}

/// See the file's head.
#[derive(Debug)]
pub(super) struct Ledger {
    accounts: HashMap<String, Known>,
    /// What each of those who follow was sent and is not dealt with.
    news: Vec<Vec<Event>>,
    told: usize,
    /// By how much a clock was ahead in this round and in the one before.
    ahead: [TimeDelta; 2],
    last: Tally,
    total: Tally,
}

impl Ledger {
    pub(super) fn new(company: &Company) -> Self {
        let all = company.accounts.iter().chain(&company.due).chain(&company.spare);
        Self {
            accounts: all.map(|id| (id.clone(), Known::default())).collect(),
            news: Vec::new(),
            told: 0,
            ahead: [TimeDelta::zero(); 2],
            last: Tally::default(),
            total: Tally::default(),
        }
    }

    /// What was done meanwhile may bear a time that is later by so many seconds.
    pub(super) fn a_clock_was_ahead(&mut self, seconds: i64) {
        self.ahead[0] = TimeDelta::seconds(seconds);
    }

    /// What people were told.
    pub(super) fn note(&mut self, done: impl Iterator<Item = Done>) {
        for done in done {
            match done.became {
                Became::Refused { .. } => self.last.refused += 1,
                Became::Seen { .. } | Became::Taken => self.last.done += 1,
            }
            self.last.repeated += usize::from(done.unanswered > 0);
            // A change of a pool's limit is none of an account.
            let Some(known) = self.accounts.get_mut(&done.account) else {
                continue;
            };
            if matches!(done.wish, Wish::Tell { .. }) {
                assert!(matches!(done.became, Became::Taken), "{done:?}");
                self.told += 1;
                known.told += 1;
                known.followed_up.push(done.answered_at);
            }
            known.done.push(done);
        }
    }

    /// Takes what everybody who follows was sent, which must be the same, up to all there is.
    pub(super) async fn follows_all(&mut self, place: &Place, direct: &DatabaseConnection) {
        let all = async {
            loop {
                // What a service was still at when its caller left may come after everything else.
                let all = rows(direct, "SELECT COUNT(*) FROM account_event").await;
                if place.followers().all(|follows| follows.came() == all) {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, all).await.expect("a change never comes");
        self.news.resize_with(place.services(), Vec::new);
        for (news, follows) in self.news.iter_mut().zip(place.followers()) {
            news.extend(follows.news());
        }
        // The sweep goes on: what one of them has not seen yet is for the next round.
        let all = self.news.iter().map(Vec::len).min().unwrap();
        let mut news: Vec<Vec<Event>> = self.news.iter_mut().map(|news| news.drain(..all).collect()).collect();
        for other in &news {
            assert_eq!(*other, news[0], "they were told different things");
        }
        self.last.events = all;
        for event in news.swap_remove(0) {
            self.read(event);
        }
    }

    /// A change is the next one of its account.
    fn read(&mut self, event: Event) {
        let known = self.accounts.get_mut(&event.account_id).expect("an account of ours");
        let told = event.account_event.unwrap();
        let before = known.steps.last().map_or(known.version, |step| step.version);
        assert_eq!(told.version, before + 1, "{} {told:?}", event.account_id);
        let effects = told.effects.unwrap_or_default();
        let at = told.event_time.unwrap();
        known.steps.push(Step {
            version: told.version,
            swept: effects.end_cause() == TenureEndCause::AutoReclaimed,
            owners: effects.owner.map(|owner| (owner.old, owner.new)),
            // To assign what somebody has is to change its owner.
            kind: told.kind.replace("owner_changed", "assigned"),
            actor: told.actor,
            owner: event.owner,
            at: DateTime::from_timestamp(at.seconds, at.nanos.cast_unsigned()).unwrap(),
        });
    }

    /// Everything that was promised. Begins a new round.
    pub(super) async fn checks(&mut self, company: &Company, direct: &DatabaseConnection, round: usize) {
        // What was not followed before the end of the round in which it happened is in the next one.
        let ahead = self.ahead[0].max(self.ahead[1]);
        let mut histories = HashMap::new();
        for (id, known) in &mut self.accounts {
            self.last.swept += known.steps.iter().filter(|step| step.swept).count();
            histories.insert(id.as_str(), known.checks(id, ahead));
        }
        self.last.judged = judge(company, &histories);
        self.ahead = [TimeDelta::zero(), self.ahead[0]];
        // Each follow-up is stored once; its id is a key.
        assert_eq!(
            usize::try_from(stored(direct, round).await),
            Ok(self.told),
            "follow-ups"
        );
        // One statement sees one instant; on SQLite too.
        let difference =
            "SELECT CAST((SELECT SUM(version) FROM account) - (SELECT COUNT(*) FROM account_event) AS SIGNED)";
        assert_eq!(rows(direct, difference).await, 0, "versions without a change");
        self.told = 0;
    }

    /// What the round was like.
    pub(super) fn last(&mut self) -> String {
        let last = std::mem::take(&mut self.last);
        self.total = Tally {
            done: self.total.done + last.done,
            refused: self.total.refused + last.refused,
            judged: self.total.judged + last.judged,
            repeated: self.total.repeated + last.repeated,
            events: self.total.events + last.events,
            swept: self.total.swept + last.swept,
        };
        last.told()
    }

    pub(super) fn total(&self) -> String {
        self.total.told()
    }
}

impl Tally {
    fn told(self) -> String {
        format!(
            "{} done, {} refused ({} judged), {} of these asked for again, {} changes followed, {} of them by the sweep",
            self.done, self.refused, self.judged, self.repeated, self.events, self.swept
        )
    }
}

impl Known {
    /// Says who owned it when, and what was asked of it.
    fn checks(&mut self, id: &str, ahead: TimeDelta) -> History {
        let done = std::mem::take(&mut self.done);
        let steps = std::mem::take(&mut self.steps);
        let mut acknowledged: HashMap<i64, Done> = HashMap::new();
        for done in &done {
            let Some(wanted) = wanted(&done.wish) else {
                continue;
            };
            match &done.became {
                Became::Seen { version, owner } => {
                    // Whoever is given what he has has it, and nothing changes.
                    let changed = |step: &Step| step.version == *version && step.kind == wanted.0;
                    if matches!(done.wish, Wish::Assign { .. }) && !steps.iter().any(changed) {
                        assert_eq!(*owner, wanted.2, "{id}: {done:?}");
                        continue;
                    }
                    let twice = acknowledged.insert(*version, done.clone());
                    let same = |twice: &Done| matches!((&done.wish, &twice.wish), (Wish::Assign { user: one }, Wish::Assign { user: other }) if one == other);
                    assert!(
                        twice.as_ref().is_none_or(same),
                        "{id}: two made one version: {done:?} {twice:?}"
                    );
                }
                // Each attempt of which nobody knows may still come true, once.
                Became::Refused { .. } if done.unanswered > 0 => self.open.push(wanted),
                Became::Refused { .. } | Became::Taken => {}
            }
        }
        let mut owners = BTreeMap::from([(self.version, self.owner.clone())]);
        for step in steps {
            self.follows(id, &step, ahead, acknowledged.remove(&step.version).as_ref());
            owners.insert(self.version, self.owner.clone());
        }
        assert!(
            acknowledged.is_empty(),
            "{id}: acknowledged and not there: {acknowledged:?}"
        );
        for done in &done {
            if let Became::Seen { version, owner } = &done.became {
                assert_eq!(owners.get(version), Some(owner), "{id}: {done:?}");
            }
        }
        linear(id, done.clone());
        History { owners, done }
    }

    /// A change follows from the one before, and from what somebody wanted.
    fn follows(&mut self, id: &str, step: &Step, ahead: TimeDelta, acknowledged: Option<&Done>) {
        if let Some((old, new)) = &step.owners {
            assert_eq!((old, new), (&self.owner, &step.owner), "{id}: {step:?}");
        }
        let came_to_own = step.owners.is_some();
        assert!(came_to_own || step.owner == self.owner, "{id}: {step:?}");
        match step.kind.as_str() {
            "account.created" => {
                assert_eq!(step.version, 1);
                self.idle = !step.owner.is_empty();
            }
            "account.activity_recorded" => {
                assert!(self.told > 0, "{id}: a follow-up of which nobody told: {step:?}");
                self.told -= 1;
                self.idle = false;
            }
            "account.reclaim_disputed" => {
                // It happened before the sweep took the account, and was told after that: an answer to it is one to this.
                assert!(self.told > 0, "{id}: a follow-up of which nobody told: {step:?}");
                assert!(self.taken, "{id}: nothing was taken: {step:?}");
                self.told -= 1;
            }
            "account.reclaimed" if step.swept => {
                // All of these were created with their deadline; whoever got one since has days.
                assert!(
                    self.idle,
                    "{id}: it was followed up or given away, and is taken: {step:?}"
                );
                let late = self.followed_up.iter().find(|at| **at < step.at - ahead);
                assert!(late.is_none(), "{id}: acknowledged at {late:?}, and taken: {step:?}");
                self.idle = false;
                self.taken = true;
            }
            kind => {
                let made = if let Some(made) = acknowledged.and_then(|done| wanted(&done.wish)) {
                    made
                } else {
                    let fits =
                        |open: &Wanted| (open.0, open.1.as_str(), open.2.as_str()) == (kind, &step.actor, &step.owner);
                    let at = self.open.iter().position(fits);
                    let at = at.unwrap_or_else(|| panic!("{id}: nobody asked for {step:?}"));
                    self.open.swap_remove(at)
                };
                let found = (kind, step.actor.as_str(), step.owner.as_str());
                assert_eq!((made.0, made.1.as_str(), made.2.as_str()), found, "{id}: {step:?}");
                assert!(came_to_own, "{id}: {step:?}");
                self.idle = false;
            }
        }
        let by_itself = step.swept
            || matches!(
                step.kind.as_str(),
                "account.created" | "account.activity_recorded" | "account.reclaim_disputed"
            );
        assert!(!by_itself || acknowledged.is_none(), "{id}: {step:?} {acknowledged:?}");
        self.version = step.version;
        self.owner.clone_from(&step.owner);
    }
}

/// A kind of change, on whose word it is made, and who owns the account then.
type Wanted = (&'static str, String, String);

/// What a wish makes if it comes true, of those that change who owns the account.
fn wanted(wish: &Wish) -> Option<Wanted> {
    match wish {
        Wish::Claim { user } => Some(("account.claimed", (*user).into(), (*user).into())),
        Wish::Return { user } => Some(("account.returned", (*user).into(), String::new())),
        Wish::Assign { user } => Some(("account.assigned", "ann".into(), (*user).into())),
        Wish::Tell { .. } | Wish::Read | Wish::Limit { .. } => None,
    }
}

/// What had ended before something else began has no later version.
fn linear(id: &str, mut done: Vec<Done>) {
    done.retain(|done| done.version().is_some());
    done.sort_by_key(Done::version);
    let mut latest: Option<(Instant, &Done)> = None;
    for of_version in done.chunk_by(|a, b| a.version() == b.version()) {
        for done in of_version {
            if let Some((began, later)) = latest {
                assert!(began <= done.ended, "{id}: {done:?} ended before {later:?} began");
            }
        }
        for done in of_version {
            if latest.is_none_or(|(began, _)| began < done.began) {
                latest = Some((done.began, done));
            }
        }
    }
}
