//! Those outside of a service that dies: who tells of activities, in calls and in streams, and who follows. They go on whatever
//! happens, and note what was acknowledged and what came.

use super::errands::may_be_repeated;
use crate::{activities::told, process::Process, site::Site};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tidepool::rpc::proto::{
    self, Activity, Event, IngestActivitiesRequest, RecordOutcome, WatchEventsRequest,
    record_activities_response::Result as Recorded, watch_events_response::Message,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// What must come at last, or the test fails instead of waiting for ever.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// So many messages of a stream are on their way at once.
const WINDOW: i64 = 4;
/// Before it is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// What came.
#[derive(Debug, Default)]
struct Followed {
    events: Vec<Event>,
    /// How many came before these.
    gone: usize,
}

/// What those who go on through all of it share.
#[derive(Clone)]
pub(crate) struct Outside {
    /// The process that serves now.
    site: Arc<Mutex<Site>>,
    /// Whether there is enough.
    done: Arc<AtomicBool>,
    /// How many activities were acknowledged.
    acknowledged: Arc<AtomicUsize>,
    /// What was followed, in the order in which it came.
    followed: Arc<Mutex<Followed>>,
}

impl Outside {
    pub(crate) fn new(site: Site) -> Self {
        Self {
            site: Arc::new(Mutex::new(site)),
            done: Arc::default(),
            acknowledged: Arc::default(),
            followed: Arc::default(),
        }
    }

    fn site(&self) -> Site {
        self.site.lock().unwrap().clone()
    }

    /// From now on this process serves.
    pub(crate) fn served_by(&self, process: &Process) {
        *self.site.lock().unwrap() = Site::new(vec![process.channel()]);
    }

    /// There is enough.
    pub(crate) fn enough(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// How many events came.
    pub(crate) fn came(&self) -> usize {
        let followed = self.followed.lock().unwrap();
        followed.gone + followed.events.len()
    }

    /// What came since this was asked last.
    pub(crate) fn news(&self) -> Vec<Event> {
        let mut followed = self.followed.lock().unwrap();
        followed.gone += followed.events.len();
        std::mem::take(&mut followed.events)
    }

    pub(crate) fn followed(&self) -> Vec<Event> {
        self.followed.lock().unwrap().events.clone()
    }

    /// Waits until so many more were acknowledged, and so many more events came; says how long that took.
    pub(crate) async fn goes_on(&self, acknowledged: usize, came: usize) -> Duration {
        let (acknowledged, came) = (self.acknowledged() + acknowledged, self.came() + came);
        let began = Instant::now();
        let goes_on = async {
            while self.acknowledged() < acknowledged || self.came() < came {
                sleep(Duration::from_micros(500)).await;
            }
        };
        timeout(LONG, goes_on).await.expect("nothing goes on");
        began.elapsed()
    }

    /// Tells of one follow-up after the other, each later than the one before, until there is enough; says how many were
    /// acknowledged. Each is told until there is an answer.
    pub(crate) async fn tell(self, name: String, account: String, begin: DateTime<Utc>) -> i64 {
        let mut number = 0;
        while !self.done.load(Ordering::Relaxed) {
            number += 1;
            let request = proto::RecordActivitiesRequest {
                activities: vec![follow_up(&name, &account, begin, number)],
                ..Default::default()
            };
            loop {
                let source = self.site().source_at(0, &name);
                match source.activities().record_activities(request.clone()).await {
                    Ok(answer) => break was_taken(&answer.into_inner().results),
                    Err(status) => {
                        assert!(may_be_repeated(&status), "{status:?}");
                        sleep(PAUSE).await;
                    }
                }
            }
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        number
    }

    /// The same in streams, some messages ahead of the answers. What was not answered when a stream broke, and whatever
    /// came after that, is sent again.
    pub(crate) async fn tell_in_streams(self, name: String, account: String, begin: DateTime<Utc>) -> i64 {
        let mut answered = 0;
        loop {
            let (sender, receiver) = mpsc::channel(usize::try_from(WINDOW).unwrap());
            let source = self.site().source_at(0, &name);
            let opened = source
                .activities()
                .ingest_activities(ReceiverStream::new(receiver))
                .await;
            let broken = match opened {
                Ok(answers) => {
                    let mut answers = answers.into_inner();
                    let mut sent = answered;
                    loop {
                        while sent < answered + WINDOW && !self.done.load(Ordering::Relaxed) {
                            sent += 1;
                            let message = IngestActivitiesRequest {
                                sequence: sent,
                                activities: vec![follow_up(&name, &account, begin, sent)],
                                buffer_unknown: false,
                            };
                            // There is room for all of them; if nobody takes them any more, no answer will come either.
                            drop(sender.try_send(message));
                        }
                        if sent == answered {
                            return answered;
                        }
                        match answers.message().await {
                            Ok(Some(answer)) if answer.status.as_ref().unwrap().code == 0 => {
                                answered += 1;
                                assert_eq!(answer.sequence, answered);
                                was_taken(&answer.results);
                                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(Some(answer)) => break status(answer.status.unwrap()),
                            Ok(None) => break Status::unavailable("the stream ended"),
                            Err(status) => break status,
                        }
                    }
                }
                Err(status) => status,
            };
            assert!(may_be_repeated(&broken), "{broken:?}");
            sleep(PAUSE).await;
        }
    }

    /// Follows, and whenever the stream breaks goes on after the last position that was noted.
    pub(crate) async fn follow(self) {
        let mut position = 0;
        loop {
            let request = WatchEventsRequest {
                after_position: position,
                heartbeat_seconds: 1,
                ..Default::default()
            };
            let opened = self.site().admin().events().watch_events(request).await;
            let mut stream = match opened {
                Ok(stream) => stream.into_inner(),
                Err(status) => {
                    assert!(may_be_repeated(&status), "{status:?}");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            while let Ok(Some(told)) = stream.message().await {
                match told.message.unwrap() {
                    Message::Event(event) => {
                        // Without a filter there is nothing in between, and nothing twice.
                        assert_eq!(event.position, position + 1, "{event:?}");
                        position = event.position;
                        self.followed.lock().unwrap().events.push(event);
                    }
                    Message::Heartbeat(heartbeat) => assert_eq!(heartbeat.position, position),
                }
            }
        }
    }
}

/// The n-th follow-up that this one tells of.
fn follow_up(name: &str, account: &str, begin: DateTime<Utc>, number: i64) -> Activity {
    let at = begin + TimeDelta::seconds(number);
    told(&format!("{name}-{number}"), account, "sales_record.created", at)
}

fn was_taken(results: &[Recorded]) {
    let taken = |result: &Recorded| matches!(result.outcome(), RecordOutcome::Recorded | RecordOutcome::Duplicate);
    assert!(results.len() == 1 && taken(&results[0]), "{results:?}");
}

/// What a message of a stream was answered, as calls are.
fn status(status: tonic_types::Status) -> Status {
    let details = prost::Message::encode_to_vec(&status);
    Status::with_details(status.code.into(), status.message, details.into())
}
