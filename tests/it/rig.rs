//! The store alone, without a server above it, behind a proxy.

use crate::{harness::Storage, proxy::Proxy};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tidepool::store::{Abort, Db, Options};
use tokio::{
    sync::Barrier,
    time::{Instant, sleep, timeout},
};

/// A database with three numbers in it, reached by the store through a proxy and by the test directly.
pub(crate) struct Rig {
    storage: Storage,
    pub(crate) proxy: Option<Proxy>,
    options: Options,
    pub(crate) db: Db,
    direct: DatabaseConnection,
}

pub(crate) const ROWS: &str = "INSERT INTO probe (id, value) VALUES (1, 0), (2, 0), (3, 0)";

impl Rig {
    pub(crate) async fn start(connections: u32) -> Self {
        let (storage, direct_url) = Storage::create().await;
        let direct_url = SecretString::from(direct_url);
        let proxy = match &storage {
            Storage::Folder(_) => None,
            Storage::Database { server, .. } => Some(Proxy::start(server).await),
        };
        let options = Options {
            url: proxy
                .as_ref()
                .map_or_else(|| direct_url.clone(), |proxy| proxy.url(&direct_url)),
            max_connections: connections,
            acquire_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(10),
        };
        // The store creates the SQLite file.
        let db = Db::open(options.clone()).await.unwrap();
        let direct = Database::connect(direct_url.expose_secret()).await.unwrap();
        let create = "CREATE TABLE probe (id INTEGER PRIMARY KEY, value BIGINT NOT NULL)";
        for sql in [create, ROWS] {
            direct.execute_unprepared(sql).await.unwrap();
        }
        Self {
            storage,
            proxy,
            options,
            db,
            direct,
        }
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// As the store sees it, with other options.
    pub(crate) async fn reopen(&mut self, change: impl FnOnce(&mut Options)) {
        self.db.close().await;
        change(&mut self.options);
        self.db = Db::open(self.options.clone()).await.unwrap();
    }

    /// What is committed in the row.
    pub(crate) async fn value(&self, id: i64) -> i64 {
        let select = Statement::from_sql_and_values(
            self.db.engine().backend(),
            "SELECT value FROM probe WHERE id = ?",
            [id.into()],
        );
        self.direct
            .query_one_raw(select)
            .await
            .unwrap()
            .unwrap()
            .try_get("", "value")
            .unwrap()
    }

    /// Adds one to the row in a unit of work.
    pub(crate) async fn add(&self, id: i64, time: Duration) -> Result<(), Abort> {
        let unit = self.db.unit("add", Instant::now() + time);
        unit.retry(|| unit.tx(async |tx| add(tx, id).await)).await
    }

    pub(crate) async fn stop(self) {
        self.db.close().await;
        self.direct.close().await.unwrap();
        self.storage.remove().await;
    }
}

pub(crate) async fn add(conn: &impl ConnectionTrait, id: i64) -> Result<(), Abort> {
    assert_eq!(
        update(conn, "UPDATE probe SET value = value + 1 WHERE id = ?", id).await?,
        1
    );
    Ok(())
}

pub(crate) async fn update(conn: &impl ConnectionTrait, sql: &str, id: i64) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, [id.into()]);
    Ok(conn.execute_raw(statement).await?.rows_affected())
}

pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Panics unless as many units as there are connections can run at the same time: none of them is stuck.
pub(crate) async fn serves_in_parallel(db: &Db) {
    let width = db.slots().max;
    let together = Barrier::new(width as usize);
    let units = (0..width).map(|_| {
        let unit = db.unit("together", Instant::now() + LONG);
        let together = &together;
        async move {
            let body = || {
                unit.tx(async |tx| {
                    tx.query_one_raw(Statement::from_string(tx.get_database_backend(), "SELECT 1"))
                        .await?;
                    timeout(Duration::from_secs(10), together.wait())
                        .await
                        .map_err(|_| Abort::Busy)?;
                    Ok(())
                })
            };
            unit.retry(body).await
        }
    });
    for done in futures::future::join_all(units).await {
        done.unwrap();
    }
}

/// Waits until all connections are back where they belong.
pub(crate) async fn rests(db: &Db) {
    for _ in 0..1000 {
        let slots = db.slots();
        if slots.used == 0 && slots.stuck() == 0 && slots.idle == slots.open {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not at rest: {:?}", db.slots());
}
