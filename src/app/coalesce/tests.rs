//! Who works for whom. Units of work are let go one by one, so that it is known who waits meanwhile.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, yield_now},
};

#[derive(Debug)]
struct Call {
    name: String,
    items: usize,
    mark: Option<&'static str>,
    deadline: Instant,
}

impl Work for Call {
    fn items(&self) -> usize {
        self.items
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn marks(&self) -> impl Iterator<Item = &str> {
        self.mark.into_iter()
    }
}

fn call(name: &str) -> Call {
    Call {
        name: name.to_owned(),
        items: 1,
        mark: None,
        deadline: Instant::now() + Duration::from_mins(1),
    }
}

/// Lanes whose units of work wait until they are let go, and say whom they are for.
struct Station {
    lanes: Lanes<&'static str, Call, String>,
    go: Semaphore,
    units: mpsc::UnboundedSender<Vec<String>>,
    /// Units with more than one call fail.
    broken: AtomicBool,
    panics: AtomicBool,
    /// How the next units end, if not well.
    ends: Mutex<VecDeque<Option<Error>>>,
}

impl Station {
    fn new(lanes: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<String>>) {
        let (units, begun) = mpsc::unbounded_channel();
        let station = Self {
            lanes: Lanes::new(lanes),
            go: Semaphore::new(0),
            units,
            broken: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            ends: Mutex::default(),
        };
        (Arc::new(station), begun)
    }

    async fn unit(&self, calls: Vec<Arc<Call>>) -> Result<Vec<String>, Error> {
        let names: Vec<_> = calls.iter().map(|call| call.name.clone()).collect();
        self.units.send(names.clone()).unwrap();
        self.go.acquire().await.unwrap().forget();
        let end = self.ends.lock().unwrap().pop_front().flatten();
        if names.len() > 1 {
            assert!(!self.panics.load(Ordering::Relaxed), "on purpose");
            if self.broken.load(Ordering::Relaxed) {
                return Err(Error::internal());
            }
        }
        if let Some(error) = end {
            return Err(error);
        }
        Ok(names.iter().map(|name| format!("{name} of {}", names.len())).collect())
    }

    /// The next units end so.
    fn will(&self, ends: &[Option<Error>]) {
        *self.ends.lock().unwrap() = ends.iter().cloned().collect();
    }

    fn ask(self: &Arc<Self>, call: Call) -> JoinHandle<Result<String, Error>> {
        let station = self.clone();
        tokio::spawn(async move {
            let this = &*station;
            this.lanes.run("key", call, |calls| this.unit(calls)).await
        })
    }

    /// Asks, and waits until it waits.
    async fn line_up(self: &Arc<Self>, call: Call) -> JoinHandle<Result<String, Error>> {
        let before = self.waiting();
        let asked = self.ask(call);
        while self.waiting() == before {
            yield_now().await;
        }
        asked
    }

    fn waiting(&self) -> usize {
        self.lanes
            .shared
            .queues()
            .get("key")
            .map_or(0, |queue| queue.waiting.len())
    }

