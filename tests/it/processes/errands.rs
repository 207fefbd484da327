//! What clients of a server that may die want done: each thing once, under a request id, asked for until there is an answer.

use super::{Deployed, number, soon};
use crate::{
    activities::told,
    races::reason,
    site::{Site, new_account},
    world::{World, claim, give_back, open_pool},
};
use chrono::{DateTime, Utc};
use std::{fmt::Debug, time::Duration};
use tidepool::{
    clock::Clock,
    domain::refusal::Reason,
    rpc::proto::{self, AccountStatus},
};
use tokio::time::{Instant, sleep};
use tonic::{Response, Status};

/// Accounts of a bulk call.
pub(super) const MANY: usize = 5;
/// How long a server may take to serve again after it died.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Claim,
    ClaimMany,
    Return,
    FollowUp,
    Create,
    CreateMany,
    Merge,
}

pub(super) const KINDS: [Kind; 7] = [
    Kind::Claim,
    Kind::ClaimMany,
    Kind::Return,
    Kind::FollowUp,
    Kind::Create,
    Kind::CreateMany,
    Kind::Merge,
];

/// A thing that is wanted once, of accounts that nothing else is wanted of.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    kind: Kind,
    number: usize,
    accounts: Vec<String>,
    pool: String,
    at: DateTime<Utc>,
}

/// Accounts for errands, lying in a pool and owned by `bob`.
#[derive(Debug)]
pub(crate) struct Stock {
    pool: String,
    lying: Vec<String>,
    owned: Vec<String>,
    made: usize,
}

impl Stock {
    /// Makes enough for so many errands.
    pub(crate) async fn make(world: &World, errands: usize) -> Self {
        let site = world.site();
        let pool = site.pool(open_pool("North")).await;
        Self {
            lying: site
                .many_lying("Lying", &pool, errands / 3 * (1 + MANY) + 1 + MANY)
                .await,
            owned: site.many("Owned", &pool, "bob", errands / 3 * 2 + 2).await,
            pool,
            made: 0,
        }
    }

    /// An errand of this kind.
    pub(crate) fn errand(&mut self, kind: Kind) -> Errand {
        let accounts = match kind {
            Kind::Claim => self.lying.split_off(self.lying.len() - 1),
            Kind::ClaimMany => self.lying.split_off(self.lying.len() - MANY),
            Kind::Return | Kind::FollowUp => self.owned.split_off(self.owned.len() - 1),
            Kind::Merge => self.owned.split_off(self.owned.len() - 2),
            Kind::Create | Kind::CreateMany => vec![],
        };
        self.made += 1;
        Errand {
            kind,
            number: self.made,
            accounts,
            pool: self.pool.clone(),
            at: Clock::System.now(),
        }
    }

    /// An errand of each kind in turn.
    pub(crate) fn next(&mut self) -> Errand {
        self.errand(KINDS[self.made % KINDS.len()])
    }

    pub(crate) fn pool(&self) -> &str {
        &self.pool
    }

    /// How many accounts the pool was given.
    pub(crate) fn put(&self) -> usize {
        self.lying.len() + self.owned.len()
    }
}

/// The answer as text, and whether it says that all went well.
fn said<T: Debug>(answer: Response<T>, well: impl FnOnce(&T) -> bool) -> String {
    let answer = answer.into_inner();
    assert!(well(&answer), "{answer:?}");
    format!("{answer:?}")
}

impl Deployed {
    /// Whether it was done, whoever knows of it.
    pub(crate) async fn remembers(&self, errand: &Errand) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM request WHERE request_id = '{}'",
            errand.request_id()
        );
        self.count(&sql).await == 1
    }

    /// How many answers are kept.
    pub(crate) async fn answers(&self) -> usize {
        let kept = self.count("SELECT COUNT(*) FROM request").await;
        usize::try_from(kept).unwrap()
    }

    /// Waits until so many answers are kept, and is quick about it.
    pub(crate) async fn knows(&self, answers: usize) {
        let db = self.direct().await;
        let answers = i64::try_from(answers).unwrap();
        let kept = async { while number(&db, "SELECT COUNT(*) FROM request").await < answers {} };
        soon("the answer", kept).await;
        db.close().await.unwrap();
    }
}

impl Errand {
    fn request_id(&self) -> String {
        format!("errand-{}", self.number)
    }

