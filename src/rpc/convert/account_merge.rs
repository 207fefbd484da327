//! Merging accounts.

use super::{account, decode, etag_opt, id};
use crate::{
    app::merge::{MergeAccounts, Merged},
    domain::{
        error::Error,
        ids::AccountId,
        merge::{LOSERS_MAX, Merge},
    },
    rpc::proto,
};
use std::collections::BTreeSet;

/// Reads which accounts are to become one.
pub fn read(message: &proto::MergeAccountsRequest) -> Result<MergeAccounts, Error> {
    decode(|v| {
        let survivor = id(v, "survivor_id", &message.survivor_id, AccountId::parse);
        let etag = etag_opt(v, "etag", &message.etag);
        let texts = &message.merged_ids;
        if !(1..=LOSERS_MAX).contains(&texts.len()) {
            v.add("merged_ids", format!("must have 1 to {LOSERS_MAX} entries"));
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut losers = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let field = format!("merged_ids[{at}]");
            let Some(id) = id(v, &field, text, AccountId::parse) else {
                continue;
            };
            if Some(id) == survivor {
                v.add(field, "is the account that stays");
            } else if !seen.insert(id) {
                v.add(field, "is there twice");
            }
            losers.push(id);
        }
        Some(MergeAccounts {
            merge: Merge {
                survivor: survivor?,
                losers,
                etag: etag?,
            },
            validate_only: message.validate_only,
        })
    })
}

/// What came of it.
#[must_use]
pub fn encode(merged: &Merged) -> proto::MergeAccountsResponse {
    proto::MergeAccountsResponse {
        account: Some(account::encode(&merged.view)),
        moved_records: i32::try_from(merged.rows).unwrap_or(i32::MAX),
    }
}