    fn is_idle(&self) -> bool {
        self.lanes.shared.queues().is_empty()
    }
}

async fn said(asked: JoinHandle<Result<String, Error>>) -> String {
    asked.await.unwrap().unwrap()
}

#[tokio::test]
async fn who_finds_a_lane_starts_and_those_who_wait_go_together() {
    let (station, mut units) = Station::new(2);
    let a = station.ask(call("a"));
    assert_eq!(units.recv().await.unwrap(), ["a"]);
    let b = station.ask(call("b"));
    assert_eq!(units.recv().await.unwrap(), ["b"]);
    let waiting = [
        station.line_up(call("c")).await,
        station.line_up(call("d")).await,
        station.line_up(call("e")).await,
    ];
    station.go.add_permits(1);
    assert_eq!(units.recv().await.unwrap(), ["c", "d", "e"]);
    station.go.add_permits(2);
    assert_eq!((said(a).await, said(b).await), ("a of 1".into(), "b of 1".into()));
    for (asked, name) in waiting.into_iter().zip(["c", "d", "e"]) {
        assert_eq!(said(asked).await, format!("{name} of 3"));
    }
    assert!(station.is_idle());
}

#[tokio::test]
async fn a_group_is_bounded_and_has_no_mark_twice() {
    let (station, mut units) = Station::new(1);
    let mut asked = vec![station.ask(call("first"))];
    units.recv().await.unwrap();
    let sized = |name: &str, items| Call { items, ..call(name) };
    let marked = |name: &str, mark| Call {
        mark: Some(mark),
        ..call(name)
    };
    for waits in [
        sized("a", 300),
        sized("b", 200),
        sized("c", 1),
        marked("d", "x"),
        marked("e", "y"),
        marked("f", "x"),
        call("g"),
    ] {
        asked.push(station.line_up(waits).await);
    }
    station.go.add_permits(4);
    for expected in [&["a", "b"][..], &["c", "d", "e"], &["f", "g"]] {
        assert_eq!(units.recv().await.unwrap(), expected);
    }
    for asked in asked {
        said(asked).await;
    }
    assert!(station.is_idle());
}

#[tokio::test]
async fn nobody_fails_for_another() {
    let (station, mut units) = Station::new(1);
    station.broken.store(true, Ordering::Relaxed);
    let first = station.ask(call("first"));
    units.recv().await.unwrap();
    let (a, b) = (station.line_up(call("a")).await, station.line_up(call("b")).await);
    station.go.add_permits(4);
    assert_eq!(said(first).await, "first of 1");
    assert_eq!((said(a).await, said(b).await), ("a of 1".into(), "b of 1".into()));
    assert!(station.is_idle());
}

#[tokio::test]
async fn a_worker_that_vanishes_leaves_the_others_to_themselves() {
    for panics in [true, false] {
        let (station, mut units) = Station::new(1);
        station.panics.store(panics, Ordering::Relaxed);
        let first = station.ask(call("first"));
        units.recv().await.unwrap();
        let (a, b) = (station.line_up(call("a")).await, station.line_up(call("b")).await);
        station.go.add_permits(1);
        assert_eq!(said(first).await, "first of 1");
        assert_eq!(units.recv().await.unwrap(), ["a", "b"]);
        if !panics {
            a.abort();
        }
        station.go.add_permits(2);
        assert!(a.await.is_err());
        assert_eq!(said(b).await, "b of 1");
        assert!(station.is_idle());
    }
}

#[tokio::test]
async fn who_left_while_waiting_is_passed_over() {
    let (station, mut units) = Station::new(1);
    let first = station.ask(call("first"));
    units.recv().await.unwrap();
    let (a, b) = (station.line_up(call("a")).await, station.line_up(call("b")).await);
    a.abort();
    assert!(a.await.is_err());
    station.go.add_permits(2);
    assert_eq!(units.recv().await.unwrap(), ["b"]);
    assert_eq!(
        (said(first).await, said(b).await),
        ("first of 1".into(), "b of 1".into())
    );
    assert!(station.is_idle());
}

#[tokio::test]
async fn more_than_may_wait_are_sent_away() {
    let (station, mut units) = Station::new(1);
    let first = station.ask(call("first"));
    units.recv().await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..WAITING / GROUP {
        let many = Call {
            items: GROUP,
            ..call("many")
        };
        asked.push(station.line_up(many).await);
    }
    let refused = station.ask(call("late")).await.unwrap().unwrap_err();
    assert_eq!(refused.reason(), Reason::ServerBusy);
    station.go.add_permits(asked.len() + 1);
    said(first).await;
    for asked in asked {
        assert_eq!(said(asked).await, "many of 1");
    }
    assert!(station.is_idle());
}

#[tokio::test]
async fn who_is_in_a_hurry_goes_alone() {
    let (station, mut units) = Station::new(1);
    let first = station.ask(call("first"));
    units.recv().await.unwrap();
    let within = |name: &str, time| Call {
        deadline: Instant::now() + time,
        ..call(name)
    };
    let hurried = station.ask(within("hurried", HURRY / 2));
    assert_eq!(units.recv().await.unwrap(), ["hurried"]);
    // Its time runs down while it waits.
    let waited = station.ask(within("waited", HURRY * 2));
    assert_eq!(units.recv().await.unwrap(), ["waited"]);
    station.go.add_permits(3);
    for (asked, name) in [(first, "first"), (hurried, "hurried"), (waited, "waited")] {
        assert_eq!(said(asked).await, format!("{name} of 1"));
    }
    assert!(station.is_idle());
}

fn failure(reason: Reason) -> Error {
    Error::refused(reason, "on purpose")
}

async fn reason(asked: JoinHandle<Result<String, Error>>) -> Reason {
    asked.await.unwrap().unwrap_err().reason()
}

/// If the database does not answer, it does not answer any of them: nobody tries it again.
#[tokio::test]
async fn what_the_database_fails_is_failed_for_all() {
    for why in [
        Reason::ServerBusy,
        Reason::DatabaseUnavailable,
        Reason::DeadlineExceeded,
        Reason::OutcomeUnknown,
    ] {
        let (station, mut units) = Station::new(1);
        let first = station.ask(call("first"));
        units.recv().await.unwrap();
        let (a, b) = (station.line_up(call("a")).await, station.line_up(call("b")).await);
        station.will(&[None, Some(failure(why))]);
        station.go.add_permits(10);
        assert_eq!(said(first).await, "first of 1");
        assert_eq!((reason(a).await, reason(b).await), (why, why));
        assert_eq!(units.recv().await.unwrap(), ["a", "b"]);
        assert!(units.try_recv().is_err(), "{why:?}: somebody tried again");
        assert!(station.is_idle());
    }
}

/// A unit has the time of whoever has the least. Where that was over, the others go on together, whoever led.
#[tokio::test]
async fn who_has_time_left_goes_on() {
    for (short, why) in [
        ("a", Reason::DeadlineExceeded),
        ("b", Reason::DeadlineExceeded),
        ("c", Reason::DatabaseUnavailable),
    ] {
        let (station, mut units) = Station::new(1);
        let first = station.ask(call("first"));
        units.recv().await.unwrap();
        let mut asked = Vec::new();
        for name in ["a", "b", "c"] {
            let mut call = call(name);
            if name == short {
                call.deadline = Instant::now() + HURRY * 4;
            }
            asked.push((name, station.line_up(call).await));
        }
        station.will(&[None, Some(failure(why))]);
        station.go.add_permits(1);
        assert_eq!(units.recv().await.unwrap(), ["a", "b", "c"]);
        tokio::time::sleep(HURRY * 4).await;
        // A call that comes meanwhile waits for the lane.
        let next = station.line_up(call("next")).await;
        station.go.add_permits(10);
        let rest: Vec<_> = ["a", "b", "c"].into_iter().filter(|name| *name != short).collect();
        assert_eq!(units.recv().await.unwrap(), rest);
        assert_eq!(units.recv().await.unwrap(), ["next"]);
        for (name, asked) in asked {
            if name == short {
                assert_eq!(reason(asked).await, why);
            } else {
                assert_eq!(said(asked).await, format!("{name} of 2"));
            }
        }
        assert_eq!(
            (said(first).await, said(next).await),
            ("first of 1".into(), "next of 1".into())
        );
        assert!(station.is_idle());
    }
}

/// Once nobody knows what became of a unit, nobody is told that nothing was changed: not by the group that goes on, not by a
/// call that goes on by itself.
#[tokio::test]
async fn what_is_unknown_stays_so() {
    for (then, expected) in [
        (None, None),
        (Some(Reason::DeadlineExceeded), Some(Reason::OutcomeUnknown)),
        (Some(Reason::DatabaseUnavailable), Some(Reason::OutcomeUnknown)),
        // Each for himself, and refused.
        (Some(Reason::Internal), Some(Reason::OutcomeUnknown)),
    ] {
        let (station, mut units) = Station::new(1);
        let first = station.ask(call("first"));
        units.recv().await.unwrap();
        let hurried = Call {
            deadline: Instant::now() + HURRY * 4,
            ..call("hurried")
        };
        let hurried = station.line_up(hurried).await;
        let rest = [station.line_up(call("a")).await, station.line_up(call("b")).await];
        let then = then.map(failure);
        let unknown = Some(failure(Reason::OutcomeUnknown));
        station.will(&[None, unknown, then.clone(), then.clone(), then]);
        station.go.add_permits(1);
        assert_eq!(units.recv().await.unwrap(), ["hurried", "a", "b"]);
        tokio::time::sleep(HURRY * 4).await;
        station.go.add_permits(10);
        assert_eq!(said(first).await, "first of 1");
        assert_eq!(reason(hurried).await, Reason::OutcomeUnknown);
        for asked in rest {
            let answer = asked.await.unwrap();
            assert_eq!(answer.err().map(|error| error.reason()), expected);
        }
        assert!(station.is_idle());
    }
}

/// A call whose worker vanished does not say that nothing was changed either, if it fails by itself then.
#[tokio::test]
async fn who_was_left_alone_does_not_know() {
    let (station, mut units) = Station::new(1);
    station.panics.store(true, Ordering::Relaxed);
    let first = station.ask(call("first"));
    units.recv().await.unwrap();
    let (a, b) = (station.line_up(call("a")).await, station.line_up(call("b")).await);
    station.will(&[None, None, Some(failure(Reason::DeadlineExceeded))]);
    station.go.add_permits(3);
    assert_eq!(said(first).await, "first of 1");
    assert!(a.await.is_err());
    assert_eq!(reason(b).await, Reason::OutcomeUnknown);
    assert!(station.is_idle());
}
