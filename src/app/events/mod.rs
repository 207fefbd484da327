//! The tenant's stream of events. `relay` gives events their positions, `read` lists them, `watch` sends them as they
//! happen, `hub` reads what is new once for all watchers of this process, `export` hands them on to other systems, `purge`
//! forgets what is old.

mod export;
mod hub;
mod purge;
mod read;
mod relay;
mod seats;
mod watch;

pub use export::Export;
pub use read::{ListEvents, Listed};
pub use relay::Turns;
pub use watch::{Following, Told, Watch, WatchEvents};

use crate::config;
use hub::Hub;
use seats::Seats;
use std::time::Duration;

/// Events that are read at once.
const PAGE: usize = 256;
/// How long a read may take.
const READ_TIME: Duration = Duration::from_secs(10);

/// How streams of events are served.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many days events are kept in the stream.
    pub keep_days: u32,
    /// How long a watcher may take no event although there are some.
    pub send_timeout: Duration,
    /// How long a stream goes on at most, so that consumers move to new replicas now and then.
    pub longest: Duration,
    /// How many streams a service may have open at this process.
    pub per_caller: usize,
    /// How many streams all of them may have.
    pub in_total: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keep_days: 30,
            send_timeout: Duration::from_secs(10),
            longest: Duration::from_mins(30),
            per_caller: 16,
            in_total: 256,
        }
    }
}

impl From<&config::Events> for Settings {
    fn from(config: &config::Events) -> Self {
        Self {
            keep_days: config.keep_days,
            send_timeout: Duration::from_secs(config.send_timeout_seconds),
            ..Self::default()
        }
    }
}

/// What streams of events share in this process.
#[derive(Debug, Default)]
pub struct Events {
    settings: Settings,
    hub: Hub,
    seats: Seats,
}

impl Events {
    /// With these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// How many streams go on: those that were ended and not read to their end are open, and do not.
    #[must_use]
    pub fn followed_streams(&self) -> usize {
        self.hub.listeners()
    }

    /// How many streams are open: something is kept of each.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.seats.open()
    }

    /// Waits until there may be something for watchers: somebody watches, and this process gave positions, or `pause` is
    /// over.
    pub async fn wanted(&self, pause: Duration) {
        self.hub.wanted(pause).await;
    }
}
