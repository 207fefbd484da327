//! What was given up: listed, and sent again; and everything after a position, sent again.
//!
//! Statement budget: of a list 1 read of the revisions, 1 of dead letters, 1 of their events. Of a replay 1 read of the
//! revisions and the request, 1 read and 2 writes of the progress, 1 read of dead letters where all are meant, 1 write per
//! hundred of them, and the request row.

use super::{allow, find};
use crate::{
    app::{
        App,
        call::Call,
        flow::{self, Once, Reply},
        page::{self, List},
    },
    domain::{
        error::Error,
        event_stream::{Start, StreamEvent},
        refusal::Violations,
        webhook::delivery::Waiting,
    },
    store::{event_stream, request, webhook, webhook_delivery},
};
use std::collections::HashMap;
use uuid::Uuid;

/// Dead letters that are sent again by one call.
pub const REPLAYED_MAX: usize = 500;

/// Which dead letters are sent again.
#[derive(Clone, Debug)]
pub struct ReplayDeadLetters {
    /// Of which webhook.
    pub id: Uuid,
    /// Of which positions; none means all.
    pub positions: Vec<i64>,
}

/// What is sent again.
#[derive(Clone, Copy, Debug)]
pub struct ReplayEvents {
    /// Of which webhook.
    pub id: Uuid,
    /// Everything after this position; 0 is from the oldest that is kept.
    pub after: i64,
}

/// Dead letters with their events.
pub type DeadLetters = Vec<(Waiting, StreamEvent)>;

impl App {
    /// The dead letters of a webhook by position, and the token of the next page.
    pub async fn list_dead_letters(
        &self,
        call: &Call,
        id: Uuid,
        size: usize,
        token: &str,
    ) -> Result<(DeadLetters, String), Error> {
        let org = self.organisation(call).await?;
        allow(&Self::principal(&org, call)?)?;
        find(&org, id)?;
        let list = List::new(call, "ListDeadLetters", &id);
        let after: Option<i64> = self.pages.open(&list, token)?;
        let unit = self.db.unit("ListDeadLetters", call.deadline);
        let read = unit.retry(|| async {
            let reader = unit.reader().await?;
            let rows = webhook_delivery::dead(&reader, org.key, id, after.unwrap_or(0), size + 1).await?;
            let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
            Ok((rows, event_stream::at(&reader, org.key, &positions).await?))
        });
        let (rows, events) = read.await.map_err(|abort| unit.error(abort))?;
        let mut events: HashMap<_, _> = events.into_iter().map(|event| (event.position, event)).collect();
        let letters = rows
            .into_iter()
            .filter_map(|row| events.remove(&row.position).map(|event| (row, event)));
        Ok(page::cut_by_weight(
            &self.pages,
            &list,
            letters.collect(),
            size,
            |(row, _)| row.position,
            |(_, event)| event.weight,
        ))
    }

    /// Sends dead letters again, and says how many.
    pub async fn replay_dead_letters(
        &self,
        call: &Call,
        once: &Once<'_, u64>,
        input: &ReplayDeadLetters,
    ) -> Result<Reply<u64>, Error> {
        let unit = self.db.unit("ReplayDeadLetters", call.deadline);
        let unit = unit.replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    if let Some(response) = flow::enter(tx, &org, once.key.as_ref()).await? {
                        return Ok(Reply::Replayed(response));
                    }
                    allow(&Self::principal(&org, call)?).map_err(Error::from)?;
                    find(&org, input.id)?;
                    // First, so that whoever sends meanwhile waits for this or writes nothing.
                    webhook::refresh(tx, org.key, input.id, None).await?;
                    let mut positions = input.positions.clone();
                    if positions.is_empty() {
                        let rows = webhook_delivery::dead(tx, org.key, input.id, 0, REPLAYED_MAX).await?;
                        positions.extend(rows.iter().map(|row| row.position));
                    }
                    let revived = webhook_delivery::revive(tx, org.key, input.id, &positions).await?;
                    webhook::refresh(tx, org.key, input.id, None).await?;
                    if let Some(key) = &once.key {
                        request::remember(tx, org.key, key, (once.encode)(&revived), self.clock.now()).await?;
                    }
                    Ok(Reply::Done(revived))
                })
            })
            .await
        })
        .await
    }

    /// Sends everything after a position again, and says how far the webhook is now.
    pub async fn replay_events(
        &self,
        call: &Call,
        once: &Once<'_, i64>,
        input: &ReplayEvents,
    ) -> Result<Reply<i64>, Error> {
        let unit = self.db.unit("ReplayEvents", call.deadline);
        let unit = unit.replayable(once.key.is_some());
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| {
                unit.tx(async |tx| {
                    if let Some(response) = flow::enter(tx, &org, once.key.as_ref()).await? {
                        return Ok(Reply::Replayed(response));
                    }
                    allow(&Self::principal(&org, call)?).map_err(Error::from)?;
                    find(&org, input.id)?;
                    webhook::refresh(tx, org.key, input.id, None).await?;
                    let progress = webhook::progress(tx, org.key, input.id).await?;
                    let (progress, bounds) = progress.ok_or_else(|| Error::not_found("webhook", input.id))?;
                    let position = bounds.place(Start::After(input.after))?;
                    if position > progress.position {
                        let mut violations = Violations::default();
                        let message = format!("must not be beyond {}, where the webhook is", progress.position);
                        violations.add("after_position", message);
                        return Err(Error::from(violations).into());
                    }
                    // All of it comes again, so nothing of it waits or is given up.
                    webhook_delivery::forget_after(tx, org.key, input.id, position).await?;
                    webhook::refresh(tx, org.key, input.id, Some(position)).await?;
                    if let Some(key) = &once.key {
                        request::remember(tx, org.key, key, (once.encode)(&position), self.clock.now()).await?;
                    }
                    Ok(Reply::Done(position))
                })
            })
            .await
        })
        .await
    }
}
