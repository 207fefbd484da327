//! Counts what came of wishes to move accounts, for the metrics.

use super::{
    circulate::{Bulk, Outcome},
    flow::Reply,
};
use crate::{domain::error::Error, telemetry::metrics};

/// Counts each account once. Only looking counts for nothing, and neither does a repeated request.
pub(crate) fn moves(operation: &'static str, bulk: &Bulk, reply: &Result<Reply<Outcome>, Error>) {
    if bulk.validate_only {
        return;
    }
    match reply {
        Ok(Reply::Done(outcome)) => {
            for item in &outcome.items {
                match &item.moved {
                    Ok(Some(_)) => metrics::moved(operation, None),
                    // Only held back by others.
                    Ok(None) => {}
                    Err(error) => metrics::moved(operation, Some(error.reason().as_str())),
                }
            }
        }
        Ok(Reply::Replayed(_)) => {}
        Err(error) => metrics::moved(operation, Some(error.reason().as_str())),
    }
}
