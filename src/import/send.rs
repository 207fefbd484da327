//! Brings the accounts of a file to a server, batch by batch, and says of each row in its order what came of it.

use super::{
    columns::Columns,
    rows::{Row, Rows},
};
use crate::{
    client::{Client, Refused, patiently},
    rpc::proto::{Account, BulkCreateAccountsRequest, NewAccount},
};
use prost::Message;
use std::{
    collections::BTreeMap,
    io::{self, Read},
};
use tonic::Code;
use uuid::Uuid;

/// Accounts of a call at most.
const BATCH: usize = 300;
/// Bytes of a call, about: half of what servers take unless they are told otherwise.
const BATCH_BYTES: usize = 512 * 1024;

/// Why an import ended before its file did.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file has no usable header.
    #[error("the header: {}", .0.join("; "))]
    Header(Vec<String>),
    /// The server refused a whole call.
    #[error("stopped, and nothing from row {row} on was imported: {refused}")]
    Call {
        /// The first row of the call.
        row: u64,
        /// What the server said.
        refused: Box<Refused>,
    },
    /// The server's answer does not fit what was asked.
    #[error("stopped: the server answered {0} accounts with {1} results")]
    Answer(usize, usize),
}

/// What came of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which row; the header is row 1.
    pub row: u64,
    /// What was read from it; a default where nothing could be.
    pub account: Account,
    /// Id of the new account, or why there is none.
    pub result: Result<String, String>,
}

impl Outcome {
    /// Why there is no account, in one line for people.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let why = self.result.as_ref().err()?;
        Some(match self.account.name.as_str() {
            "" => format!("row {}: {why}", self.row),
            name => format!("row {}: {name}: {why}", self.row),
        })
    }
}

struct Pending {
    row: u64,
    account: Account,
    /// Why it is not sent.
    wrong: Option<String>,
}

/// Imports into the pool with this id. `told` hears of every row, in order, and how many bytes of the file are done.
///
/// What the server could not answer is sent again under the same request id, so a call that got lost creates nothing
/// twice. A second import of the same file is another one: its rows are refused as duplicates.
pub async fn run<R: Read>(
    client: &Client,
    pool: &str,
    file: R,
    mut told: impl FnMut(Outcome, u64),
) -> Result<(), ImportError> {
    let mut rows = Rows::new(file);
    let header = rows
        .read()?
        .map_or_else(|| Err("the file is empty".into()), |row| row.cells);
    let header = header.map_err(|wrong| ImportError::Header(vec![wrong]))?;
    let columns = Columns::read(&header).map_err(ImportError::Header)?;
    let sender = Sender {
        client,
        pool,
        run: Uuid::now_v7(),
    };
    let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
    loop {
        let row = rows.read()?;
        let ended = row.is_none();
        if let Some(row) = row {
            let pending = read(&columns, row);
            bytes += pending.account.encoded_len();
            batch.push(pending);
        }
        if ended || batch.len() == BATCH || bytes >= BATCH_BYTES {
            bytes = 0;
            for outcome in sender.send(std::mem::take(&mut batch)).await? {
                told(outcome, rows.consumed());
            }
        }
        if ended {
            return Ok(());
        }
    }
}

fn read(columns: &Columns, row: Row) -> Pending {
    let read = row
        .cells
        .and_then(|cells| columns.account(&cells).map_err(|wrong| wrong.join("; ")));
    let (account, wrong) = match read {
        Ok(account) => (account, None),
        Err(wrong) => (Account::default(), Some(wrong)),
    };
    Pending {
        row: row.number,
        account,
        wrong,
    }
}

struct Sender<'a> {
    client: &'a Client,
    pool: &'a str,
    run: Uuid,
}

impl Sender<'_> {
    async fn send(&self, mut batch: Vec<Pending>) -> Result<Vec<Outcome>, ImportError> {
        let mut created = loop {
            match self.call(&batch).await {
                Ok(created) => break created,
                Err(error) => note_malformed(&mut batch, error)?,
            }
        }
        .into_iter();
        let outcomes = batch.into_iter().map(|pending| Outcome {
            row: pending.row,
            account: pending.account,
            result: match pending.wrong {
                Some(wrong) => Err(wrong),
                // As many results as accounts were sent.
                None => created.next().unwrap_or_else(|| Err("no answer".into())),
            },
        });
        Ok(outcomes.collect())
    }

    /// One call with those that are not known to be wrong. It has an id of its own as long as it is the same call.
    async fn call(&self, batch: &[Pending]) -> Result<Vec<Result<String, String>>, ImportError> {
        let sent: Vec<_> = batch.iter().filter(|pending| pending.wrong.is_none()).collect();
        let Some(first) = sent.first() else {
            return Ok(Vec::new());
        };
        let new = |pending: &&Pending| NewAccount {
            account: Some(pending.account.clone()),
            pool_id: self.pool.to_owned(),
            owner: String::new(),
        };
        let request = BulkCreateAccountsRequest {
            new_accounts: sent.iter().map(new).collect(),
            request_id: format!("import-{}-{}-{}", self.run.simple(), first.row, sent.len()),
        };
        let answer = patiently(|| {
            let (mut accounts, request) = (self.client.accounts(), request.clone());
            async move { accounts.bulk_create_accounts(request).await }
        })
        .await
        .map_err(|refused| ImportError::Call {
            row: first.row,
            refused: Box::new(refused),
        })?;
        if answer.results.len() != sent.len() {
            return Err(ImportError::Answer(sent.len(), answer.results.len()));
        }
        let results = answer.results.into_iter();
        let results = results.map(|result| match Refused::of_item(result.status.as_ref()) {
            None => Ok(result.account_id),
            Some(mut refused) => {
                // Its place in the call says nothing to somebody who looks at the file.
                for (field, _) in &mut refused.fields {
                    if let Some((_, name)) = field.split_once("].account.") {
                        *field = name.to_owned();
                    }
                }
                Err(refused.to_string())
            }
        });
        Ok(results.collect())
    }
}

/// A call is refused as a whole if the form of some of its accounts is wrong: those are taken out, for the rest to be
/// sent again. An error if none can be named, or for another reason.
fn note_malformed(batch: &mut [Pending], error: ImportError) -> Result<(), ImportError> {
    let ImportError::Call { refused, .. } = &error else {
        return Err(error);
    };
    let mut named = BTreeMap::<usize, Vec<String>>::new();
    if refused.code == Code::InvalidArgument {
        for (field, what) in &refused.fields {
            let place = field
                .strip_prefix("new_accounts[")
                .and_then(|rest| rest.split_once("]."));
            let Some((at, Some(field))) = place.map(|(at, field)| (at.parse(), field.strip_prefix("account."))) else {
                return Err(error);
            };
            let Ok(at) = at else { return Err(error) };
            named.entry(at).or_default().push(format!("{field} {what}"));
        }
    }
    if named.is_empty() {
        return Err(error);
    }
    let sent = batch.iter_mut().filter(|pending| pending.wrong.is_none()).enumerate();
    for (at, pending) in sent {
        pending.wrong = named
            .get(&at)
            .map(|wrong| format!("INVALID_ARGUMENT: {}", wrong.join("; ")));
    }
    Ok(())
}
