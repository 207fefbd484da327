//! How many statements the connections were given, and which, if somebody wants to know; how many transactions they lost to
//! others, and when the last one was answered.

use super::Db;
use sea_orm::Statement;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What the connections did so far.
#[derive(Debug)]
pub(super) struct Counts {
    start: Instant,
    statements: AtomicU64,
    conflicts: AtomicU64,
    /// Whether statements are kept, and those that were.
    keeps: AtomicBool,
    kept: Mutex<Vec<Statement>>,
    /// Milliseconds from `start` to the last answer.
    last_answer: AtomicU64,
}

impl Db {
    /// Statements sent so far, BEGIN and COMMIT not counted: what statement budgets are asserted with.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.counts.statements.load(Ordering::SeqCst)
    }

    /// Keeps the statements that are sent from now on, for looking at how they are carried out.
    pub fn keep_statements(&self) {
        self.counts.keeps.store(true, Ordering::SeqCst);
    }

    /// Those that were kept, in order; no more are.
    #[must_use]
    pub fn kept_statements(&self) -> Vec<Statement> {
        self.counts.keeps.store(false, Ordering::SeqCst);
        let mut kept = self.counts.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept)
    }

    /// Transactions that the database gave up for another one so far, such as in a deadlock.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.counts.conflicts.load(Ordering::SeqCst)
    }

    /// Whether any statement was answered within this time.
    pub(super) fn answered_within(&self, time: Duration) -> bool {
        let last = Duration::from_millis(self.counts.last_answer.load(Ordering::SeqCst));
        self.counts.start.elapsed().saturating_sub(last) < time
    }
}

impl Counts {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            statements: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            keeps: AtomicBool::new(false),
            kept: Mutex::default(),
            last_answer: AtomicU64::new(0),
        })
    }

    /// Whether somebody wants to look at statements.
    pub(super) fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// A statement was sent, prepared or as text.
    pub(super) fn sent(&self, statement: Option<&Statement>) {
        self.statements.fetch_add(1, Ordering::SeqCst);
        if let Some(statement) = statement.filter(|_| self.keeps()) {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(statement.clone());
        }
    }

    /// The database answered.
    pub(super) fn answered(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_answer.fetch_max(now, Ordering::SeqCst);
    }

    /// The database gave a transaction up for another one.
    pub(super) fn conflicted(&self) {
        self.conflicts.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the probe asks.
pub(super) const PING: &str = "SELECT 1";
