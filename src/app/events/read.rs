//! Lists the events after a position, and says who may follow the stream.
//!
//! Statement budget: 1 read of the revisions, 1 of the stream's bounds, 2 per 256 events that are looked at, of which
//! there are 2560 at most, and 3 MiB at a time.

use crate::{
    app::{App, call::Call},
    domain::{
        error::Error,
        event_stream::{Filter, Start, StreamEvent},
        organisation::Organisation,
    },
};
use std::sync::Arc;

/// Pages that are looked at for an answer: a filter that few events fit must not make a call endless.
const LOOKED_AT: usize = 10;
/// Bytes of an answer at most, well below the 4 MiB that clients take unless told otherwise.
const MAX_WEIGHT: usize = 3 * 1024 * 1024;

/// Which events are listed.
#[derive(Clone, Debug)]
pub struct ListEvents {
    /// After which position; 0 is from the oldest that is kept.
    pub after: i64,
    /// Events at most.
    pub size: usize,
    /// Which are wanted.
    pub filter: Filter,
}

/// What was listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The events, by position.
    pub events: Vec<StreamEvent>,
    /// How far was looked.
    pub position: i64,
    /// How far the stream goes.
    pub last: i64,
}

impl App {
    /// The events after a position.
    pub async fn list_events(&self, call: &Call, input: &ListEvents) -> Result<Listed, Error> {
        let org = self.may_follow(call).await?;
        let bounds = self.bounds(org.key).await?;
        let mut listed = Listed {
            events: Vec::new(),
            position: bounds.place(Start::After(input.after))?,
            last: bounds.last,
        };
        let mut weight = 0;
        for _ in 0..LOOKED_AT {
            let between = (listed.position, bounds.last);
            let page = self.events_between(org.key, between, MAX_WEIGHT).await?;
            let all = page.last().is_none_or(|event| event.position >= bounds.last);
            for event in page {
                if input.filter.fits(&event) {
                    weight += event.weight;
                    let full = listed.events.len() == input.size;
                    if full || weight > MAX_WEIGHT && !listed.events.is_empty() {
                        return Ok(listed);
                    }
                    listed.position = event.position;
                    listed.events.push(event);
                } else {
                    listed.position = event.position;
                }
            }
            if all {
                listed.position = bounds.last;
                break;
            }
        }
        Ok(listed)
    }

    /// The tenant, for those who may follow everything in it: services by their scope, users as CRM admins.
    pub(super) async fn may_follow(&self, call: &Call) -> Result<Arc<Organisation>, Error> {
        let org = self.organisation(call).await?;
        if call.actor.is_some() {
            Self::principal(&org, call)?.require_crm_admin()?;
        }
        Ok(org)
    }
}
