//! Hands events on to another system, in their order: what is to be handed on next, and the note of how far it got.
//!
//! Statement budget: 1 read for all tenants; per page of up to 256 events of a tenant 1 read, and 1 lease and 1 write, 2 the
//! first time.

use super::READ_TIME;
use crate::{
    app::{
        App,
        sweep::{LEASE_TIME, Stopped},
    },
    domain::{error::Error, event_stream::StreamEvent, ids::TenantName},
    store::{
        event_export::{self, Behind},
        lease::{self, Lease},
    },
};
use tokio::time::Instant;

/// Bytes of a page, about.
const PAGE_BYTES: usize = 1024 * 1024;

/// Events of a tenant that are to be handed on.
#[derive(Clone, Debug)]
pub struct Export {
    behind: Behind,
    /// After which position they begin.
    after: i64,
    /// The next of them, up to a page, by position.
    pub events: Vec<StreamEvent>,
}

impl Export {
    /// Whose they are.
    #[must_use]
    pub const fn tenant(&self) -> &TenantName {
        &self.behind.name
    }

    /// How many were forgotten before they could be handed on.
    #[must_use]
    pub fn missed(&self) -> i64 {
        // A destination that begins takes what there is.
        match self.behind.position {
            0 => 0,
            position => self.after - position,
        }
    }
}

impl App {
    /// The tenants of which there are events for this destination.
    pub async fn behind(&self, destination: &str) -> Result<Vec<Behind>, Error> {
        // Without a trace for each look, many times a second; the next look is the next attempt.
        let unit = self.db.unit("look for events", Instant::now() + READ_TIME);
        let look = async {
            let reader = unit.reader().await?;
            Ok(event_export::behind(&reader, destination).await?)
        };
        look.await.map_err(|abort| unit.error(abort))
    }

    /// The next events of a tenant.
    pub async fn export(&self, behind: Behind) -> Result<Export, Error> {
        let after = behind.position.max(behind.bounds.purged);
        let events = self
            .events_between(behind.tenant, (after, behind.bounds.last), PAGE_BYTES)
            .await?;
        Ok(Export { behind, after, events })
    }

    /// Notes that the first `number` of these were taken, and what comes before them if that was forgotten. In one
    /// transaction with a renewal of the lease: who was paused for so long that another took over notes nothing.
    pub async fn exported(
        &self,
        lease: &Lease,
        destination: &str,
        export: &Export,
        number: usize,
    ) -> Result<(), Stopped> {
        let (engine, behind) = (self.db.engine(), &export.behind);
        let to = export.events[..number]
            .last()
            .map_or(export.after, |last| last.position);
        if to == behind.position {
            return Ok(());
        }
        let unit = self.db.unit("export events", Instant::now() + READ_TIME);
        let noted = unit.retry(|| {
            unit.tx(async |tx| {
                if !lease::renew(tx, engine, lease, LEASE_TIME).await? {
                    return Ok(false);
                }
                let way = (behind.position, to);
                event_export::advance(tx, engine, behind.tenant, destination, way).await?;
                Ok(true)
            })
        });
        match noted.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stopped::LeaseLost),
            Err(abort) => Err(Stopped::Failed(unit.error(abort))),
        }
    }
}
