//! Reminders: when, of what, to whom, and never twice.

mod advance;
mod idle;
mod once;
mod rules;

use crate::{rules::shown, world::World};
use tidepool::rpc::proto::{AdvanceReminder, ListAccountEventsRequest, Reminder, ReminderKind, ReminderRecipient};

/// A reminder so many days before the deadline.
fn before(days_before: i32, recipients: &[ReminderRecipient]) -> AdvanceReminder {
    AdvanceReminder {
        days_before,
        recipients: recipients.iter().map(|recipient| (*recipient).into()).collect(),
    }
}

/// A reminder in short: `3 days before 2026-03-31 10:00: bob, ann`, `idle: bob`, `moved to 2026-03-31 10:00: bob`.
fn brief(reminder: &Reminder) -> String {
    let deadline = shown(reminder.deadline);
    let of = match reminder.kind() {
        ReminderKind::Deadline => format!("{} days before {deadline}", reminder.days_before.unwrap()),
        ReminderKind::DeadlineMoved => format!("moved to {deadline}"),
        ReminderKind::Idle => "idle".to_owned(),
        ReminderKind::Unspecified => "?".to_owned(),
    };
    format!("{of}: {}", reminder.recipients.join(", "))
}

impl World {
    /// All reminders of the account, the oldest first, as CRM admins see them.
    pub(crate) async fn reminders(&self, account: &str) -> Vec<Reminder> {
        let request = ListAccountEventsRequest {
            account_id: account.into(),
            page_size: 500,
            ..Default::default()
        };
        let listed = self
            .server
            .admin()
            .history()
            .list_account_events(request)
            .await
            .unwrap();
        let mut events = listed.into_inner().account_events;
        events.reverse();
        let reminders = events.into_iter().filter_map(|event| event.effects?.reminder);
        reminders.collect()
    }

    /// The same in short.
    async fn reminded(&self, account: &str) -> Vec<String> {
        self.reminders(account).await.iter().map(brief).collect()
    }
}
