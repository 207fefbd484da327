//! What can be typed. Thin: every command calls the library.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

pub(crate) mod import;

use crate::demo::{self, DemoArgs};
use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};
use tidepool::{
    app::{App, sweep::Stopped, verify::Verified},
    clock::Clock,
    config::{Config, Log, Telemetry},
    domain::{ids::TenantName, tenant::TenantSettings},
    lifecycle::{self, Running},
    rpc::healthcheck,
    store::{Db, migrate},
    telemetry, worker,
};

/// Keeps customer accounts in circulation: pools, claims, limits, reclaim. A gRPC service.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct GlobalOptions {
    /// Configuration file (TOML). Environment variables such as `TIDEPOOL__DATABASE__URL` and flags win over it.
    #[arg(long, global = true, env = "TIDEPOOL_CONFIG")]
    config: Option<PathBuf>,
    /// Database, sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE [default: sqlite:tidepool.sqlite]
    #[arg(long, global = true)]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until interrupted.
    Serve(ServeArgs),
    /// Bring the database schema up to date, or show how it is.
    Migrate {
        #[command(subcommand)]
        command: MigrateCommand,
    },
    /// Create tenants.
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Check every invariant of the stored data; changes nothing. Exits with 1 if one is broken.
    Verify,
    /// Take back now what is due, as the server does in the background.
    Sweep {
        /// One round, then exit.
        #[arg(long, required = true)]
        once: bool,
    },
    /// Bring the accounts of a CSV file into a pool of a running server.
    Import(import::ImportArgs),
    /// Show it all on a server and a database of its own: a company, 800 accounts, two months in half a minute.
    Demo(DemoArgs),
    /// Print the effective configuration, secrets redacted.
    Config,
    /// Ask a running server whether it is ready. Exits with 1 if not: for health checks of containers.
    Healthcheck {
        /// Where it listens [default: where `serve` would listen with this configuration]
        #[arg(long)]
        address: Option<SocketAddr>,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Loopback address to listen on [default: 127.0.0.1:7400]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Address to listen on without TLS and authentication: whoever reaches it can be anybody. For tests and private
    /// networks only.
    #[arg(long, value_name = "ADDR")]
    insecure_listen: Option<SocketAddr>,
    /// Apply missing schema steps before serving. On SQLite this is always done.
    #[arg(long)]
    auto_migrate: bool,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Apply the missing steps. Several at once take turns.
    Up,
    /// List all steps and when they were applied. Exits with 1 if `serve` would not start.
    Status,
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// Create a tenant.
    Create {
        /// Name that callers say: up to 64 printable ASCII characters without blanks.
        name: String,
        /// Name for people [default: the name].
        #[arg(long)]
        display_name: Option<String>,
        /// IANA time zone of day boundaries and calendar days.
        #[arg(long, default_value = "UTC")]
        time_zone: chrono_tz::Tz,
    },
}

/// How long a server may take to say that it is ready.
const HEALTHCHECK_TIME: Duration = Duration::from_secs(3);

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

/// Runs what was typed.
pub(crate) async fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(&cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidepool: {error}");
            ExitCode::FAILURE
        }
    }
}

fn config(cli: &Cli) -> Result<Config, tidepool::config::ConfigErrors> {
    let mut flags: Vec<(&str, serde_json::Value)> = Vec::new();
    if let Some(url) = &cli.options.database_url {
        flags.push(("database.url", url.as_str().into()));
    }
    if let Command::Serve(args) = &cli.command {
        if let Some(address) = args.listen {
            flags.push(("server.listen", address.to_string().into()));
        }
        if let Some(address) = args.insecure_listen {
            flags.push(("server.insecure_listen", address.to_string().into()));
        }
        if args.auto_migrate {
            flags.push(("database.auto_migrate", true.into()));
        }
    }
    Config::load(cli.options.config.as_deref(), &flags)
}

