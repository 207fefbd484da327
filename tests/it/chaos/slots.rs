//! Whether every connection of a service still serves.

use super::{ledger::Ledger, place::Place, rows, work::Company};
use crate::{harness::pool_size, private_server::family};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Transactions that wait for somebody. MySQL's table of transactions cannot be read while one of them has a statement in it that
/// is not text.
const WAITING: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
const WAITING_ON_MYSQL: &str =
    "SELECT COUNT(DISTINCT requesting_engine_transaction_id) FROM performance_schema.data_lock_waits";

/// Whoever looks more often than ten times a second is shown the same as before.
const LOOK_EVERY: Duration = Duration::from_millis(150);

impl Place {
    /// As many transactions as a service has connections wait at the same time for somebody who holds their accounts, and
    /// end when he lets go. On SQLite, whose only writer has served already, there is nothing to be seen.
    pub(super) async fn no_slot_is_lost(&self, company: &Arc<Company>, ledger: &mut Ledger, round: usize) {
        if crate::harness::external_server().is_none() {
            return;
        }
        let slots = usize::try_from(pool_size()).unwrap().min(company.spare.len() - 1);
        let direct = self.direct().await;
        let waiting = if family().await == "mysql" {
            WAITING_ON_MYSQL
        } else {
            WAITING
        };
        for whom in 0..self.services() {
            let mut options = ConnectOptions::new(self.direct_url());
            options.max_connections(1);
            let holder = Database::connect(options).await.unwrap();
            // These rows and no others.
            let exactly = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
            for statement in [exactly, "BEGIN"] {
                holder.execute_unprepared(statement).await.unwrap();
            }
            let ids: Vec<_> = company.spare[1..=slots]
                .iter()
                .map(|id| format!("X'{}'", id.replace('-', "")))
                .collect();
            let hold = format!("SELECT id FROM account WHERE id IN ({}) FOR UPDATE", ids.join(", "));
            holder.execute_unprepared(&hold).await.unwrap();
            let mut told = JoinSet::new();
            for at in 1..=slots {
                let (company, site) = (company.clone(), Arc::new(Mutex::new(self.site_of(whom))));
                let name = format!("{round}-slot-{whom}-{at}");
                // Those of one service would share transactions.
                let source = format!("slot-{at}");
                told.spawn(async move { company.tells(&site, &company.spare[at], name, &source).await });
            }
            let mut most = 0;
            let all_wait = async {
                while most < slots {
                    most = most.max(rows(&direct, waiting).await);
                    sleep(LOOK_EVERY).await;
                }
            };
            let waited = timeout(Duration::from_secs(20), all_wait).await;
            holder.execute_unprepared("ROLLBACK").await.unwrap();
            holder.close().await.unwrap();
            waited.unwrap_or_else(|_| panic!("service {whom} serves {most} at a time"));
            ledger.note(told.join_all().await.into_iter());
        }
        direct.close().await.unwrap();
    }
}
