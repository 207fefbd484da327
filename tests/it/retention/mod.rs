//! Why accounts are reclaimed when they are, what a change of rules would do, and what is left to owners.

mod examples;
mod explained;
mod previewed;
mod remaining;

use crate::{
    harness::Client,
    sweeping::follow_up,
    world::{World, assign},
};
use chrono::{DateTime, Utc};
use tidepool::rpc::proto::{self, AdvanceReminder, ReclaimRule, ReminderRecipient, RetentionExplanation};
use tonic::Status;

/// A rule without a cutoff.
fn exact(pool: &str, days: i32) -> ReclaimRule {
    ReclaimRule {
        cutoff: "NONE".into(),
        ..follow_up(pool, days)
    }
}

fn remind(days_before: i32, recipients: &[ReminderRecipient]) -> AdvanceReminder {
    AdvanceReminder {
        days_before,
        recipients: recipients.iter().map(|recipient| (*recipient).into()).collect(),
    }
}

fn instant(time: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    time.and_then(|time| DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()))
}

impl Client {
    async fn explains(&self, account: &str) -> Result<RetentionExplanation, Status> {
        let request = proto::ExplainRetentionRequest {
            account_id: account.into(),
        };
        let answer = self.retention().explain_retention(request).await?;
        Ok(answer.into_inner().explanation.unwrap())
    }
}

impl World {
    async fn given(&self, name: &str, pool: &str, owner: &str) -> String {
        let id = self.lying(name, pool).await;
        let admin = self.server.admin();
        admin.circulation().assign_account(assign(&id, owner)).await.unwrap();
        id
    }

    async fn reclaim_instant(&self, id: &str) -> Option<DateTime<Utc>> {
        instant(self.ownership(id).await.reclaim_time)
    }
}
