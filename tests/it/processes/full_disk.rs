//! A disk that is really full: a small one of the test's own fills up again and again while people claim and services tell. Whoever
//! is refused is told why, what was acknowledged is kept, reads go on, and the service serves as soon as there is room, without
//! being started again.

use super::{
    Deployed,
    errands::{Errand, Stock, all_were_done_once},
    followed::SETTINGS,
    stop_all,
};
use crate::{
    harness::{Server, Storage, external_server, say},
    process::Process,
    races::reason,
    site::Site,
    storm::seed,
    world::World,
};
use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::PathBuf,
    process::Command,
};
use tempfile::TempDir;
use tidepool::domain::refusal::Reason;
use tonic::Code;

/// How often it fills up.
const ROUNDS: usize = 3;
/// Errands at once, and at most in a round.
const AT_ONCE: usize = 6;
const MOST: usize = 240;
/// What there is of the disk.
const MEBIBYTES: u32 = 48;

/// A disk in memory; where that may not be mounted, files may not grow beyond a size.
struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let size = format!("size={MEBIBYTES}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tidepool-test"])
            .arg(folder.path());
        let (mounted, why) = match mount.output() {
            Ok(output) => (
                output.status.success(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ),
            Err(error) => (false, error.to_string()),
        };
        if !mounted {
            say(&format!(
                "NO REAL DISK: nothing can be mounted here, so files are limited in size (RLIMIT_FSIZE) instead: {}",
                why.trim()
            ));
        }
        Self { folder, mounted }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("tidepool.sqlite")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Leaves so many bytes.
    fn fill(&self, process: &Process, room: u64) {
        if !self.mounted {
            let wal = self.folder.path().join("tidepool.sqlite-wal");
            let lengths = [self.file(), wal].map(|file| fs::metadata(file).map_or(0, |file| file.len()));
            process.limit_files(Some(lengths.into_iter().max().unwrap() + room));
            return;
        }
        let mut ballast = File::create(self.ballast()).unwrap();
        let page = [0; 4096];
        let mut written = 0;
        loop {
            match ballast.write(&page) {
                Ok(some) => written += u64::try_from(some).unwrap(),
                Err(full) => {
                    assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
                    break;
                }
            }
        }
        ballast.set_len(written.saturating_sub(room)).unwrap();
    }

    fn empty(&self, process: &Process) {
        if self.mounted {
            fs::remove_file(self.ballast()).unwrap();
        } else {
            process.limit_files(None);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Even if a test that failed has something open there.
            drop(Command::new("umount").arg("-l").arg(self.folder.path()).status());
        }
    }
}

/// Until nobody is served any more: what was answered, and what was not.
async fn until_full(site: &Site, stock: &mut Stock) -> (Vec<(Errand, String)>, Vec<Errand>) {
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    let mut asked = 0;
    while refused.len() < AT_ONCE {
        assert!(asked < MOST, "it never fills up");
        let errands: Vec<_> = (0..AT_ONCE).map(|_| stock.next()).collect();
        asked += errands.len();
        let answers = join_all(errands.iter().map(|errand| errand.ask(site, 0))).await;
        for (errand, answer) in errands.into_iter().zip(answers) {
            match answer {
                Ok(said) => done.push((errand, said)),
                Err(status) => {
                    let known = [Reason::DatabaseUnavailable, Reason::OutcomeUnknown];
                    let said = reason(&status);
                    assert!(
                        known.iter().any(|known| known.as_str() == said),
                        "{errand:?}: {status:?}"
                    );
                    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                    refused.push(errand);
                }
            }
        }
    }
    (done, refused)
}

/// P9, P10: see the file's head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing() {
    if external_server().is_some() {
        say("NOT RUN on a server: a_full_disk_loses_nothing: servers wait until there is room");
        return;
    }
    let disk = Disk::new();
    let url = format!("sqlite:{}", disk.file().display());
    let elsewhere = Storage::Folder(TempDir::new().unwrap());
    let world = World::of(Server::start_in((elsewhere, url), |_| {}).await).await;
    let mut stock = Stock::make(&world, ROUNDS * MOST).await;
    let deployed = Deployed::of(world).await;
    let process = deployed.serve_at(&deployed.url, &SETTINGS).await;
    let site = Site::new(vec![process.channel()]);
    let mut random = StdRng::seed_from_u64(seed());
    let (mut done, mut refusals) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        disk.fill(&process, random.random_range(0..64) * 1024);
        let (answered, refused) = until_full(&site, &mut stock).await;
        done.extend(answered);
        refusals += refused.len();
        // Whoever only looks is served.
        site.counted(stock.pool()).await;
        disk.empty(&process);
        for errand in refused {
            let said = errand.insist(&site, 0).await;
            done.push((errand, said));
        }
    }
    say(&format!(
        "{} errands on a disk that was full {ROUNDS} times, {refusals} of them refused",
        done.len()
    ));
    all_were_done_once(&site, &stock, &done).await;
    stop_all(vec![process]).await;
    deployed.end().await;
}
