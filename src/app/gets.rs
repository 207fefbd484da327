//! Reads of one account each, at the same time, share statements, as claims share transactions: whoever finds a lane free reads
//! alone, and the others wait for the lane and are read together. Everybody sees what was committed when he asked, or later.
//!
//! Statement budget of a read alone: see `account`. Of n reads together, of up to 128 accounts: 1 read of them, 1 of related
//! teams where some have one, 2 of tags and fields where some have any.

use super::{
    App,
    account::{View, view},
    call::Call,
    coalesce::{Lanes, Work},
    flow,
};
use crate::{
    domain::{
        account::{Extras, TeamAccess},
        circulation::{Scene, Subject},
        error::Error,
        ids::{AccountId, TenantName, UserId},
        organisation::Organisation,
    },
    store::{
        Abort, Deadline, extras,
        subject::{self, Viewers},
        unit::Reader,
    },
};
use std::{
    collections::{BTreeSet, HashMap},
    iter,
    sync::Arc,
};

/// A call that reads an account.
#[derive(Debug)]
pub struct Get {
    call: Call,
    account: AccountId,
}

impl Work for Get {
    fn items(&self) -> usize {
        1
    }

    fn deadline(&self) -> Deadline {
        self.call.deadline
    }

    fn marks(&self) -> impl Iterator<Item = &str> {
        iter::empty()
    }
}

/// What a call is answered: the account, if it is there for the actor.
type Answer = Result<Option<View>, Error>;

/// The lanes in which accounts of a tenant are read.
pub type GetLanes = Lanes<TenantName, Get, Answer>;

/// How many statements that read accounts of a tenant one by one run at a time. With fewer, a few callers would wait for each
/// other; with more, many would share little.
#[must_use]
pub fn lanes(connections: u32) -> usize {
    connections.clamp(1, 2) as usize
}

/// Accounts as they are in the database, for several who look at them.
#[derive(Debug, Default)]
struct Found {
    subjects: HashMap<AccountId, Subject>,
    extras: HashMap<AccountId, Extras>,
    teams: HashMap<AccountId, Vec<(UserId, TeamAccess)>>,
}

impl App {
    /// Reads an account.
    pub async fn get_account(&self, call: &Call, id: AccountId) -> Result<View, Error> {
        let get = Get {
            call: call.clone(),
            account: id,
        };
        let found = self.gets.run(
            call.tenant.clone(),
            get,
            |group| async move { self.get_all(&group).await },
        );
        match found.await?? {
            Some(view) => Ok(view),
            None => Err(self.not_there(call, id).await),
        }
    }

    async fn get_all(&self, group: &[Arc<Get>]) -> Result<Vec<Answer>, Error> {
        let Some(first) = group.first() else {
            return Ok(Vec::new());
        };
        if group.len() == 1 {
            let found = self.get_accounts(&first.call, &[first.account]).await?.pop();
            return Ok(vec![Ok(found)]);
        }
        let deadlines = group.iter().map(|get| get.call.deadline);
        let deadline = deadlines.min().unwrap_or(first.call.deadline);
        let unit = self.db.unit("GetAccount", deadline);
        self.on_tenant(&first.call.tenant, &unit, deadline, |org| async move {
            unit.retry(|| async {
                let found = find(&unit.reader().await?, &org, group).await?;
                let now = self.clock.now();
                let answers = group.iter().map(|get| {
                    let principal = &Self::principal(&org, &get.call)?;
                    let org = &org;
                    Ok(found.view(&Scene { org, principal, now }, get))
                });
                Ok::<_, Abort>(answers.collect())
            })
            .await
        })
        .await
    }
}

/// What is there of what they want.
async fn find(reader: &Reader<'_>, org: &Organisation, group: &[Arc<Get>]) -> Result<Found, Abort> {
    let ids: BTreeSet<_> = group.iter().map(|get| get.account).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let mut found = Found::default();
    for chunk in ids.chunks(subject::CHUNK) {
        let shown = subject::show(reader, org, Viewers::Several, chunk).await?;
        let shown = shown.ok_or_else(flow::unknown_tenant)?;
        if shown.revisions != org.revisions {
            return Err(Abort::Stale);
        }
        found
            .teams
            .extend(extras::teams(reader, org.key, &shown.with_team).await?);
        let extras = subject::extras(reader, org, &shown.subjects, &shown.with_extras).await?;
        found.extras.extend(extras);
        found.subjects.extend(shown.subjects);
    }
    Ok(found)
}

impl Found {
    /// The account as the caller may see it, who stands in for the members of its team whom he supervises.
    fn view(&self, scene: &Scene<'_>, get: &Get) -> Option<View> {
        let mut subject = self.subjects.get(&get.account)?.clone();
        if let Some((team, actor)) = self.teams.get(&get.account).zip(get.call.actor.as_ref()) {
            let stands_for = |member| member == actor || scene.org.directory.supervises(actor, member);
            let places = team.iter().filter(|(member, _)| stands_for(member));
            subject.team = places.map(|(_, access)| *access).max();
        }
        view(
            scene,
            subject,
            self.extras.get(&get.account).cloned().unwrap_or_default(),
        )
    }
}
