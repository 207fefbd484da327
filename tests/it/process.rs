//! The real binary in a process of its own, as it is deployed: configured by its environment, stopped by a signal.

use crate::raw::Raw;
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    str::FromStr,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

/// The binary with nothing of this process's environment that could configure it.
pub(crate) fn binary(settings: &[(&str, &str)]) -> Command {
    environment(Command::new(env!("CARGO_BIN_EXE_tidepool")), settings)
}

fn environment(mut command: Command, settings: &[(&str, &str)]) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEPOOL") {
            command.env_remove(name);
        }
    }
    command.envs(settings.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    binary(settings).args(arguments).output().unwrap()
}

/// Ends with the test, however that ends.
#[derive(Debug)]
pub(crate) struct Leashed(pub(crate) Child);

impl Leashed {
    /// Ends it at once, as a power failure would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        // At once, and it cannot be put off.
        let status = self.0.wait().unwrap();
        assert_eq!(status.code(), None, "it had ended by itself");
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Nothing to be done for one that has ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `tidepool serve`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Leashed,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<String>>,
    reading: thread::JoinHandle<()>,
}

impl Process {
    /// Starts and waits until it serves. `log.format` must be JSON.
    pub(crate) async fn serve(settings: &[(&str, &str)]) -> Self {
        let serves = Self::try_to_serve(settings).await;
        serves.unwrap_or_else(|said| panic!("it does not serve: {said}"))
    }

    /// As [`Self::serve`], or what it said before it ended.
    pub(crate) async fn try_to_serve(settings: &[(&str, &str)]) -> Result<Self, String> {
        // A full disk is an answer, not a signal: see `limit_files`.
        let mut command = environment(Command::new("sh"), settings);
        command.args([
            "-c",
            "trap '' XFSZ && exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_tidepool"),
        ]);
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let said = Arc::new(Mutex::new(String::new()));
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let reading = thread::spawn({
            let said = said.clone();
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    if let (Some(address), true) = (address(&line), tell.is_some()) {
                        tell.take().unwrap().send(address).unwrap();
                    }
                    let mut said = said.lock().unwrap();
                    said.push_str(&line);
                    said.push('\n');
                }
            }
        });
        let child = Leashed(child);
        let Ok(address) = told.await else {
            return Err(said.lock().unwrap().clone());
        };
        Ok(Self {
            child,
            address,
            said,
            reading,
        })
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// A connection of its own to the process.
    pub(crate) fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_str(&format!("http://{}", self.address)).unwrap();
        endpoint.timeout(Duration::from_mins(1)).connect_lazy()
    }

    /// Whether it has said this by now.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.lock().unwrap().contains(text)
    }

    /// Its last lines.
    pub(crate) fn last_said(&self, lines: usize) -> String {
        let said = self.said.lock().unwrap();
        let all: Vec<_> = said.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// How often it has said this by now.
    pub(crate) fn times_said(&self, text: &str) -> usize {
        self.said.lock().unwrap().matches(text).count()
    }

    /// The most memory that it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:") * 1024
    }

    /// A number of what the system says of it; sizes are in KiB.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How many files and connections it has open.
    pub(crate) fn open_files(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.0.id()));
        files.unwrap().count()
    }

    /// Ends it at once, as a power failure would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// Stops it as service managers do, and returns how it ended and all it said.
    pub(crate) async fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || {
            let status = self.child.0.wait().unwrap();
            self.reading.join().unwrap();
            let said = self.said.lock().unwrap().clone();
            (status, said)
        });
        ended.await.unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// From now on its files have no room beyond so many bytes, as if the disk were full; or as much as there is again.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let (id, limit) = (self.child.0.id().to_string(), format!("--fsize={bytes}:"));
        let set = Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap();
        assert!(set.success());
    }
}

/// The address in the line that says that it serves.
fn address(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line["message"] != "serving" {
        return None;
    }
    line["address"].as_str()?.parse().ok()
}
