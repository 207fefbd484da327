//! People who claim, two at a time, and how long they wait.

use crate::common::{Outcome, USERS, runs::Latency, site::TENANT, spent::measured};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tidepool::{
    client::{Client, Who},
    rpc::proto,
};
use tokio::task::JoinSet;

const AT_ONCE: usize = 2;
/// Between two claims of one person: the machine is not to be busy with claims alone.
const PAUSE: Duration = Duration::from_millis(5);

/// Claims to make.
pub(crate) struct Claims {
    clients: Vec<Client>,
    ids: Arc<Vec<String>>,
}

impl Claims {
    pub(crate) fn start(admin: &Client, ids: Vec<String>) -> Outcome<Self> {
        let client = |at: u64| {
            admin.as_who(&Who {
                tenant: TENANT.into(),
                caller: "crm".into(),
                scopes: "act-as".into(),
                actor: format!("user{at}"),
            })
        };
        Ok(Self {
            clients: (0..USERS).map(client).collect::<Result<_, _>>()?,
            ids: Arc::new(ids),
        })
    }

    /// Claims all there are, or until `over` says that it is enough.
    pub(crate) async fn run(self, over: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Outcome<Latency> {
        let next = Arc::new(AtomicUsize::new(0));
        let clients = Arc::new(self.clients);
        let mut people = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (next, clients, ids, over) = (next.clone(), clients.clone(), self.ids.clone(), over.clone());
            people.spawn(measured(async move {
                let mut took = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(id) = ids.get(at).filter(|_| !over()) else {
                        return Ok(took);
                    };
                    let request = proto::ClaimAccountRequest {
                        account_id: id.clone(),
                        ..Default::default()
                    };
                    let began = Instant::now();
                    clients[at % clients.len()].circulation().claim_account(request).await?;
                    took.push(began.elapsed().as_secs_f64() * 1000.0);
                    tokio::time::sleep(PAUSE).await;
                }
            }));
        }
        let mut all = Vec::new();
        while let Some(person) = people.join_next().await {
            let took: Result<Vec<f64>, tonic::Status> = person?;
            all.extend(took?);
        }
        Ok(Latency::of(all))
    }

    /// Claims for as long as `work` goes on.
    pub(crate) async fn beside<T>(self, work: impl Future<Output = T>) -> Outcome<(T, Latency)> {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let claims = tokio::spawn(self.run(move || seen.load(Ordering::SeqCst)));
        let done = work.await;
        over.store(true, Ordering::SeqCst);
        Ok((done, claims.await??))
    }
}