async fn execute(cli: &Cli) -> Outcome {
    // What is configured is the business of servers: one of these is only a client, the other has a server of its own.
    let config = match &cli.command {
        Command::Import(args) => return import::run(args).await,
        Command::Demo(args) => return show(args).await,
        _ => config(cli)?,
    };
    match &cli.command {
        Command::Serve(_) => observed(&config, serve(&config)).await,
        Command::Migrate { command } => observed(&config, migrate(&config, command)).await,
        Command::Tenant { command } => observed(&config, tenant(&config, command)).await,
        Command::Verify => observed(&config, verify(&config)).await,
        Command::Sweep { .. } => observed(&config, sweep(&config)).await,
        // Every few seconds: without logs and traces of its own.
        Command::Healthcheck { address } => {
            let address = address.unwrap_or_else(|| config.server.reachable());
            healthcheck::ask(address, lifecycle::READINESS, HEALTHCHECK_TIME).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config | Command::Import(_) | Command::Demo(_) => {
            print!("{}", config.describe());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Work with logs, traces and metrics; what was collected is sent before it ends.
async fn observed(config: &Config, work: impl Future<Output = Outcome>) -> Outcome {
    let telemetry = telemetry::start(&config.log, &config.telemetry)?;
    let outcome = work.await;
    telemetry.stop().await;
    outcome
}

async fn show(args: &DemoArgs) -> Outcome {
    let log = Log {
        filter: "warn".to_owned(),
        ..Log::default()
    };
    let telemetry = telemetry::start(&log, &Telemetry::default())?;
    let outcome = demo::run(args).await;
    telemetry.stop().await;
    outcome
}

async fn serve(config: &Config) -> Outcome {
    let clock = Clock::System;
    let db = lifecycle::open(config, &clock).await?;
    // Listened for before anybody is told that we serve: whoever stops us then finds us draining.
    let stop = stop_signal();
    let running = Running::start(config, db, clock).await?;
    stop.await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C, or what Kubernetes and service managers send, from now on.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    async {
        match terminate {
            Ok(mut terminate) => tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            },
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    }
}

async fn migrate(config: &Config, command: &MigrateCommand) -> Outcome {
    let db = Db::open(config.store()).await?;
    match command {
        MigrateCommand::Up => {
            let done = migrate::up(&db, &Clock::System).await?;
            for step in &done {
                println!("applied {step}");
            }
            if done.is_empty() {
                println!("nothing to do");
            }
            Ok(ExitCode::SUCCESS)
        }
        MigrateCommand::Status => {
            for step in migrate::status(&db).await? {
                let applied = step
                    .apply_time
                    .map_or_else(|| "missing".to_owned(), |time| time.to_rfc3339());
                let note = if step.known { "" } else { "  (newer than this binary)" };
                println!("{:32} {applied}{note}", step.name);
            }
            Ok(match migrate::check(&db).await? {
                Ok(()) => ExitCode::SUCCESS,
                Err(unfit) => {
                    println!("{unfit}");
                    ExitCode::FAILURE
                }
            })
        }
    }
}

async fn verify(config: &Config) -> Outcome {
    let db = lifecycle::open(config, &Clock::System).await?;
    let app = App::start(db, Clock::System).await?;
    let show = |verified: &Verified| match &verified.finding {
        None => println!("ok      {:16} {}", verified.name, verified.rule),
        Some(finding) => {
            println!("BROKEN  {:16} {}", verified.name, verified.rule);
            println!(
                "        {} row(s), for example {}",
                finding.count,
                finding.samples.join(", ")
            );
        }
    };
    let all = app.verify(show).await?;
    Ok(if all.iter().all(|verified| verified.finding.is_none()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn sweep(config: &Config) -> Outcome {
    let db = lifecycle::open(config, &Clock::System).await?;
    let app = App::start(db, Clock::System).await?;
    match worker::sweep::once(&app, config.sweep.grace()).await {
        Ok(swept) => {
            println!(
                "reclaimed {}, reminded of {}, moved {} deadline(s), failed {}",
                swept.reclaimed, swept.reminded, swept.replanned, swept.failed
            );
            if swept.stopped > 0 {
                println!(
                    "{} are due, and wait until reclaims of their pool are confirmed",
                    swept.stopped
                );
            }
            if swept.unheard > 0 {
                println!("{} are due, and wait for a source that was not heard of", swept.unheard);
            }
            Ok(if swept.failed == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(Stopped::LeaseLost) => Err("another replica is sweeping and does not end".into()),
        Err(Stopped::Failed(error)) => Err(error.into()),
    }
}

async fn tenant(config: &Config, command: &TenantCommand) -> Outcome {
    let TenantCommand::Create {
        name,
        display_name,
        time_zone,
    } = command;
    let id = TenantName::parse(name).map_err(|error| format!("tenant name: {error}"))?;
    let db = lifecycle::open(config, &Clock::System).await?;
    let app = App::start(db, Clock::System).await?;
    let settings = TenantSettings::new(display_name.clone().unwrap_or_else(|| name.clone()), *time_zone);
    app.create_tenant(&id, settings).await?;
    println!("created tenant {id}");
    Ok(ExitCode::SUCCESS)
}
