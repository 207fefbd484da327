//! The backup and the restore of the handbook, with its very commands, up to `tidepool verify` on what was restored.

use crate::{
    harness::{external_server, run_sql, say},
    process::run,
    world::{World, claim, give_back, open_pool},
};
use secrecy::ExposeSecret;
use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A world with something in every kind of table that matters: owned, returned, canceled.
async fn lived_in() -> World {
    let world = World::start().await;
    let pool = world.pool(open_pool("North")).await;
    let ids = world.many_lying("Card", &pool, 20).await;
    let ann = world.user("ann");
    for id in &ids[..5] {
        ann.circulation().claim_account(claim(id)).await.unwrap();
    }
    ann.circulation().return_account(give_back(&ids[0])).await.unwrap();
    world.create("Own", "", "bob").await;
    world
}

/// The restored database is current, in order, and holds the accounts that were there at the backup.
fn check(url: &str) {
    let settings = [("TIDEPOOL__DATABASE__URL", url)];
    for arguments in [&["migrate", "status"], &["verify"] as &[&str]] {
        let done = run(&settings, arguments);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
}

/// The commands of the handbook that begin like this, one a line.
fn documented(begin: &str) -> Vec<String> {
    let handbook = include_str!("../../docs/operations.md");
    let lines = handbook.lines().filter(|line| line.starts_with(begin));
    lines.map(|line| line.split("  #").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_restored_file_is_in_order() {
    if external_server().is_some() {
        say("NOT RUN on a server: a_restored_file_is_in_order: there is no file");
        return;
    }
    let world = lived_in().await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.sqlite");
    // The statement that the handbook gives to sqlite3, while the server runs.
    let [command] = &documented("sqlite3 ")[..] else {
        panic!("the handbook has no backup of SQLite");
    };
    let statement = command.split('"').nth(1).unwrap();
    let (vacuum, _) = statement.split_once('\'').unwrap();
    run_sql(&url, format!("{vacuum}'{}'", copy.display())).await;
    // It is not in the backup.
    world.create("Later", "", "bob").await;
    world.stop().await;
    check(&format!("sqlite:{}", copy.display()));
    assert_eq!(accounts(&format!("sqlite:{}", copy.display())).await, 21);
}

async fn accounts(url: &str) -> i64 {
    use sea_orm::{ConnectionTrait, Database, Statement};
    let db = Database::connect(url).await.unwrap();
    let count = Statement::from_string(db.get_database_backend(), "SELECT COUNT(*) FROM account");
    let row = db.query_one_raw(count).await.unwrap().unwrap();
    let count = row.try_get_by_index(0).unwrap();
    db.close().await.unwrap();
    count
}

/// The path of a MariaDB program: where the scripts found it, or in PATH.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A client program on the server that the suite runs on.
fn client(program: &Path, url: &str) -> Command {
    let rest = url.strip_prefix("mysql://").unwrap();
    let (user, host) = rest.split_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, "3306"));
    let port = port.split('/').next().unwrap();
    let mut command = Command::new(program);
    command.arg("--no-defaults").env("MYSQL_PWD", password);
    command.args(["--protocol=tcp", "-h", host, "-P", port, "-u", user]);
    command
}

#[tokio::test]
async fn a_restored_dump_is_in_order() {
    const TEST: &str = "a_restored_dump_is_in_order";
    let Some(server) = external_server() else {
        say(&format!("NOT RUN on SQLite: {TEST}: there is no server to dump"));
        return;
    };
    let programs = program("TIDEPOOL_MARIADB_DUMP", "mariadb-dump").zip(program("TIDEPOOL_MARIADB", "mariadb"));
    let Some((dump, load)) = programs else {
        say(&format!("NOT RUN: {TEST}: mariadb-dump and mariadb are not in PATH"));
        return;
    };
    let world = lived_in().await;
    let url = world.server.config.database.url.expose_secret().to_owned();
    let (_, name) = url.rsplit_once('/').unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tidepool.sql");
    let commands = documented("mariadb-dump ");
    let [command] = &commands[..] else {
        panic!("the handbook has no dump: {commands:?}");
    };
    // What the handbook says, of this database into that file.
    let (options, rest) = command.split_once(" tidepool ").unwrap();
    assert_eq!(rest.trim(), "> tidepool.sql");
    let options: Vec<_> = options.split_whitespace().skip(1).collect();
    let dumped = client(&dump, &url)
        .args(&options)
        .arg(name)
        .stdout(File::create(&file).unwrap())
        .status()
        .unwrap();
    assert!(dumped.success());
    world.create("Later", "", "bob").await;
    let restored = format!("{name}_back");
    run_sql(&server, format!("CREATE DATABASE {restored}")).await;
    assert_eq!(documented("mariadb tidepool"), ["mariadb tidepool < tidepool.sql"]);
    let loaded = client(&load, &url)
        .arg(&restored)
        .stdin(File::open(&file).unwrap())
        .status()
        .unwrap();
    assert!(loaded.success());
    world.stop().await;
    let url = format!("{}/{restored}", server.trim_end_matches('/'));
    check(&url);
    assert_eq!(accounts(&url).await, 21);
    run_sql(&server, format!("DROP DATABASE {restored}")).await;
}
