//! The program itself: how large it is, how soon it serves, and how much memory it takes before anybody calls.

use crate::{
    Plan,
    common::{
        Outcome,
        report::{Report, Target},
    },
};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that is killed when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already, or has nothing that is worth keeping.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether it says of itself that it serves.
async fn serves(address: &str) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{address}")) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

impl Server {
    /// Starts it on a file of its own, and waits until it serves; says how many seconds that took.
    async fn start(program: &Path, folder: &str, name: &str) -> Outcome<(Self, f64)> {
        // Free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = format!("sqlite:{folder}/{name}.db");
        let began = Instant::now();
        let listen = address.to_string();
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &listen, "--database-url", &file]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self(child);
        while !serves(&listen).await {
            if began.elapsed() > PATIENCE {
                return Err("the program does not serve".into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok((server, began.elapsed().as_secs_f64()))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn megabytes(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line
            .ok_or("the system does not say")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        Ok(kilobytes as f64 / 1000.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    let size = fs::metadata(&plan.program)?.len() as f64 / 1e6;
    report.add("size of the program", size, "MB", Some(Target::AtMost(25.0)));
    let folder = env!("CARGO_TARGET_TMPDIR");
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for at in 0..plan.rounds {
        let name = format!("bench-{}-{at}", std::process::id());
        // The first start makes the database, the second finds it.
        drop(Server::start(&plan.program, folder, &name).await?);
        let (server, seconds) = Server::start(&plan.program, folder, &name).await?;
        starts.push(seconds * 1000.0);
        // Whatever it does when it begins is over.
        sleep(Duration::from_secs(2)).await;
        memory.push(server.megabytes()?);
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    report.add(
        "start until it serves",
        median(starts),
        "ms",
        Some(Target::AtMost(500.0)),
    );
    report.add("memory at rest", median(memory), "MB", Some(Target::AtMost(60.0)));
    Ok(())
}
