//! The schema: brought up to date by anybody at any time, interrupted anywhere, looked at before serving, changed by
//! nothing else, the same on every engine. After an intended change of the schema run the suite once on each engine with
//! `TIDEPOOL_UPDATE_SNAPSHOTS=1` and commit what it wrote.

mod upgraded;

use crate::{
    harness::{Server, Storage, on_a_server, start},
    schema,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use secrecy::SecretString;
use std::{path::Path, time::Duration};
use tidepool::{
    clock::Clock,
    config::Config,
    lifecycle::{self, StartError},
    store::{
        Db, Options,
        migrate::{self, Unfit},
    },
};

struct Empty {
    storage: Storage,
    url: String,
    db: Db,
    direct: DatabaseConnection,
}

async fn open(url: &str) -> Db {
    let options = Options {
        url: SecretString::from(url.to_owned()),
        max_connections: 2,
        acquire_timeout: Duration::from_secs(10),
        attempt_timeout: Duration::from_secs(10),
    };
    Db::open(options).await.unwrap()
}

impl Empty {
    async fn create() -> Self {
        let (storage, url) = Storage::create().await;
        let db = open(&url).await;
        let direct = Database::connect(&url).await.unwrap();
        Self {
            storage,
            url,
            db,
            direct,
        }
    }

    async fn up(&self) -> Vec<&'static str> {
        migrate::up(&self.db, &Clock::manual(start())).await.unwrap()
    }

    async fn sql(&self, sql: &str) {
        self.direct.execute_unprepared(sql).await.unwrap();
    }

    async fn remove(self) {
        self.db.close().await;
        self.direct.close().await.unwrap();
        self.storage.remove().await;
    }
}

fn all() -> Vec<&'static str> {
    tidepool_migrations::steps().iter().map(|step| step.name).collect()
}

#[tokio::test]
async fn an_empty_database_is_behind_and_says_how_to_help_it() {
    let empty = Empty::create().await;
    let unfit = migrate::check(&empty.db).await.unwrap().unwrap_err();
    let behind = Unfit::Behind {
        first: all()[0],
        count: all().len(),
    };
    assert_eq!(unfit, behind);
    assert!(unfit.to_string().contains("tidepool migrate up"), "{unfit}");
    let status = migrate::status(&empty.db).await.unwrap();
    assert!(status.iter().all(|step| step.apply_time.is_none() && step.known));
    assert!(schema::names(&empty.direct).await.is_empty(), "looking changes nothing");

    assert_eq!(empty.up().await, all());
    assert_eq!(migrate::check(&empty.db).await.unwrap(), Ok(()));
    assert_eq!(empty.up().await, Vec::<&str>::new());
    let status = migrate::status(&empty.db).await.unwrap();
    assert!(status.iter().all(|step| step.apply_time == Some(start())));
    empty.remove().await;
}

#[tokio::test]
async fn migrators_at_once_take_turns() {
    let empty = Empty::create().await;
    let (second, third) = (open(&empty.url).await, open(&empty.url).await);
    let clock = Clock::manual(start());
    let done = tokio::join!(
        migrate::up(&empty.db, &clock),
        migrate::up(&second, &clock),
        migrate::up(&third, &clock)
    );
    let mut done = [done.0.unwrap(), done.1.unwrap(), done.2.unwrap()].concat();
    done.sort_unstable();
    assert_eq!(done, all(), "every step by exactly one of them");
    assert_eq!(migrate::check(&empty.db).await.unwrap(), Ok(()));
    for db in [second, third] {
        db.close().await;
    }
    empty.remove().await;
}

/// Steps are not transactions on every engine: a migrator that dies leaves tables without a ledger row, and half a step.
#[tokio::test]
async fn an_interrupted_migration_is_finished_by_the_next() {
    let empty = Empty::create().await;
    empty.up().await;
    let whole = schema::dump(&empty.direct).await;
    // Between steps: applied but not written down.
    empty.sql("DELETE FROM schema_step WHERE name >= 'm0002'").await;
    assert_eq!(empty.up().await, all()[1..]);
    assert_eq!(schema::dump(&empty.direct).await, whole);
    // Within a step: whatever it creates is missing, one at a time.
    let tables = schema::tables(&empty.direct).await;
    for (name, table) in &tables {
        if ["schema_step", "lease"].contains(&name.as_str()) {
            continue;
        }
        let on = match &empty.storage {
            Storage::Folder(_) => String::new(),
            Storage::Database { .. } => format!(" ON {name}"),
        };
        for key in table.keys.keys().filter(|key| *key != "PRIMARY") {
            empty.sql(&format!("DROP INDEX {key}{on}")).await;
            empty.sql("DELETE FROM schema_step").await;
            empty.up().await;
        }
        empty.sql(&format!("DROP TABLE {name}")).await;
        empty.sql("DELETE FROM schema_step").await;
        assert_eq!(empty.up().await, all());
    }
    assert_eq!(schema::tables(&empty.direct).await, tables);
    empty.sql("DROP TABLE account").await;
    assert_ne!(
        schema::tables(&empty.direct).await,
        tables,
        "the comparison sees a difference"
    );
    empty.remove().await;
}

