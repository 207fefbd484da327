//! Wall clocks that somebody sets: a process that is started with one of these is told another time from one moment to the next,
//! while the clocks that only run forward go on, as they do when the clock of a machine is set.

use crate::{harness::say, processes::soon};
use std::{
    env,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;
use tidepool::clock::Clock;
use tokio::task::spawn_blocking;

/// What makes them.
#[derive(Debug)]
pub(super) struct ClockMaker {
    folder: TempDir,
    shim: PathBuf,
}

/// See the file's head.
#[derive(Debug)]
pub(super) struct WallClock {
    file: File,
    path: String,
    shim: String,
}

impl ClockMaker {
    /// `None` where there is no compiler for it, or processes cannot be told: that is said.
    pub(super) async fn find() -> Option<Self> {
        // Not where databases lie: programs may not be loaded from everywhere.
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chaos/wall_clock/shim.rs");
        let shim = folder.path().join("libwall_clock.so");
        let mut compile = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        compile.args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "-C",
            "panic=abort",
            "-O",
            "-o",
        ]);
        compile.arg(&shim).arg(source);
        let compiled = run(compile).await;
        let maker = Self { folder, shim };
        let why = match compiled {
            Ok(output) if output.status.success() => {
                if maker.works().await {
                    return Some(maker);
                }
                "a process that is told another time does not believe it".to_owned()
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        say(&format!("NOT RUN: clocks that are set: {why}"));
        None
    }

    async fn works(&self) -> bool {
        let clock = self.clock("tried");
        clock.is_off_by(-3600);
        let mut date = Command::new("date");
        date.arg("+%s").envs(clock.settings());
        let Ok(told) = run(date).await else { return false };
        let told: i64 = String::from_utf8_lossy(&told.stdout).trim().parse().unwrap_or_default();
        (told + 3600 - Clock::System.now().timestamp()).abs() < 60
    }

    /// One that is right.
    pub(super) fn clock(&self, name: &str) -> WallClock {
        let path = self.folder.path().join(name);
        let file = File::create(&path).unwrap();
        let clock = WallClock {
            file,
            path: path.to_str().unwrap().to_owned(),
            shim: self.shim.to_str().unwrap().to_owned(),
        };
        clock.is_off_by(0);
        clock
    }
}

impl WallClock {
    /// From now on it is ahead by so many seconds.
    pub(super) fn is_off_by(&self, seconds: i64) {
        self.file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// With which a process is started that looks at it.
    pub(super) fn settings(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", &self.shim), ("WALL_CLOCK", &self.path)]
    }
}

async fn run(mut command: Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null());
    let ran = spawn_blocking(move || command.output());
    soon("a program's end", ran).await.unwrap()
}
