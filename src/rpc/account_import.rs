//! `AccountService.ImportAccounts`: rows of a stream to the flow, a hundred at a time; see `pump`.

use super::{
    Api,
    convert::{self, circulation::encode_error},
    open,
    proto::{ImportAccountsRequest, ImportAccountsResponse},
    pump::{self, Feed},
    request_key,
    shield::Place,
};
use crate::{
    app::{
        App,
        account::View,
        call::Call,
        flow::Reply,
        import::{Imported, Row},
    },
    domain::error::Error,
};
use prost::Message;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// The answers to a stream.
pub type Answers = pump::Answers<ImportAccountsResponse>;

impl Api {
    pub(super) fn import(
        &self,
        request: Request<Streaming<ImportAccountsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let place = request.extensions().get::<Place>().cloned();
        let (call, messages) = open(request)?;
        let import = Import {
            app: self.app.clone(),
            call,
            row: 0,
        };
        Ok(Response::new(pump::start(&self.streams, import, messages, place)))
    }
}

struct Import {
    app: Arc<App>,
    call: Call,
    /// The last row that was answered.
    row: i64,
}

impl Feed for Import {
    type Message = ImportAccountsRequest;
    type Answer = ImportAccountsResponse;

    const NAME: &'static str = "import of accounts";
    const BATCH: usize = 100;
    const WAITING: usize = Self::BATCH;

    fn items(_: &ImportAccountsRequest) -> usize {
        1
    }

    fn identity(message: &ImportAccountsRequest) -> Option<&str> {
        (!message.request_id.is_empty()).then_some(&message.request_id)
    }

    async fn work(&mut self, messages: Vec<ImportAccountsRequest>) -> Result<Vec<ImportAccountsResponse>, Status> {
        let rows: Vec<_> = messages.into_iter().map(|message| read(&self.call, message)).collect();
        let imported = self
            .app
            .import_accounts(&pump::for_a_batch(&self.call), &rows, &|view| {
                encode(view).encode_to_vec()
            })
            .await?;
        let mut answers = Vec::with_capacity(imported.len());
        for imported in imported {
            self.row += 1;
            let row = self.row;
            answers.push(ImportAccountsResponse {
                row,
                ..answer(imported)?
            });
        }
        Ok(answers)
    }
}

fn read(call: &Call, message: ImportAccountsRequest) -> Row {
    match request_key(call, "ImportAccounts", &message.request_id, &message) {
        Err(error) => Row {
            key: None,
            account: Err(error),
        },
        Ok(key) => Row {
            key,
            account: convert::account::create(message.new_account)
                .and_then(|created| created.accounts.into_iter().next().ok_or_else(Error::internal)),
        },
    }
}

fn encode(view: &View) -> ImportAccountsResponse {
    ImportAccountsResponse {
        row: 0,
        status: Some(tonic_types::Status::default()),
        account_id: view.account.id.to_string(),
    }
}

fn answer(imported: Imported) -> Result<ImportAccountsResponse, Status> {
    match imported {
        Ok(Reply::Done(view)) => Ok(encode(&view)),
        Ok(Reply::Replayed(bytes)) => ImportAccountsResponse::decode(bytes.as_slice()).map_err(|error| {
            tracing::error!(error = %error, "a stored response cannot be read");
            Error::internal().into()
        }),
        Err(error) => Ok(ImportAccountsResponse {
            status: Some(encode_error(&error)),
            ..ImportAccountsResponse::default()
        }),
    }
}
