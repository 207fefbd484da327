//! Brings the accounts of a file to a server as a stream, and says of each row in its order what came of it. A stream
//! that breaks is sent again from the first row without an answer; its request ids see to it that nothing comes twice.

use super::{
    columns::Columns,
    rows::{Row, Rows},
};
use crate::{
    client::{Client, Refused, patiently, pause},
    rpc::proto::{
        Account, CustomField, ImportAccountsRequest, ImportAccountsResponse, ListCustomFieldsRequest, NewAccount,
    },
};
use std::{
    collections::VecDeque,
    io::{self, Read},
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

/// Rows that are sent ahead of their answers at most: what an import keeps in memory, whatever the file.
pub const AHEAD: usize = 500;
/// How often in a row a stream may break without a row answered.
const BREAKS: u32 = 6;
const PAGE: i32 = 500;

/// Why an import ended before its file did.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file has no usable header.
    #[error("the header: {}", .0.join("; "))]
    Header(Vec<String>),
    /// The custom fields of the tenant cannot be read.
    #[error("the custom fields: {0}")]
    Fields(Box<Refused>),
    /// The stream ended.
    #[error(
        "stopped at row {row}, of which, and of those after it, nobody knows whether they were imported: {refused}"
    )]
    Call {
        /// The first row without an answer.
        row: u64,
        /// What the server said.
        refused: Box<Refused>,
    },
    /// The server's answer does not fit what was asked.
    #[error("stopped at row {0}: the server answered another row")]
    Answer(u64),
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

/// A row without an answer.
struct Pending {
    row: u64,
    account: Account,
    /// Why it is not sent.
    wrong: Option<String>,
    /// How many bytes of the file are behind it.
    consumed: u64,
}

/// Imports into the pool with this id. `told` hears of every row, in order, and how many bytes of the file are done.
///
/// What is imported under the same `id` again is what was imported: rows that became accounts then are answered as they
/// were. Under another id, or none, they are refused as duplicates.
pub async fn run<R: Read>(
    client: &Client,
    pool: &str,
    id: Option<&str>,
    file: R,
    told: impl FnMut(Outcome, u64),
) -> Result<(), ImportError> {
    let mut rows = Rows::new(file);
    let header = rows
        .read()?
        .map_or_else(|| Err("the file is empty".into()), |row| row.cells);
    let header = header.map_err(|wrong| ImportError::Header(vec![wrong]))?;
    let fields = custom_fields(client).await?;
    let columns = Columns::read(&header, &fields).map_err(ImportError::Header)?;
    let mut import = Import {
        client,
        pool,
        id: id.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned),
        rows,
        columns,
        ended: false,
        waiting: VecDeque::new(),
        told,
    };
    let mut breaks = 0;
    loop {
        let first = import.first();
        let Err(error) = import.stream().await else {
            return Ok(());
        };
        breaks = if import.first() == first { breaks + 1 } else { 1 };
        match error {
            ImportError::Call { refused, .. } if is_passing(refused.code) && breaks < BREAKS => {
                pause(breaks, &refused).await;
            }
            error => return Err(error),
        }
    }
}

/// Whether the same rows may well be taken in a moment.
const fn is_passing(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Aborted | Code::DeadlineExceeded)
}

async fn custom_fields(client: &Client) -> Result<Vec<CustomField>, ImportError> {
    let (mut fields, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCustomFieldsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = patiently(|| {
            let (mut stub, request) = (client.custom_fields(), request.clone());
            async move { stub.list_custom_fields(request).await }
        })
        .await
        .map_err(|refused| ImportError::Fields(Box::new(refused)))?;
        fields.extend(page.custom_fields);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(fields);
        }
    }
}

struct Import<'a, R, F> {
    client: &'a Client,
    pool: &'a str,
    id: String,
    rows: Rows<R>,
    columns: Columns,
    /// Whether the file has no more rows.
    ended: bool,
    waiting: VecDeque<Pending>,
    told: F,
}

