//! New accounts from a stream, some rows at a time: every row is decided for itself as `super::create` decides it, in
//! the order given, and is a request of its own, so that a stream that broke can be sent again.
//!
//! Statement budget for n rows: 1 read of revisions, 1 of answers where rows have request ids; per 128 new ones: 1 read
//! of twins; 1 read of guard rows where somebody gets an owner; then as `store::apply` says; 1 write of answers. 1 more read of
//! answers where rows with request ids are refused.

use super::{
    App,
    account::View,
    call::Call,
    create::CreateAccounts,
    flow::{self, Reply},
};
use crate::{
    domain::{circulation::Scene, creation::NewAccount, error::Error, organisation::Organisation, refusal::Reason},
    store::{
        Abort, Tx,
        request::{Found, RequestKey},
        request_batch,
    },
};
use std::{slice, sync::Arc};

/// A row of the stream.
#[derive(Clone, Debug)]
pub struct Row {
    /// The request that it is, if it has an id. Ids of a batch differ.
    pub key: Option<RequestKey>,
    /// The account, or what is wrong with the row's form.
    pub account: Result<NewAccount, Error>,
}

/// What came of a row: the account, the answer that was given before, or why there is none.
pub type Imported = Result<Reply<View>, Error>;

/// The bytes of the answer to a row that became an account.
pub type Encode<'a> = &'a (dyn Fn(&View) -> Vec<u8> + Send + Sync);

impl App {
    /// Creates the accounts of these rows, in one transaction. An error is about none of them; nothing was created then,
    /// or nobody knows.
    pub async fn import_accounts(&self, call: &Call, rows: &[Row], encode: Encode<'_>) -> Result<Vec<Imported>, Error> {
        match self.import_batch(call, rows, encode).await {
            Err(error) if error.reason() == Reason::Internal => {}
            done => return done,
        }
        // A row that nobody can decide must not stand in the way of the others.
        let mut imported = Vec::with_capacity(rows.len());
        for row in rows {
            match self.import_batch(call, slice::from_ref(row), encode).await {
                Err(error) if error.reason() == Reason::Internal => imported.push(Err(error)),
                done => imported.extend(done?),
            }
        }
        Ok(imported)
    }

    async fn import_batch(&self, call: &Call, rows: &[Row], encode: Encode<'_>) -> Result<Vec<Imported>, Error> {
        let replayable = rows.iter().all(|row| row.key.is_some() || row.account.is_err());
        let unit = self.db.unit("ImportAccounts", call.deadline).replayable(replayable);
        self.on_snapshot(call, &unit, |org| async move {
            unit.retry(|| unit.tx(async |tx| self.import_once(tx, &org, call, rows, encode).await))
                .await
        })
        .await
    }

    async fn import_once(
        &self,
        tx: &Tx,
        org: &Arc<Organisation>,
        call: &Call,
        rows: &[Row],
        encode: Encode<'_>,
    ) -> Result<Vec<Imported>, Abort> {
        flow::enter(tx, org, None).await?;
        let principal = Self::principal(org, call)?;
        let scene = Scene {
            org,
            principal: &principal,
            now: self.clock.now(),
        };
        let keys: Vec<_> = rows.iter().filter_map(|row| row.key.as_ref()).collect();
        let mut found = request_batch::find(tx, org.key, &keys).await?;
        let mut answered = Vec::with_capacity(rows.len());
        let mut wanted = Vec::new();
        for row in rows {
            let before = row.key.as_ref().and_then(|key| found.remove(key.request_id.as_str()));
            answered.push(match (before, &row.account) {
                (Some(Found::Answer(bytes)), _) => Some(Ok(Reply::Replayed(bytes))),
                (Some(Found::Other), _) => Some(Err(flow::reused())),
                (_, Err(error)) => Some(Err(error.clone())),
                (_, Ok(new)) => {
                    wanted.push(new.clone());
                    None
                }
            });
        }
        let input = CreateAccounts {
            accounts: wanted,
            single: false,
        };
        let created = self.create_all(tx, &scene, &input).await?;
        let open = rows.iter().zip(&answered).filter(|(_, answer)| answer.is_none());
        let refused = open.zip(&created).filter(|(_, created)| created.is_err());
        let refused: Vec<_> = refused.filter_map(|((row, _), _)| row.key.as_ref()).collect();
        flow::still_open(tx, org, &refused).await?;
        let mut created = created.into_iter();
        let mut answers = Vec::new();
        let mut imported = Vec::with_capacity(rows.len());
        for (row, answer) in rows.iter().zip(answered) {
            let answer = match answer {
                Some(answer) => answer,
                // As many as were wanted.
                None => created
                    .next()
                    .unwrap_or_else(|| Err(Error::internal()))
                    .map(Reply::Done),
            };
            if let (Ok(Reply::Done(view)), Some(key)) = (&answer, &row.key) {
                answers.push((key, encode(view)));
            }
            imported.push(answer);
        }
        request_batch::remember(tx, org.key, answers, scene.now).await?;
        Ok(imported)
    }
}
