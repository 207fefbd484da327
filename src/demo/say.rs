//! How the demo speaks: acts, lines, refusals, tables.
#![expect(clippy::print_stdout, reason = "this is what the demo is for")]

use super::stage::{ADMIN, NORTH, Stage, TENANT};
use std::{fmt::Display, net::SocketAddr, path::Path};
use tidepool::client::Refused;

pub(super) fn opening(address: SocketAddr, file: &Path) {
    println!(
        "Tidepool demo. The server is at http://{address}, its database is {}.",
        file.display()
    );
}

/// A new act.
pub(super) fn act(title: &str) {
    println!("\n== {title}");
}

pub(super) fn line(text: impl Display) {
    println!("   {text}");
}

/// Somebody was refused: who, what, and the reason as a client decodes it.
pub(super) fn refused(who: &str, what: &str, refused: &Refused) {
    println!("   {who}: {what}\n      refused {refused}");
}

/// A table whose first column is text and whose others are numbers.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |at: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count());
        cells.chain(head.get(at).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let print = |cells: &[&str]| {
        let mut text = String::from("   ");
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let padded = match at {
                0 => format!("{cell:width$}"),
                _ => format!("  {cell:>width$}"),
            };
            text.push_str(&padded);
        }
        println!("{}", text.trim_end());
    };
    println!();
    print(head);
    for row in rows {
        print(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// What to try now.
pub(super) fn invitation(stage: &Stage) {
    let address = stage.address;
    let rep = NORTH[0];
    let headers = |actor: &str| {
        format!(
            "-H 'x-tidepool-tenant: {TENANT}' -H 'x-tidepool-caller: console' -H 'x-tidepool-scopes: act-as' \
             -H 'x-tidepool-actor: {actor}'"
        )
    };
    let buf = "buf curl --http2-prior-knowledge --protocol grpc";
    println!("\nStill serving, with the clock 37 days ahead. Three calls to try:\n");
    println!("  # what {rep} holds, the next deadline first");
    println!("  grpcurl -plaintext {} \\", headers(rep));
    println!("    -d '{{\"scope\":\"ACCOUNT_SCOPE_MINE\",\"order\":\"ACCOUNT_ORDER_DEADLINE\",\"page_size\":3}}' \\");
    println!("    {address} tidepool.v1.AccountService/ListAccounts\n");
    println!("  # how many more accounts he may take, and which limit says so");
    println!("  {buf} {} \\", headers(rep));
    println!(
        "    -d '{{\"user_id\":\"{rep}\"}}' http://{address}/tidepool.v1.RetentionLimitService/ExplainRetentionLimit\n"
    );
    println!("  # who changed which rule when");
    println!("  {buf} {} \\", headers(ADMIN));
    println!("    -d '{{\"page_size\":3}}' http://{address}/tidepool.v1.TenantService/ListConfigEvents\n");
    println!("Ctrl-C ends it.");
}
