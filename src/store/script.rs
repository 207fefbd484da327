//! Writes that follow each other, sent together: a server answers all of them at once, and each round trip that is saved is time
//! in which nobody waits for the rows that they lock. An embedded database is told one after the other.
//!
//! Each write says how many rows it is to change. One that changed fewer came too late: what those after it did, or failed
//! of, means nothing then, and is rolled back with it.

use super::{
    batch::Update,
    dialect::Engine,
    failure::{Abort, Class, classify},
    sql::statement,
    tx::Tx,
};
use sea_orm::{DbErr, Statement};

/// How long the text of one message becomes, about: far below what servers take by default (16 MiB).
const BYTES: usize = 256 * 1024;

/// Writes of one transaction, in their order.
pub(super) struct Script<'a> {
    tx: &'a Tx,
    steps: Vec<Step>,
    bytes: usize,
}

struct Step {
    statement: Statement,
    /// That it is to change, if that is known.
    rows: Option<usize>,
    /// Whether a unique key in its way means that somebody was faster.
    races: bool,
}

/// What came of statements that were sent together.
pub(super) struct Ran {
    /// The rows that each changed, of those that were carried out.
    pub(super) changed: Vec<u64>,
    /// Why the next one was not.
    pub(super) failed: Option<DbErr>,
}

impl<'a> Script<'a> {
    pub(super) const fn new(tx: &'a Tx) -> Self {
        Self {
            tx,
            steps: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn engine(&self) -> Engine {
        Engine::of(self.tx)
    }

    /// A write that is to change so many rows.
    pub(super) async fn exactly(&mut self, rows: usize, update: Update) -> Result<(), Abort> {
        let statement = statement(self.tx, update.sql, update.values);
        self.push(statement, Some(rows), false).await
    }

    /// The same, where a unique key in its way means that somebody was faster.
    pub(super) async fn racing(&mut self, rows: usize, update: Update) -> Result<(), Abort> {
        let statement = statement(self.tx, update.sql, update.values);
        self.push(statement, Some(rows), true).await
    }

    /// A write that changes whatever there is.
    pub(super) async fn any(&mut self, update: Update) -> Result<(), Abort> {
        let statement = statement(self.tx, update.sql, update.values);
        self.push(statement, None, false).await
    }

    /// The next one.
    pub(super) async fn push(&mut self, statement: Statement, rows: Option<usize>, races: bool) -> Result<(), Abort> {
        let values = statement.values.as_ref().map_or(0, |values| values.0.len());
        self.bytes += statement.sql.len() + values * 16;
        self.steps.push(Step { statement, rows, races });
        if self.bytes < BYTES { Ok(()) } else { self.send().await }
    }

    /// Sends what was not sent yet; before anything else is said to the database, and at the end.
    pub(super) async fn send(&mut self) -> Result<(), Abort> {
        self.bytes = 0;
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(());
        }
        let (statements, meant): (Vec<_>, Vec<_>) = steps
            .into_iter()
            .map(|step| (step.statement, (step.rows, step.races)))
            .unzip();
        // Kept small: this is far down in every flow.
        let ran = Box::pin(self.tx.run_all(statements)).await;
        for (changed, (rows, _)) in ran.changed.iter().zip(&meant) {
            rows.map_or(Ok(()), |rows| expect(*changed, rows))?;
        }
        match ran.failed {
            None => Ok(()),
            Some(error) => {
                let races = meant.get(ran.changed.len()).is_some_and(|(_, races)| *races);
                if races && classify(&error) == Class::Unique {
                    return Err(Abort::Moved);
                }
                Err(error.into())
            }
        }
    }
}

/// Fewer rows than expected mean that somebody was faster.
pub(super) fn expect(changed: u64, expected: usize) -> Result<(), Abort> {
    if usize::try_from(changed).is_ok_and(|changed| changed == expected) {
        Ok(())
    } else {
        Err(Abort::Moved)
    }
}
