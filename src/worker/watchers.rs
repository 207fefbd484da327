//! Hands new events to those who watch: at once when this process gave positions, and otherwise looks again after a short
//! while. Where nobody watches nothing is looked for.

use crate::app::App;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Goes on until `stop`.
pub async fn run(app: Arc<App>, interval: Duration, stop: CancellationToken) {
    let mut fails = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.events.wanted(interval) => {}
        }
        match app.tell_watchers().await {
            Ok(()) => fails = false,
            // Once, not as often as it looks.
            Err(error) if !fails => {
                tracing::warn!(error = %error, "new events cannot be read; watchers wait");
                fails = true;
            }
            Err(_) => {}
        }
    }
}
