//! Changes of one account.

use super::{decode, etag_opt, id};
use crate::{
    app::account_change::{ChangeAccount, Wish},
    domain::{error::Error, ids::AccountId, refusal::Violations},
};

/// Reads which account is to change, and how.
pub fn read(
    account: &str,
    etag: &str,
    wish: impl FnOnce(&mut Violations) -> Option<Wish>,
) -> Result<ChangeAccount, Error> {
    decode(|v| {
        let account = id(v, "account_id", account, AccountId::parse);
        let etag = etag_opt(v, "etag", etag);
        let wish = wish(v);
        Some(ChangeAccount {
            account: account?,
            etag: etag?,
            wish: wish?,
        })
    })
}
