//! One server per SQLite file. The replicas of two servers' caches and workers would not know of each other, and on
//! network disks two processes corrupt the file. Commands that come and go beside a server are fine: SQLite itself
//! keeps single transactions apart.

use super::{Options, dialect::Engine};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use secrecy::ExposeSecret;
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    str::FromStr,
};

/// The right to serve from a SQLite file, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "another server runs on {}: SQLite serves one process. Stop it, use another file, or MySQL or MariaDB for \
         several replicas", .0.display()
    )]
    Taken(PathBuf),
    /// The lock file cannot be used.
    #[error("cannot lock {}: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
}

impl ServerLock {
    /// Takes the lock beside the database file, which must exist. Other engines need none.
    pub fn take(options: &Options) -> Result<Option<Self>, LockError> {
        let url = options.url.expose_secret();
        let (Some(Engine::Sqlite), Ok(connect)) = (Engine::of_url(url), SqliteConnectOptions::from_str(url)) else {
            return Ok(None);
        };
        let database = connect.get_filename();
        lock(database).map(Some)
    }
}

fn lock(database: &Path) -> Result<ServerLock, LockError> {
    let io = |error| LockError::Io(database.to_owned(), error);
    // Two names of one file are one file.
    let mut path = database.canonicalize().map_err(io)?.into_os_string();
    path.push(".lock");
    // Never deleted: whoever locks a file that was unlinked meanwhile locks nothing.
    let file = File::options().create(true).append(true).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(ServerLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken(database.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}
