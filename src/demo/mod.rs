//! The demo: the real server on loopback with a database of its own and a clock that is moved by hand, driven through
//! its port as any client would. One file per act.

mod cards;
mod claims;
mod company;
mod events;
mod report;
mod rules;
mod say;
mod stage;
mod time;

use crate::cli::stop_signal;
use clap::Args;
use stage::Stage;
use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode};

/// What an act comes to.
type Act<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when the demo is over instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Folder for the database, which is kept [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Loopback address to listen on [default: 127.0.0.1:7400, or a free port if that one is taken]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Plays the demo.
pub(crate) async fn run(args: &DemoArgs) -> Act<ExitCode> {
    let (mut stage, running, folder) = Stage::build(args).await?;
    let played = tokio::select! {
        played = play(&mut stage) => played.map(Some),
        () = stop_signal() => Ok(None),
    };
    if let (Ok(Some(true)), false) = (&played, args.exit) {
        say::invitation(&stage);
        stop_signal().await;
    }
    running.stop().await;
    if let Some(folder) = folder {
        folder.close()?;
    }
    Ok(match played? {
        Some(true) => ExitCode::SUCCESS,
        Some(false) | None => ExitCode::FAILURE,
    })
}

/// All acts; whether the data is in order at the end.
async fn play(stage: &mut Stage) -> Act<bool> {
    company::found(stage).await?;
    cards::import(stage).await?;
    cards::distribute(stage).await?;
    claims::claim(stage).await?;
    events::tell(stage).await?;
    let graded = rules::grade(stage).await?;
    rules::change(stage).await?;
    time::remind(stage, &graded).await?;
    time::pass(stage).await?;
    time::leave(stage).await?;
    report::tables(stage).await?;
    report::verify(stage).await
}