impl<R: Read, F: FnMut(Outcome, u64)> Import<'_, R, F> {
    /// The first row without an answer.
    fn first(&self) -> u64 {
        self.waiting.front().map_or(0, |pending| pending.row)
    }

    /// One stream, from the first row without an answer to the end of the file.
    async fn stream(&mut self) -> Result<(), ImportError> {
        let (sender, receiver) = channel(AHEAD);
        let mut sender = Some(sender);
        for pending in &self.waiting {
            self.send(sender.as_ref(), pending);
        }
        let mut requests = Some(ReceiverStream::new(receiver));
        let mut answers = None;
        loop {
            self.read_ahead(sender.as_ref())?;
            if self.ended {
                // Nothing else comes: the server may end when it has answered.
                sender = None;
            }
            self.tell_wrong();
            if self.waiting.is_empty() && self.ended {
                return self.end(answers).await;
            }
            if let Some(requests) = requests.take() {
                let opened = self.client.accounts().import_accounts(requests).await;
                answers = Some(opened.map_err(|status| self.broken(&status))?.into_inner());
            }
            let answer = match &mut answers {
                Some(answers) => answers.message().await.map_err(|status| self.broken(&status))?,
                None => None,
            };
            self.tell(answer)?;
        }
    }

    /// Hears the server out, so that it does not take us for somebody who left.
    async fn end(&self, answers: Option<Streaming<ImportAccountsResponse>>) -> Result<(), ImportError> {
        if let Some(mut answers) = answers
            && answers.message().await.is_ok_and(|more| more.is_some())
        {
            return Err(ImportError::Answer(self.first()));
        }
        Ok(())
    }

    fn broken(&self, status: &Status) -> ImportError {
        ImportError::Call {
            row: self.first(),
            refused: Box::new(Refused::from(status)),
        }
    }

    /// Reads and sends until as many rows wait as may.
    fn read_ahead(&mut self, sender: Option<&Sender<ImportAccountsRequest>>) -> Result<(), ImportError> {
        while !self.ended && self.waiting.len() < AHEAD {
            let Some(row) = self.rows.read()? else {
                self.ended = true;
                return Ok(());
            };
            let pending = read(&self.columns, row, self.rows.consumed());
            self.send(sender, &pending);
            self.waiting.push_back(pending);
        }
        Ok(())
    }

    /// There is room for all that may wait. If nobody takes them any more, the answers say why.
    fn send(&self, sender: Option<&Sender<ImportAccountsRequest>>, pending: &Pending) {
        let (Some(sender), None) = (sender, &pending.wrong) else {
            return;
        };
        let new_account = NewAccount {
            account: Some(pending.account.clone()),
            pool_id: self.pool.to_owned(),
            owner: String::new(),
        };
        let request = ImportAccountsRequest {
            new_account: Some(new_account),
            request_id: format!("import-{}-{}", self.id, pending.row),
        };
        drop(sender.try_send(request));
    }

    fn tell_wrong(&mut self) {
        while let Some(pending) = self.waiting.pop_front_if(|pending| pending.wrong.is_some()) {
            let why = pending.wrong.clone().unwrap_or_default();
            self.say(pending, Err(why));
        }
    }

    fn tell(&mut self, answer: Option<ImportAccountsResponse>) -> Result<(), ImportError> {
        let (Some(answer), Some(pending)) = (answer, self.waiting.pop_front()) else {
            return Err(ImportError::Answer(self.first()));
        };
        let result = match Refused::of_item(answer.status.as_ref()) {
            None => Ok(answer.account_id),
            Some(mut refused) => {
                // Its place in the message says nothing to somebody who looks at the file.
                for (field, _) in &mut refused.fields {
                    let short = field.strip_prefix("new_account.").unwrap_or(field);
                    *field = short.strip_prefix("account.").unwrap_or(short).to_owned();
                }
                Err(refused.to_string())
            }
        };
        self.say(pending, result);
        Ok(())
    }

    fn say(&mut self, pending: Pending, result: Result<String, String>) {
        let outcome = Outcome {
            row: pending.row,
            account: pending.account,
            result,
        };
        (self.told)(outcome, pending.consumed);
    }
}

fn read(columns: &Columns, row: Row, consumed: u64) -> Pending {
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
        consumed,
    }
}
