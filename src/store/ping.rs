//! Whether the database answers.

use super::Db;
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tokio::time::{Instant, timeout};

impl Db {
    /// Whether the database answered somebody within `time`, or answers now within `time`.
    ///
    /// While others are answered nothing is asked: a busy pool is not a broken database. But a pool that is busy because
    /// nobody is answered is.
    pub async fn ping(&self, time: Duration) -> bool {
        if self.answered_within(time) {
            return true;
        }
        let db = self.clone();
        // In a task of its own: a probe that is given up must not drop a statement.
        let task = tokio::spawn(async move {
            let Ok(reader) = db.unit("probe", Instant::now() + time).reader().await else {
                return db.answered_within(time);
            };
            let asked = Statement::from_string(reader.get_database_backend(), super::counts::PING);
            let answer = reader.query_one_raw(asked).await;
            answer.map_err(|error| db.suspect(&error)).is_ok()
        });
        matches!(timeout(time, task).await, Ok(Ok(true)))
    }
}
