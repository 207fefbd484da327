//! `tidepool import`: a client of a running server, as any other program would be one.

use super::Outcome;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::{error::Error, fs::File, path::PathBuf, process::ExitCode, time::Duration};
use tidepool::{
    client::{Client, Who, patiently},
    import::send,
    rpc::proto::ListPoolsRequest,
};
use uuid::Uuid;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// CSV file in UTF-8 whose first row names the columns; `name` is needed.
    ///
    /// The others can be kind (company, group or person), grade, industry, source, region, phone, email, website,
    /// address, remark, `external_id`, tags (separated by semicolons), latitude and longitude, and the names of the
    /// tenant's custom fields that are in use: text and choices as they are, numbers with a decimal point, times as
    /// 2026-05-31T09:30:00+08:00. An empty cell is no value. A column that is none of these stops the import before
    /// anything is sent.
    file: PathBuf,
    /// Pool that the accounts go into: its id or its name.
    #[arg(long, value_name = "ID|NAME")]
    pool: String,
    /// Server to bring them to.
    #[arg(long, default_value = "http://127.0.0.1:7400")]
    server: String,
    /// Tenant.
    #[arg(long)]
    tenant: String,
    /// Name of the calling service.
    #[arg(long, default_value = "import")]
    caller: String,
    /// User for whom the import is made. Without one it is made as an administrating service.
    #[arg(long)]
    actor: Option<String>,
    /// Name of this import, 1 to 80 printable ASCII characters. If it breaks off, the same file imported under the same
    /// name goes on: what was imported is not imported again, and not refused as a duplicate either.
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Exit with 0 also if rows were refused.
    #[arg(long)]
    allow_refused: bool,
}

pub(super) async fn run(args: &ImportArgs) -> Outcome {
    let who = Who {
        tenant: args.tenant.clone(),
        caller: args.caller.clone(),
        scopes: if args.actor.is_some() { "act-as" } else { "admin" }.into(),
        actor: args.actor.clone().unwrap_or_default(),
    };
    let client = Client::new(&args.server, &who)?;
    let unreadable = |error| format!("{}: {error}", args.file.display());
    let file = File::open(&args.file).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let pool = find_pool(&client, &args.pool).await?;

    let bar = progress(size);
    let (mut created, mut refused) = (0_u64, Vec::new());
    let imported = send::run(&client, &pool, args.id.as_deref(), file, |outcome, done| {
        match outcome.refusal() {
            None => created += 1,
            Some(line) => refused.push(line),
        }
        bar.set_position(done);
        bar.set_message(format!("{created} created, {} refused", refused.len()));
    })
    .await;
    bar.finish_and_clear();

    // Also of an import that stopped in the middle: whoever goes on has to know.
    for line in &refused {
        println!("{line}");
    }
    println!("created {created}, refused {}", refused.len());
    imported?;
    Ok(if refused.is_empty() || args.allow_refused {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A bar over the bytes of a file; hidden where nobody looks.
pub(crate) fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The id of the pool: what was said if it is one, and otherwise that of the pool with this name.
async fn find_pool(client: &Client, said: &str) -> Result<String, Box<dyn Error>> {
    if Uuid::try_parse(said).is_ok() {
        return Ok(said.to_owned());
    }
    let mut page_token = String::new();
    loop {
        let request = ListPoolsRequest {
            page_size: 500,
            page_token,
        };
        let page = patiently(|| {
            let (mut pools, request) = (client.pools(), request.clone());
            async move { pools.list_pools(request).await }
        })
        .await?;
        if let Some(pool) = page.pools.into_iter().find(|pool| pool.display_name == said) {
            return Ok(pool.id);
        }
        if page.next_page_token.is_empty() {
            return Err(format!("there is no pool {said:?}, or none that may be seen").into());
        }
        page_token = page.next_page_token;
    }
}
