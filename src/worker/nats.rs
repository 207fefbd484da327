//! Publishes the events of all tenants to a stream of NATS `JetStream`, in the order of their positions.
//!
//! What must hold: nothing is missing, and nothing comes before what was before it. Each message says which message of the
//! stream is the last one before it, so the server takes it only after those before it, however many are on their way,
//! whatever is sent again, and whoever else publishes, such as a replica that was paused and has lost its lease. How far it
//! got is noted after the acknowledgements. What was acknowledged and not noted is sent again: the server knows it by its id
//! for some minutes, and consumers for ever.

use super::holding::{patiently, release, take};
use crate::{
    app::{App, events::Export, sweep::Stopped},
    domain::{event_stream::StreamEvent, history::ToldEffects},
    store::lease::Lease,
};
use async_nats::{
    ConnectOptions, HeaderMap,
    jetstream::{
        self, Context,
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
        stream::{Config, StorageType},
    },
};
use std::{fmt::Write, path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name of the lease that all replicas share.
const LEASE: &str = "nats";
/// How often those without the lease, or without a server, try again.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often a lease is renewed while nothing is to be done.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long an acknowledgement may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server knows by its id what it was sent.
const KNOWN_FOR: Duration = Duration::from_mins(10);
/// What the server counts of a message beside its body.
const HEADERS: usize = 2048;
/// The header that says that something of an event is not there.
const OMITTED: &str = "Tidepool-Omitted";

/// How events are published.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers, separated by commas.
    pub url: String,
    /// A file of credentials.
    pub credentials_file: Option<PathBuf>,
    /// Certificates of those who may vouch for the server.
    pub ca_file: Option<PathBuf>,
    /// The stream.
    pub stream: String,
    /// How subjects begin.
    pub subject_prefix: String,
    /// On how many servers a stream that is made is kept.
    pub replicas: usize,
    /// How long a stream that is made keeps what is published.
    pub keep: Duration,
    /// How often is looked for new events.
    pub interval: Duration,
    /// Makes bodies of events.
    pub encode: fn(&StreamEvent) -> Vec<u8>,
    /// What bodies are.
    pub content_type: &'static str,
}