    /// Asks for it at one of the servers.
    pub(crate) async fn ask(&self, site: &Site, at: usize) -> Result<String, Status> {
        let request_id = self.request_id();
        let user = site.user_at(at, "bob");
        let admin = site.admin_at(at);
        match self.kind {
            Kind::Claim => {
                let request = proto::ClaimAccountRequest {
                    request_id,
                    ..claim(&self.accounts[0])
                };
                let answer = user.circulation().claim_account(request).await?;
                Ok(said(answer, |answer| answer.ownership.is_some()))
            }
            Kind::ClaimMany => {
                let item = |id: &String| proto::bulk_claim_accounts_request::Item {
                    account_id: id.clone(),
                    etag: String::new(),
                };
                let request = proto::BulkClaimAccountsRequest {
                    items: self.accounts.iter().map(item).collect(),
                    request_id,
                    ..Default::default()
                };
                let answer = user.circulation().bulk_claim_accounts(request).await?;
                Ok(said(answer, |answer| {
                    answer
                        .results
                        .iter()
                        .all(|result| result.status.as_ref().unwrap().code == 0)
                }))
            }
            Kind::Return => {
                let request = proto::ReturnAccountRequest {
                    request_id,
                    ..give_back(&self.accounts[0])
                };
                let answer = user.circulation().return_account(request).await?;
                Ok(said(answer, |answer| answer.ownership.is_some()))
            }
            Kind::FollowUp => {
                let activity = told(&request_id, &self.accounts[0], "sales_record.created", self.at);
                let request = proto::RecordActivitiesRequest {
                    activities: vec![activity],
                    request_id,
                    ..Default::default()
                };
                let answer = site
                    .source_at(at, "crm")
                    .activities()
                    .record_activities(request)
                    .await?;
                Ok(said(answer, |answer| {
                    answer.results[0].status.as_ref().unwrap().code == 0
                }))
            }
            Kind::Merge => {
                let request = proto::MergeAccountsRequest {
                    survivor_id: self.accounts[0].clone(),
                    merged_ids: self.accounts[1..].to_vec(),
                    request_id,
                    ..Default::default()
                };
                let answer = site.user_at(at, "root").accounts().merge_accounts(request).await?;
                Ok(said(answer, |answer| answer.account.is_some()))
            }
            Kind::Create => {
                let request = proto::CreateAccountRequest {
                    new_account: Some(new_account(&self.name(0), &self.pool, "")),
                    request_id,
                };
                let answer = admin.accounts().create_account(request).await?;
                Ok(said(answer, |answer| answer.account.is_some()))
            }
            Kind::CreateMany => {
                let request = proto::BulkCreateAccountsRequest {
                    new_accounts: (0..MANY)
                        .map(|which| new_account(&self.name(which), &self.pool, ""))
                        .collect(),
                    request_id,
                };
                let answer = admin.accounts().bulk_create_accounts(request).await?;
                // A name that is there already would be refused: nothing is created twice.
                Ok(said(answer, |answer| {
                    answer
                        .results
                        .iter()
                        .all(|result| result.status.as_ref().unwrap().code == 0)
                }))
            }
        }
    }

    /// How many accounts are none of the pool's any more.
    fn takes_away(&self) -> usize {
        usize::from(self.kind == Kind::Merge)
    }

    fn name(&self, which: usize) -> String {
        format!("Made {} {which}", self.number)
    }

    /// How many accounts it makes.
    pub(crate) fn makes(&self) -> usize {
        match self.kind {
            Kind::Create => 1,
            Kind::CreateMany => MANY,
            Kind::Claim | Kind::ClaimMany | Kind::Return | Kind::FollowUp | Kind::Merge => 0,
        }
    }

    /// Asks until there is an answer.
    pub(crate) async fn insist(&self, site: &Site, at: usize) -> String {
        let began = Instant::now();
        loop {
            match self.ask(site, at).await {
                Ok(said) => return said,
                Err(status) => {
                    assert!(may_be_repeated(&status), "{self:?}: {status:?}");
                    assert!(began.elapsed() < PATIENCE, "nobody serves: {self:?}: {status:?}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// It was done, once, and it is done whole.
    pub(crate) async fn was_done_once(&self, site: &Site) {
        for (at, id) in self.accounts.iter().enumerate() {
            let account = site.account(id).await;
            let ownership = account.ownership.unwrap();
            let found = (ownership.owner.as_str(), ownership.status(), ownership.etag.as_str());
            // Each of them was created, and one thing came after that.
            let expected = match self.kind {
                Kind::Return => ("", AccountStatus::Unassigned, "2"),
                Kind::Merge if at > 0 => ("", AccountStatus::Merged, "2"),
                _ => ("bob", AccountStatus::Assigned, "2"),
            };
            assert_eq!(found, expected, "{self:?}");
            assert_eq!(
                account.last_follow_up_time.is_some(),
                self.kind == Kind::FollowUp,
                "{self:?}"
            );
        }
    }
}

/// Whether the same call may be sent again: the server is gone, or it says that another attempt can help.
pub(crate) fn may_be_repeated(status: &Status) -> bool {
    let reason = reason(status);
    let transient = [
        Reason::Contention,
        Reason::DatabaseUnavailable,
        Reason::OutcomeUnknown,
        Reason::ServerBusy,
    ];
    reason.is_empty() || transient.iter().any(|transient| transient.as_str() == reason)
}

/// Each was done once, answers as it did, and the pool holds what was put into it and what they made.
pub(crate) async fn all_were_done_once(site: &Site, stock: &Stock, done: &[(Errand, String)]) {
    let (mut used, mut made, mut gone) = (0, 0, 0);
    for (at, (errand, said)) in done.iter().enumerate() {
        errand.was_done_once(site).await;
        assert_eq!(errand.insist(site, at).await, *said, "{errand:?}");
        used += errand.accounts.len();
        made += errand.makes();
        gone += errand.takes_away();
    }
    let (unclaimed, owned) = site.counted(stock.pool()).await;
    let there = usize::try_from(unclaimed + owned).unwrap();
    assert_eq!(there + gone, stock.put() + used + made);
}
