//! A connection while somebody works with it. It goes back to the others only if all that was said was answered and no
//! transaction is left open on it: else it is closed. A connection whose transaction was cut off would carry it into the next
//! unit of work, which would be acknowledged and then be lost; and one that hangs would never serve again.

use super::{
    connector::{Link, Taken},
    counts::{Counts, PING},
    script::Ran,
    sql::{self, text},
};
use deadpool::managed::Object;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, sqlx::Error};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};

/// How long a connection may take to get rid of its prepared statements.
const CLEAN_UP: Duration = Duration::from_millis(500);

/// A connection, taken for reads, or for a transaction.
#[derive(Debug)]
pub(super) struct Held {
    // Empty only while it is dropped.
    taken: Mutex<Option<Taken>>,
    backend: DbBackend,
    counts: Arc<Counts>,
    /// Whether it may go back.
    rests: AtomicBool,
    /// Whether what is said belongs to a transaction, after which it does not rest until that has ended.
    transacts: bool,
}

/// What a statement is, for its error.
type Wrap = fn(RuntimeErr) -> DbErr;

impl Held {
    pub(super) const fn new(taken: Taken, backend: DbBackend, counts: Arc<Counts>, transacts: bool) -> Self {
        Self {
            taken: Mutex::const_new(Some(taken)),
            backend,
            counts,
            rests: AtomicBool::new(true),
            transacts,
        }
    }

    /// Begins a transaction where that has to be said: on SQLite, as a writer, since one that becomes a writer later fails at
    /// once when another was faster.
    pub(super) async fn begin_transaction(&self) -> Result<(), DbErr> {
        match self.backend {
            DbBackend::Sqlite => self.say("BEGIN IMMEDIATE", false).await,
            _ => Ok(()),
        }
    }

    pub(super) async fn commit(&self) -> Result<(), DbErr> {
        self.say("COMMIT", true).await
    }

    pub(super) async fn rollback(&self) -> Result<(), DbErr> {
        self.say("ROLLBACK", true).await
    }

    async fn say(&self, words: &str, ends: bool) -> Result<(), DbErr> {
        let mut taken = self.taken.lock().await;
        let link = taken.as_mut().ok_or_else(gone)?;
        self.rests.store(false, Ordering::SeqCst);
        link.execute_text(words).await.map_err(wrapped(DbErr::Exec))?;
        self.rests.store(ends, Ordering::SeqCst);
        self.counts.answered();
        Ok(())
    }

    /// Counts the statement, and keeps it if somebody wants to look at it.
    async fn send<T>(
        &self,
        statement: Option<&Statement>,
        wrap: Wrap,
        ask: impl AsyncFnOnce(&mut Link) -> Result<T, Error>,
    ) -> Result<T, DbErr> {
        let mut taken = self.taken.lock().await;
        let link = taken.as_mut().ok_or_else(gone)?;
        // The probe comes whenever it likes and belongs to nobody's budget.
        if statement.is_none_or(|statement| statement.sql != PING) {
            self.counts.sent(statement);
        }
        self.rests.store(false, Ordering::SeqCst);
        let answer = ask(link).await;
        let answered = matches!(&answer, Ok(_) | Err(Error::Database(_)));
        self.rests.store(answered && !self.transacts, Ordering::SeqCst);
        if answer.is_ok() {
            self.counts.answered();
        }
        answer.map_err(wrapped(wrap))
    }

    /// Runs these, one after the other, until one fails: on servers in one message.
    pub(super) async fn run_all(&self, statements: Vec<Statement>) -> Ran {
        let mut changed = Vec::with_capacity(statements.len());
        let texts = match (self.backend, statements.len()) {
            (DbBackend::Sqlite, _) | (_, 0 | 1) => None,
            _ => statements.iter().map(text).collect::<Option<Vec<_>>>(),
        };
        let failed = match texts {
            Some(texts) => self.send_all(&statements, &texts, &mut changed).await,
            None => self.send_each(statements, &mut changed).await,
        };
        let failed = failed.err();
        Ran { changed, failed }
    }

    async fn send_all(&self, statements: &[Statement], texts: &[String], changed: &mut Vec<u64>) -> Result<(), DbErr> {
        for statement in statements.iter().skip(1) {
            self.counts.sent(Some(statement));
        }
        let script = texts.join("; ");
        self.send(statements.first(), DbErr::Exec, async |link| {
            link.execute_script(script, changed).await
        })
        .await
    }

    async fn send_each(&self, statements: Vec<Statement>, changed: &mut Vec<u64>) -> Result<(), DbErr> {
        for statement in statements {
            changed.push(sql::send(self, statement).await?);
        }
        Ok(())
    }
}

fn wrapped(wrap: Wrap) -> impl Fn(Error) -> DbErr {
    move |error| wrap(RuntimeErr::SqlxError(Arc::new(error)))
}

fn gone() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the connection was given back".into()))
}

#[async_trait::async_trait]
impl ConnectionTrait for Held {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        self.send(Some(&stmt), DbErr::Exec, async |link| link.execute(&stmt).await)
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let kept = self.counts.keeps().then(|| Statement::from_string(self.backend, sql));
        self.send(kept.as_ref(), DbErr::Exec, async |link| link.execute_text(sql).await)
            .await
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.send(Some(&stmt), DbErr::Query, async |link| link.one(&stmt).await)
            .await
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.send(Some(&stmt), DbErr::Query, async |link| link.all(&stmt).await)
            .await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut taken) = self.taken.get_mut().take() else {
            return;
        };
        if !self.rests.load(Ordering::SeqCst) {
            drop(Object::take(taken));
        } else if taken.is_full() {
            tokio::spawn(async move {
                if !matches!(timeout(CLEAN_UP, taken.empty()).await, Ok(Ok(()))) {
                    drop(Object::take(taken));
                }
            });
        }
    }
}
