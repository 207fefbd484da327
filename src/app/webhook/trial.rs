//! Sends an event that did not happen, to see whether a webhook takes it.
//!
//! Statement budget: 1 read of the revisions.

use super::{Encode, allow, deliver::Post, find};
use crate::{
    app::{App, call::Call},
    domain::{error::Error, webhook::letter},
};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Why it was not taken; `None` if it was.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl App {
    /// Sends a test to the webhook, in use or not.
    pub async fn test_webhook(&self, call: &Call, id: Uuid, encode: Encode) -> Result<Trial, Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        let webhook = find(&org, id)?;
        self.webhooks.refuse_if_off()?;
        let event = letter::test(self.ids.next(), self.clock.now());
        let began = Instant::now();
        let sent = match Post::of(self, &org.name, webhook, encode)? {
            Ok(mut post) => post.send(&event).await,
            Err(failure) => Err(failure),
        };
        Ok(Trial {
            error: sent.err().map(|failure| failure.to_string()),
            took: began.elapsed(),
        })
    }
}