#[tokio::test]
async fn a_newer_schema_is_fine_unless_it_took_something_away() {
    let empty = Empty::create().await;
    empty.up().await;
    empty
        .sql("INSERT INTO schema_step (name, min_binary, apply_time) VALUES ('m9998_newer', NULL, 1)")
        .await;
    assert_eq!(migrate::check(&empty.db).await.unwrap(), Ok(()));
    assert_eq!(empty.up().await, Vec::<&str>::new());
    let unknown: Vec<_> = migrate::status(&empty.db).await.unwrap();
    let unknown: Vec<_> = unknown
        .iter()
        .filter(|step| !step.known)
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(unknown, ["m9998_newer"]);

    // What this binary has is enough.
    let ours = env!("CARGO_PKG_VERSION");
    let contract = |name: &str, version: &str| {
        format!("INSERT INTO schema_step (name, min_binary, apply_time) VALUES ('{name}', '{version}', 1)")
    };
    empty.sql(&contract("m9998_took", ours)).await;
    assert_eq!(migrate::check(&empty.db).await.unwrap(), Ok(()));
    // Compared as numbers, not as text.
    empty.sql(&contract("m9999_took", "10.0.0")).await;
    let unfit = migrate::check(&empty.db).await.unwrap().unwrap_err();
    let too_new = Unfit::TooNew {
        step: "m9999_took".into(),
        min_binary: "10.0.0".into(),
    };
    assert_eq!(unfit, too_new);

    let mut config = Config::default();
    config.database.url = SecretString::from(empty.url.clone());
    let refused = lifecycle::open(&config, &Clock::manual(start())).await;
    assert!(
        matches!(refused, Err(StartError::Schema(Unfit::TooNew { .. }))),
        "{refused:?}"
    );
    empty.remove().await;
}

#[tokio::test]
async fn serving_changes_nothing_in_the_schema() {
    use secrecy::ExposeSecret;
    let empty = Empty::create().await;
    empty.up().await;
    let migrated = schema::dump(&empty.direct).await;
    // A server that was started, used and looked at.
    let server = Server::start().await;
    let direct = Database::connect(server.config.database.url.expose_secret())
        .await
        .unwrap();
    assert_eq!(schema::dump(&direct).await, migrated);
    direct.close().await.unwrap();
    server.stop().await;
    empty.remove().await;
}

#[tokio::test]
async fn the_schema_is_the_committed_one() {
    let empty = Empty::create().await;
    empty.up().await;
    let name = match &empty.storage {
        Storage::Folder(_) => "schema.sqlite.sql",
        Storage::Database { .. } if schema::is_mariadb(&empty.direct).await => "schema.mariadb.sql",
        Storage::Database { .. } => "schema.mysql.sql",
    };
    let found = schema::dump(&empty.direct).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/snapshots")
        .join(name);
    if std::env::var_os("TIDEPOOL_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, committed)) in found.lines().zip(committed.lines()).enumerate() {
        assert_eq!(found, committed, "{name}:{}", number + 1);
    }
    assert_eq!(found.lines().count(), committed.lines().count(), "{name}");
    empty.remove().await;
}

#[tokio::test]
async fn all_engines_have_the_same_tables_columns_and_keys() {
    let test = "all_engines_have_the_same_tables_columns_and_keys";
    if !on_a_server(test, "one engine alone; the run on a server compares both") {
        return;
    }
    let server = Empty::create().await;
    server.up().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("compared.sqlite").display());
    let sqlite = open(&url).await;
    migrate::up(&sqlite, &Clock::manual(start())).await.unwrap();
    let direct = Database::connect(&url).await.unwrap();
    let (on_sqlite, on_server) = (schema::tables(&direct).await, schema::tables(&server.direct).await);
    assert!(
        on_server.keys().eq(on_sqlite.keys()),
        "{:?} {:?}",
        on_server.keys(),
        on_sqlite.keys()
    );
    for (name, table) in &on_server {
        assert_eq!(table, &on_sqlite[name], "{name}");
    }
    direct.close().await.unwrap();
    sqlite.close().await;
    server.remove().await;
}

/// Reserved in MySQL 8 or 9 and free in MariaDB: our SQL does not quote names.
const RESERVED: &str = "cube cume_dist dense_rank empty except first_value function grouping groups intersect json_table \
    lag last_value lateral lead library manual nth_value ntile of over parallel percent_rank qualify rank recursive row \
    rows row_number system tablesample window key keys order group read write range condition option usage index";

/// MySQL 8 and 9 stay supported by construction: nothing is used that only MariaDB has.
#[tokio::test]
async fn the_schema_uses_nothing_that_one_server_alone_has() {
    let test = "the_schema_uses_nothing_that_one_server_alone_has";
    if !on_a_server(test, "a matter of MySQL and MariaDB") {
        return;
    }
    let empty = Empty::create().await;
    empty.up().await;
    let reserved: Vec<_> = RESERVED.split_whitespace().collect();
    for table in schema::names(&empty.direct).await {
        assert!(!reserved.contains(&table.as_str()), "table {table}");
        for row in schema::columns(&empty.direct, &table).await {
            let text = |index| row.try_get_by_index::<String>(index).unwrap();
            let (name, kind, collation, extra) = (text(0), text(2), text(3), text(4));
            assert!(!reserved.contains(&name.as_str()), "{table}.{name}");
            // MySQL has no display widths any more.
            let kind = kind.split_once('(').map_or(kind.as_str(), |(kind, _)| kind).to_owned();
            let kinds = [
                "int", "bigint", "smallint", "tinyint", "double", "binary", "varchar", "longtext", "longblob",
            ];
            assert!(kinds.contains(&kind.as_str()), "{table}.{name} {kind}");
            assert!(
                ["", "ascii_bin", "utf8mb4_bin"].contains(&collation.as_str()),
                "{table}.{name} {collation}"
            );
            assert_eq!(extra, "", "{table}.{name}: no AUTO_INCREMENT, no generated columns");
        }
    }
    let select = "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.referential_constraints \
                  WHERE constraint_schema = DATABASE()";
    let statement = Statement::from_string(empty.direct.get_database_backend(), select);
    let row = empty.direct.query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0, "no foreign keys");
    empty.remove().await;
}
