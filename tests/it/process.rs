//! The real binary in a process of its own, as it is deployed: configured by its environment, stopped by a signal.

use crate::raw::Raw;
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tokio::sync::oneshot;

/// The binary with nothing of this process's environment that could configure it.
pub(crate) fn binary(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidepool"));
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

/// `tidepool serve`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<String>>,
    reading: thread::JoinHandle<()>,
}

impl Process {
    /// Starts and waits until it serves. `log.format` must be JSON.
    pub(crate) async fn serve(settings: &[(&str, &str)]) -> Self {
        let mut child = binary(settings)
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
        let Ok(address) = told.await else {
            panic!("it does not serve: {}", said.lock().unwrap());
        };
        Self {
            child,
            address,
            said,
            reading,
        }
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// Stops it as service managers do, and returns how it ended and all it said.
    pub(crate) async fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            self.reading.join().unwrap();
            let said = self.said.lock().unwrap().clone();
            (status, said)
        });
        ended.await.unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
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
