//! Users of the service, on one connection.

use crate::common::{Failure, Outcome, USERS, request_id, site::TENANT, spent::measured};
use std::{sync::Arc, time::Instant};
use tidepool::{
    client::{Client, Refused, Who},
    rpc::proto::{self, ListAccountsRequest, bulk_assign_accounts_request, bulk_claim_accounts_request},
};
use tokio::{sync::Barrier, task::JoinSet};
use tonic::Status;
use uuid::Uuid;

/// One of them.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    /// The pool's.
    administrator: Client,
    user: String,
}

/// All of them.
#[derive(Clone)]
pub(crate) struct Callers(Arc<[Client]>);

impl Callers {
    pub(crate) fn start(admin: &Client) -> Outcome<Self> {
        let client = |at: u64| {
            admin.as_who(&Who {
                tenant: TENANT.into(),
                caller: "crm".into(),
                scopes: "act-as".into(),
                actor: format!("user{at}"),
            })
        };
        Ok(Self((0..USERS).map(client).collect::<Result<_, _>>()?))
    }

    pub(crate) fn client(&self, at: usize) -> Client {
        self.0[at % self.0.len()].clone()
    }

    fn caller(&self, at: usize) -> Caller {
        Caller {
            client: self.client(at),
            administrator: self.client(0),
            user: format!("user{}", at % self.0.len()),
        }
    }

    /// So many callers at a time, each a user who calls again and again for his part of the accounts, in calls of `size`; says
    /// how long calls took.
    pub(crate) async fn each<F>(
        &self,
        (callers, size): (usize, usize),
        ids: Vec<Uuid>,
        call: impl Fn(Caller, Vec<Uuid>) -> F + Copy + Send + 'static,
    ) -> Outcome<Vec<f64>>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for (at, part) in ids.chunks(ids.len() / callers).enumerate() {
            let (caller, part) = (self.caller(at), part.to_vec());
            tasks.spawn(measured(async move {
                let mut took = Vec::with_capacity(part.len() / size);
                for some in part.chunks(size) {
                    let began = Instant::now();
                    call(caller.clone(), some.to_vec()).await?;
                    took.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                Ok::<_, Failure>(took)
            }));
        }
        let mut all = Vec::new();
        while let Some(took) = tasks.join_next().await {
            all.extend(took??);
        }
        Ok(all)
    }

    /// So many callers want the same account at the same moment: one of them gets it, and all others are told that somebody
    /// has. Says how long all were answered.
    pub(crate) async fn all_for_one(&self, callers: usize, id: Uuid) -> Outcome<Vec<f64>> {
        let start = Arc::new(Barrier::new(callers));
        let mut tasks = JoinSet::new();
        for at in 0..callers {
            let (caller, start) = (self.caller(at), start.clone());
            tasks.spawn(measured(async move {
                start.wait().await;
                claim(caller, vec![id]).await
            }));
        }
        let began = Instant::now();
        let answers = tasks.join_all().await;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        let mut won = 0;
        for answer in answers {
            match answer {
                Ok(()) => won += 1,
                Err(error) if is_too_late(&error) => {}
                Err(error) => return Err(error),
            }
        }
        match won {
            1 => Ok(vec![took]),
            _ => Err(format!("{won} callers got the one account").into()),
        }
    }
}

fn is_too_late(error: &Failure) -> bool {
    let status = error.downcast_ref::<Status>();
    status.is_some_and(|status| Refused::from(status).reason == "ALREADY_CLAIMED")
}

pub(crate) async fn claim(caller: Caller, ids: Vec<Uuid>) -> Outcome {
    let request = proto::ClaimAccountRequest {
        account_id: ids[0].to_string(),
        request_id: request_id(),
        ..Default::default()
    };
    caller.client.circulation().claim_account(request).await?;
    Ok(())
}

pub(crate) async fn claim_many(caller: Caller, ids: Vec<Uuid>) -> Outcome {
    let item = |id: &Uuid| bulk_claim_accounts_request::Item {
        account_id: id.to_string(),
        ..Default::default()
    };
    let request = proto::BulkClaimAccountsRequest {
        items: ids.iter().map(item).collect(),
        request_id: request_id(),
        ..Default::default()
    };
    let answer = caller.client.circulation().bulk_claim_accounts(request).await?;
    all_moved(&answer.into_inner().results)
}

/// The administrator of the pool lets the caller have them.
pub(crate) async fn assign_many(caller: Caller, ids: Vec<Uuid>) -> Outcome {
    let item = |id: &Uuid| bulk_assign_accounts_request::Item {
        account_id: id.to_string(),
        assignee: caller.user.clone(),
        ..Default::default()
    };
    let request = proto::BulkAssignAccountsRequest {
        items: ids.iter().map(item).collect(),
        request_id: request_id(),
        ..Default::default()
    };
    let answer = caller.administrator.circulation().bulk_assign_accounts(request).await?;
    all_moved(&answer.into_inner().results)
}

fn all_moved(results: &[proto::MoveResult]) -> Outcome {
    let refused = results
        .iter()
        .find(|result| result.status.as_ref().is_some_and(|status| status.code != 0));
    refused.map_or(Ok(()), |refused| Err(format!("not moved: {refused:?}").into()))
}

pub(crate) async fn get(caller: Caller, ids: Vec<Uuid>) -> Outcome {
    let request = proto::GetAccountRequest {
        account_id: ids[0].to_string(),
    };
    caller.client.accounts().get_account(request).await?;
    Ok(())
}

/// A page; answers the token of the next one.
pub(crate) async fn list(client: &Client, request: ListAccountsRequest) -> Outcome<String> {
    let page = client.accounts().list_accounts(request).await?.into_inner();
    if page.accounts.is_empty() {
        return Err("a page is empty".into());
    }
    Ok(page.next_page_token)
}
