//! Time goes by, and workers work: one of two replicas, both at once, or one that dies and another that goes on.

use super::{HOURS, Month};
use crate::jobs::lease;
use chrono::TimeDelta;
use rand::{Rng, seq::IndexedRandom};
use std::{pin::pin, sync::Arc, task::Poll};
use tidepool::{
    app::{App, sweep::Swept},
    lifecycle, worker,
};

/// Rounds of a worker until there is nothing left to do.
const ROUNDS: usize = 8;

impl Month {
    /// From one pass to the next.
    pub(super) async fn step(&mut self) {
        let longest = self.now() + TimeDelta::hours(*HOURS.end());
        let mut moments: Vec<_> = self
            .accounts
            .iter()
            .flat_map(|account| account.moments(&self.rules, self.now()))
            .collect();
        moments.retain(|at| *at > self.now() + TimeDelta::seconds(1) && *at <= longest);
        if self.random.random_bool(0.5)
            && let Some(moment) = moments.choose(&mut self.random).copied()
        {
            // Just before something is due it is not due.
            self.go_on(moment - self.now() - TimeDelta::microseconds(1));
            self.work().await;
            self.go_on(TimeDelta::microseconds(1));
            if self.random.random_bool(0.3) {
                self.play().await;
            }
        } else {
            let minutes = self.random.random_range(HOURS.start() * 60..=HOURS.end() * 60);
            let micros = self.random.random_range(0..60_000_000);
            self.go_on(TimeDelta::minutes(minutes) + TimeDelta::microseconds(micros));
            for _ in 0..self.random.random_range(0..=7) {
                if self.random.random_bool(0.3) {
                    let seconds = self.random.random_range(0..900);
                    self.go_on(TimeDelta::seconds(seconds));
                }
                if self.random.random_bool(0.1) {
                    self.change().await;
                }
                self.play().await;
            }
            self.compare().await;
        }
        self.work().await;
    }

    fn go_on(&mut self, by: TimeDelta) {
        self.company.server.clock.advance(by);
    }

    /// All that a worker has to do now, whatever becomes of workers.
    async fn work(&mut self) {
        match self.random.random_range(0..20) {
            0..4 => self.crash().await,
            4..6 => self.both().await,
            _ => {}
        }
        let at = self.replica();
        let app = self.company.apps[at].clone();
        self.note(None, format!("the worker at {at}"));
        let (mut rounds, mut rests) = (0, 0);
        // What a computation of deadlines finds to be due at once, without moving any, is for the round after it.
        while rests < 2 {
            let swept = worker::sweep::once(&app, self.rules.grace).await.unwrap();
            rests = if swept == Swept::default() { rests + 1 } else { 0 };
            rounds += 1;
            assert!(rounds < ROUNDS, "the worker finds no rest");
        }
        self.pass();
        self.compare().await;
    }

    /// A worker dies anywhere in the middle of its work.
    async fn crash(&mut self) {
        self.counts.crashes += 1;
        let server = &self.company.server;
        let db = lifecycle::open(&server.config, &server.clock).await.unwrap();
        let doomed = App::start(db, server.clock.clone()).await.unwrap();
        let mut left: u32 = 1 << self.random.random_range(0..8);
        left += self.random.random_range(0..left);
        self.note(None, format!("a worker that dies after {left} polls"));
        {
            let mut round = pin!(worker::sweep::once(&doomed, self.rules.grace));
            std::future::poll_fn(|context| {
                let ended = round.as_mut().poll(context).is_ready();
                left -= 1;
                if ended || left == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        doomed.db.close().await;
        self.company.expire_lease().await;
    }

    /// Both replicas work at the same time, and no lease keeps them apart.
    async fn both(&mut self) {
        self.note(None, "both workers at once".into());
        let [one, two] = self.company.apps.clone();
        let sweep = async |app: Arc<App>, name| {
            let lease = lease(&app, name).await;
            app.sweep(&lease, self.rules.grace, || true).await.unwrap()
        };
        let (one, two) = tokio::join!(sweep(one, "one"), sweep(two, "two"));
        assert_eq!((one.failed, two.failed), (0, 0));
        self.company.expire_lease().await;
    }
}
