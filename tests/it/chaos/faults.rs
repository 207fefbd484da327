//! What goes wrong: drawn from a deck in which each fault is once, so that all of them come before any comes again.

use super::place::Place;
use crate::{harness::external_server, proxy::Side};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use std::time::Duration;
use tokio::time::sleep;

/// A fault, which is over when it was struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What a service and its database say to each other takes longer.
    Delay,
    /// Nothing passes between them, and nobody is told; what was held back passes then.
    BlackHole,
    /// The same, and then the connections break.
    BlackHoleAndReset,
    /// All their connections break, several times.
    Reset,
    /// They end in one direction only.
    HalfClose,
    /// A service is killed and another one started.
    KillService,
    /// A service stands still, and does not know it.
    StopService,
    /// The database is killed and started again.
    KillDatabase,
    /// The database stands still.
    StopDatabase,
    /// Somebody else's transaction holds the file.
    HoldFile,
    /// The disk is full, or nearly.
    FullDisk,
    /// The clock of a service is set ahead, and right again.
    ClockAhead,
    /// The same the other way round.
    ClockBehind,
}

/// Faults that are left, and all there are.
#[derive(Debug)]
pub(super) struct Deck {
    left: Vec<Fault>,
    all: Vec<Fault>,
}

impl Deck {
    const OF_A_SERVER: &[Fault] = &[
        Fault::Delay,
        Fault::BlackHole,
        Fault::BlackHoleAndReset,
        Fault::Reset,
        Fault::HalfClose,
        Fault::KillService,
        Fault::StopService,
        Fault::KillDatabase,
        Fault::StopDatabase,
        Fault::ClockAhead,
        Fault::ClockBehind,
    ];
    const OF_A_FILE: &[Fault] = &[
        Fault::KillService,
        Fault::StopService,
        Fault::HoldFile,
        Fault::FullDisk,
        Fault::FullDisk,
        Fault::KillService,
        Fault::ClockAhead,
        Fault::ClockBehind,
    ];

    /// Those that there are of the suite's engine.
    pub(super) fn all() -> &'static [Fault] {
        if external_server().is_some() {
            Self::OF_A_SERVER
        } else {
            Self::OF_A_FILE
        }
    }

    /// Those that there are, but for clocks that are set where that cannot be done.
    pub(super) fn new(clocks: bool) -> Self {
        let mut all = Self::all().to_vec();
        all.retain(|fault| clocks || !matches!(fault, Fault::ClockAhead | Fault::ClockBehind));
        Self { left: Vec::new(), all }
    }

    /// From now on services live.
    pub(super) fn kill_no_more(&mut self) {
        for faults in [&mut self.all, &mut self.left] {
            faults.retain(|fault| *fault != Fault::KillService);
        }
    }

    pub(super) fn draw(&mut self, random: &mut StdRng) -> Fault {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            self.left.shuffle(random);
        }
        self.left.pop().unwrap()
    }
}

/// Some time.
fn millis(random: &mut StdRng, most: u64) -> Duration {
    Duration::from_millis(random.random_range(most / 10..most))
}

impl Place {
    /// Does it to one of the services, or to the database of both. Clocks are set ahead by up to so many seconds.
    pub(super) async fn strike(&mut self, fault: Fault, ahead: i64, random: &mut StdRng) {
        let whom = random.random_range(0..self.services());
        match fault {
            Fault::Delay => {
                let proxy = self.proxy(whom);
                proxy.delay(millis(random, 80));
                sleep(millis(random, 1000)).await;
                proxy.delay(Duration::ZERO);
            }
            Fault::BlackHole | Fault::BlackHoleAndReset => {
                let proxy = self.proxy(whom);
                proxy.swallow();
                sleep(millis(random, 4000)).await;
                if fault == Fault::BlackHoleAndReset {
                    proxy.cut();
                }
                proxy.heal();
            }
            Fault::Reset => {
                for _ in 0..random.random_range(1..5) {
                    self.proxy(whom).cut();
                    sleep(millis(random, 150)).await;
                }
            }
            Fault::HalfClose => {
                for side in [Side::Client, Side::Server] {
                    self.proxy(whom).half_close(side);
                    sleep(millis(random, 300)).await;
                }
            }
            Fault::KillService => {
                self.kill_service(whom);
                sleep(millis(random, 300)).await;
                // Whoever died holds the leases no longer, sooner or later.
                if random.random_bool(0.7) {
                    self.expire_leases().await;
                }
                self.start_service(whom).await;
            }
            Fault::StopService => {
                self.service(whom).signal("STOP");
                sleep(millis(random, 1000)).await;
                // As if it stood still for longer than its leases last: somebody else takes them.
                if random.random_bool(0.7) {
                    self.expire_leases().await;
                }
                sleep(millis(random, 1500)).await;
                self.service(whom).signal("CONT");
            }
            Fault::KillDatabase => {
                self.database().kill();
                sleep(millis(random, 500)).await;
                self.database().start_again().await;
            }
            Fault::StopDatabase => {
                self.database().signal("STOP");
                sleep(millis(random, 2500)).await;
                self.database().signal("CONT");
            }
            Fault::HoldFile => self.hold_file(millis(random, 3000)).await,
            Fault::ClockAhead | Fault::ClockBehind => {
                let off = match fault {
                    Fault::ClockAhead => random.random_range(ahead / 2..=ahead),
                    _ => -random.random_range(60..=3600),
                };
                self.clock(whom).is_off_by(off);
                sleep(millis(random, 3000)).await;
                self.clock(whom).is_off_by(0);
            }
            Fault::FullDisk => {
                // Either there is nothing left, or just a little.
                let room = random.random_range(0..4) * random.random_range(0..32) * 1024;
                let used = self.bytes_used();
                self.service(whom).limit_files(Some(used + room));
                sleep(millis(random, 2000)).await;
                self.service(whom).limit_files(None);
            }
        }
    }
}
