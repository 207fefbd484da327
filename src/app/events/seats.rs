//! How many streams are open, per calling service and together.

use crate::{
    domain::{
        error::Error,
        ids::{CallerId, TenantName},
        refusal::{Reason, Refusal},
    },
    telemetry::metrics,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

type Taken = HashMap<(TenantName, CallerId), usize>;

/// Those that are open.
#[derive(Debug, Default)]
pub(super) struct Seats(Arc<Mutex<Taken>>);

/// One of them; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    taken: Arc<Mutex<Taken>>,
    who: (TenantName, CallerId),
}

impl Seats {
    /// How many are taken.
    pub(super) fn open(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    pub(super) fn take(&self, who: (TenantName, CallerId), per_caller: usize, in_total: usize) -> Result<Seat, Error> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&who).copied().unwrap_or_default();
        let refused = |limit: usize, whose: &str| {
            let message = format!("{whose} {limit} streams of events open here, as many as may be; close one first");
            Refusal::new(Reason::WatchLimitReached, message).with("limit", limit)
        };
        if own >= per_caller {
            return Err(refused(per_caller, "the service has").into());
        }
        if all >= in_total {
            return Err(refused(in_total, "services have").into());
        }
        taken.insert(who.clone(), own + 1);
        metrics::watchers(all + 1);
        Ok(Seat {
            taken: self.0.clone(),
            who,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.who);
            }
        }
        metrics::watchers(taken.values().sum());
    }
}
