//! A database server of a test's own, as durable as operators have it, that may be killed, stopped and started again: the one
//! that the suite runs on serves all tests and may lose what it acknowledged.

use crate::{
    harness::{external_server, on_a_server, say},
    process::Leashed,
};
use sea_orm::{ConnectionTrait, Database, Statement};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// What was acknowledged is on the disk. The last one of an option counts.
const DURABLE: [&str; 2] = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"];
/// How long a server may take to recover, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);

/// See the file's head. It ends with the test, however that ends.
#[derive(Debug)]
pub(crate) struct PrivateServer {
    running: Option<Leashed>,
    /// The very command line and environment with which the script started it.
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// As `mysql://USER@HOST:PORT`.
    pub(crate) url: String,
    folder: TempDir,
}

impl PrivateServer {
    /// Starts one of the family of the server that the suite runs on. `None` where it runs on SQLite, or where there are no
    /// programs: that is said.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        if !on_a_server(test, "a file has no server of its own; see killed_anywhere") {
            return None;
        }
        let family = family().await;
        let found = script(&format!("{family}-programs.sh"), &[]).await;
        if !found.status.success() {
            let why = String::from_utf8_lossy(&found.stderr);
            say(&format!("NOT RUN: {test}: {}", why.trim()));
            return None;
        }
        let folder = match std::env::var_os("TIDEPOOL_TEST_FOLDER") {
            Some(fast) => tempfile::tempdir_in(fast).unwrap(),
            None => tempfile::tempdir().unwrap(),
        };
        let data = folder.path().join("server");
        let mut arguments = vec![OsStr::new("start"), data.as_os_str()];
        arguments.extend(DURABLE.map(OsStr::new));
        let started = script(&format!("{family}.sh"), &arguments).await;
        assert!(
            started.status.success(),
            "{family} does not start: {}",
            String::from_utf8_lossy(&started.stderr)
        );
        let process = fs::read_to_string(data.join("server")).unwrap();
        let process = process.trim();
        let mut server = Self {
            running: None,
            command: words(&data.join("command")),
            environment: words(&Path::new("/proc").join(process).join("environ"))
                .iter()
                .filter_map(assignment)
                .collect(),
            url: String::from_utf8(started.stdout).unwrap().trim().to_owned(),
            folder,
        };
        // From now on it is a child of this process, which its end cannot be hidden from.
        assert!(signal("KILL", process));
        let gone = async {
            while alive(process) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("the server does not die");
        server.start_again().await;
        Some(server)
    }

    /// Ends it at once, as a power failure would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.running.take().expect("it runs").kill();
    }

    /// Starts it on what it left, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        let log = fs::File::create(self.folder.path().join("output.log")).unwrap();
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running = Some(Leashed(child));
        let answers = async {
            while ask(&self.url, "SELECT 1").await.is_none() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, answers).await.expect("the server does not come back");
    }

    /// Lets it stand still, or go on: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        self.running.as_ref().expect("it runs").signal(name);
    }
}

/// Which scripts start a server like the suite's.
pub(crate) async fn family() -> &'static str {
    let url = external_server().unwrap();
    let version = ask(&url, "SELECT VERSION()").await.expect("the suite's server answers");
    if version.contains("MariaDB") {
        "mariadb"
    } else {
        "mysql"
    }
}

/// The only value of the answer, if there is one.
pub(crate) async fn ask(url: &str, sql: &str) -> Option<String> {
    let db = Database::connect(url).await.ok()?;
    let sql = format!("SELECT CAST(({sql}) AS CHAR) AS value");
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await;
    // It may be gone again.
    drop(db.close().await);
    row.ok()??.try_get("", "value").ok()
}

pub(crate) async fn script(name: &str, arguments: &[&OsStr]) -> Output {
    let mut command = Command::new("bash");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    command.arg(path).args(arguments).stdin(Stdio::null());
    spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// What a file says, word by word.
fn words(file: &Path) -> Vec<OsString> {
    let bytes = fs::read(file).unwrap();
    let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| OsStr::from_bytes(word).to_owned()).collect()
}

fn assignment(word: &OsString) -> Option<(OsString, OsString)> {
    let (name, value) = word.to_str()?.split_once('=')?;
    Some((name.into(), value.into()))
}

fn signal(name: &str, process: &str) -> bool {
    let sent = Command::new("kill").args(["-s", name, process]).status().unwrap();
    sent.success()
}

/// Whether it can still do anything: a zombie cannot, even if nobody buries it.
fn alive(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("State:") && !line.contains('Z'))
}