/// What went wrong with the server.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Why publishing ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The lease is gone, or the database failed.
    #[error("{0:?}")]
    Stopped(Stopped),
    /// The server failed.
    #[error("NATS: {0}")]
    Nats(#[from] Failure),
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Publishes until `stop`. A page that is under way is brought to its end.
pub async fn run(app: Arc<App>, settings: Settings, stop: CancellationToken) {
    let owner = Uuid::now_v7().to_string();
    let mut failing = false;
    while !stop.is_cancelled() {
        match turn(&app, &settings, &owner, &mut failing, &stop).await {
            Err(Ended::Stopped(Stopped::LeaseLost)) => tracing::warn!("another replica took over publishing to NATS"),
            // Once, not as often as it tries.
            Err(ended) if !failing => {
                tracing::error!(error = %ended, "publishing to NATS failed; it is tried again");
                failing = true;
            }
            Ok(()) | Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(TRY_EVERY) => {}
        }
    }
}

/// For as long as the lease is there and nothing fails; at once over if somebody else has it.
async fn turn(
    app: &App,
    settings: &Settings,
    owner: &str,
    failing: &mut bool,
    stop: &CancellationToken,
) -> Result<(), Ended> {
    let Some(lease) = take(app, LEASE, owner).await? else {
        return Ok(());
    };
    let held = async {
        let mut publisher = Publisher::connect(settings.clone()).await?;
        let mut renewed = Instant::now();
        while !stop.is_cancelled() {
            if publisher.round(app, &lease).await? > 0 {
                renewed = Instant::now();
                if *failing {
                    tracing::info!("publishing to NATS goes on");
                    *failing = false;
                }
                continue;
            }
            if renewed.elapsed() >= RENEW_EVERY {
                if !app.keep_relay(&lease).await.map_err(Stopped::Failed)? {
                    return Err(Stopped::LeaseLost.into());
                }
                renewed = Instant::now();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(settings.interval) => {}
            }
        }
        Ok(())
    }
    .await;
    release(app, &lease).await;
    held
}

/// All events that are not published yet, now, whoever else is at them; says how many.
pub async fn once(app: &App, settings: &Settings) -> Result<usize, Ended> {
    let owner = Uuid::now_v7().to_string();
    let mut publisher = Publisher::connect(settings.clone()).await?;
    let lease = patiently(|| take(app, LEASE, &owner)).await?;
    let published = async {
        let mut published = 0;
        loop {
            match publisher.round(app, &lease).await? {
                0 => return Ok(published),
                some => published += some,
            }
        }
    }
    .await;
    release(app, &lease).await;
    published
}

/// A connection to the server.
#[derive(Debug)]
pub struct Publisher {
    settings: Settings,
    context: Context,
    /// Bytes of a message at most.
    largest: usize,
    /// The number of the last message of the stream, while that is known.
    last: Option<u64>,
}

impl Publisher {
    /// Connects, and makes the stream if it is not there.
    pub async fn connect(settings: Settings) -> Result<Self, Failure> {
        let mut options = ConnectOptions::new().name("tidepool").connection_timeout(PATIENCE);
        if let Some(file) = &settings.credentials_file {
            options = options.credentials_file(file).await?;
        }
        if let Some(file) = &settings.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        let servers: Vec<&str> = settings.url.split(',').collect();
        let client = options.connect(servers).await?;
        let largest = client.server_info().max_payload;
        let mut context = jetstream::new(client);
        context.set_timeout(PATIENCE);
        let config = Config {
            name: settings.stream.clone(),
            subjects: vec![format!("{}.>", settings.subject_prefix)],
            description: Some("Events of Tidepool".into()),
            storage: StorageType::File,
            num_replicas: settings.replicas,
            duplicate_window: KNOWN_FOR,
            max_age: settings.keep,
            ..Config::default()
        };
        // What an operator made or changed stays as it is.
        context.get_or_create_stream(config).await?;
        Ok(Self {
            settings,
            context,
            largest,
            last: None,
        })
    }

    /// Publishes a page of each tenant of which there are events; says how many.
    pub async fn round(&mut self, app: &App, lease: &Lease) -> Result<usize, Ended> {
        let destination = self.settings.stream.clone();
        let mut published = 0;
        for behind in app.behind(&destination).await.map_err(Stopped::Failed)? {
            let export = app.export(behind).await.map_err(Stopped::Failed)?;
            if export.missed() > 0 {
                let (tenant, events) = (export.tenant(), export.missed());
                tracing::error!(%tenant, events, "events were forgotten before NATS took them; consumers miss them");
            }
            let (mut taken, mut failed) = self.publish(&export).await;
            if taken == 0 && failed.is_ok() && !export.events.is_empty() {
                // The last message of the stream was not the one that was thought; now it is asked.
                (taken, failed) = self.publish(&export).await;
            }
            app.exported(lease, &destination, &export, taken).await?;
            published += taken;
            failed?;
        }
        Ok(published)
    }

    /// The number of the last message of the stream.
    async fn last(&mut self) -> Result<u64, Failure> {
        if let Some(last) = self.last.take() {
            return Ok(last);
        }
        let stream = self.context.get_stream(&self.settings.stream).await?;
        Ok(stream.cached_info().state.last_sequence)
    }

    /// Publishes events, all on their way before the first is acknowledged; says how many of them, from the first on, the
    /// stream has, and whether the server is in order.
    async fn publish(&mut self, export: &Export) -> (usize, Result<(), Failure>) {
        let last = match self.last().await {
            Ok(last) => last,
            Err(error) => return (0, Err(error)),
        };
        let (mut on_their_way, mut done) = (Vec::new(), Ok(()));
        let mut before: Option<String> = None;
        for event in &export.events {
            let subject = subject(
                &self.settings.subject_prefix,
                export.tenant().as_str(),
                &event.event.kind,
            );
            let message = self.message(event);
            // By its number only the first: the numbers after it may have gone to somebody else.
            let message = match before.replace(id(event)) {
                None => message.expected_last_sequence(last),
                Some(before) => message.expected_last_message_id(before),
            };
            match self.context.send_publish(subject, message).await {
                Ok(acknowledged) => on_their_way.push(acknowledged),
                Err(error) => {
                    done = Err(error.into());
                    break;
                }
            }
        }
        let (mut taken, mut end) = (0, last);
        for acknowledged in on_their_way {
            match acknowledged.await {
                Ok(acknowledged) if acknowledged.duplicate => {}
                Ok(acknowledged) => end = acknowledged.sequence,
                // It was told which message is the last one; that is asked anew. The rest is not taken either.
                Err(error) if is_out_of_turn(&error) => return (taken, done),
                Err(error) => return (taken, Err(error.into())),
            }
            taken += 1;
        }
        self.last = Some(end);
        (taken, done)
    }

    fn message(&self, event: &StreamEvent) -> PublishMessage {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", self.settings.content_type);
        if let Some(context) = &event.traceparent {
            headers.insert("traceparent", context.as_str());
        }
        let (body, whole) = body(event, self.settings.encode, self.largest);
        if !whole {
            headers.insert(OMITTED, "effects");
        }
        PublishMessage::build()
            .headers(headers)
            .message_id(id(event))
            .payload(body.into())
    }
}

/// Names the event for ever.
fn id(event: &StreamEvent) -> String {
    format!("{}/{}", event.account, event.event.version)
}

/// Whether another message was the last one than was said.
fn is_out_of_turn(error: &PublishError) -> bool {
    use PublishErrorKind::{WrongLastMessageId, WrongLastSequence};
    matches!(error.kind(), WrongLastMessageId | WrongLastSequence)
}

/// The body of a message, and whether it says everything: an event that no server takes would keep all that come after it, so
/// it is sent without its effects.
fn body(event: &StreamEvent, encode: fn(&StreamEvent) -> Vec<u8>, largest: usize) -> (Vec<u8>, bool) {
    let whole = encode(event);
    if whole.len() + HEADERS <= largest {
        return (whole, true);
    }
    let mut bare = event.clone();
    bare.event.effects = ToldEffects::default();
    (encode(&bare), false)
}

/// `PREFIX.TENANT.KIND`; the kind has a dot of its own.
fn subject(prefix: &str, tenant: &str, kind: &str) -> String {
    let mut subject = format!("{prefix}.");
    for character in tenant.chars() {
        match character {
            // These mean something in subjects, and this one is how they are written instead.
            '.' | '*' | '>' | '%' => {
                // Writing to a String cannot fail.
                let _ = write!(subject, "%{:02X}", u32::from(character));
            }
            character => subject.push(character),
        }
    }
    subject.push('.');
    subject.push_str(kind);
    subject
}

#[cfg(test)]
mod tests {
    use super::{HEADERS, StreamEvent, body, subject};
    use crate::domain::{
        history::{AccountEvent, ToldEffects},
        ids::AccountId,
    };
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn an_event_that_is_too_large_is_sent_without_its_effects() {
        let event = StreamEvent {
            position: 1,
            account: AccountId(Uuid::nil()),
            pool: None,
            owner: None,
            traceparent: None,
            event: AccountEvent {
                version: 1,
                event_time: DateTime::UNIX_EPOCH,
                kind: "account.updated".into(),
                caller: "crm".into(),
                actor: None,
                effects: ToldEffects {
                    fields: vec!["phone".into(); 10],
                    ..ToldEffects::default()
                },
                note: String::new(),
            },
            weight: 0,
        };
        let encode = |event: &StreamEvent| event.event.effects.fields.concat().into_bytes();
        assert_eq!(body(&event, encode, HEADERS + 50), (b"phone".repeat(10), true));
        assert_eq!(body(&event, encode, HEADERS + 49), (Vec::new(), false));
    }

    #[test]
    fn a_tenant_is_one_part_of_the_subject_whatever_its_name() {
        for (tenant, expected) in [
            ("acme", "crm.tidepool.acme.account.claimed"),
            ("acme.eu", "crm.tidepool.acme%2Eeu.account.claimed"),
            ("*", "crm.tidepool.%2A.account.claimed"),
            (">", "crm.tidepool.%3E.account.claimed"),
            ("50%", "crm.tidepool.50%25.account.claimed"),
        ] {
            assert_eq!(subject("crm.tidepool", tenant, "account.claimed"), expected);
        }
    }
}
