//! Page tokens. They are sealed with a key that all replicas share, so that a caller can neither read the sort key of a
//! row that he may not see nor make one up, and bound to the list, tenant, actor and filter that they were made for.

use super::call::Call;
use crate::{
    clock::Clock,
    domain::{
        error::Error,
        refusal::{Reason, Violations},
    },
    store::{Db, secret},
};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, AeadCore, KeyInit, OsRng, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{io, time::Duration};

/// Rows of a page if the request does not say.
pub const DEFAULT_SIZE: usize = 50;
/// Rows of a page at most.
pub const MAX_SIZE: usize = 500;
/// Bytes of a page at most, well below the 4 MiB that clients take unless told otherwise.
const MAX_WEIGHT: usize = 3 * 1024 * 1024;
/// Characters of a token at most: far above any of ours, whose places are a name and some ids; keeps a hostile one cheap.
pub const TOKEN_MAX: usize = 4096;
const NONCE: usize = 24;

/// Seals and opens page tokens.
pub struct Sealer(XChaCha20Poly1305);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// One list with its filter, for one caller: what a token is good for.
#[derive(Debug)]
pub struct List {
    scope: [u8; 32],
}

impl List {
    /// The list `name` with `filter`, as `call` sees it.
    pub fn new(call: &Call, name: &str, filter: &impl Serialize) -> Self {
        let mut hash = Sha256::new();
        let actor = call.actor.as_ref().map_or("", |actor| actor.as_str());
        let filter = serde_json::to_string(filter).unwrap_or_default();
        for part in [name, call.tenant.as_str(), call.caller.as_str(), actor, &filter] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self {
            scope: hash.finalize().into(),
        }
    }
}

impl Sealer {
    /// Takes the key from the database, where the first replica puts it.
    pub async fn load(db: &Db, clock: &Clock) -> Result<Self, Error> {
        let unit = db.unit("load page key", tokio::time::Instant::now() + Duration::from_secs(30));
        let fresh = XChaCha20Poly1305::generate_key(&mut OsRng);
        let key = unit
            .retry(|| {
                unit.tx(async |tx| Ok(secret::get_or_put(tx, db.engine(), "page-token", &fresh, clock.now()).await?))
            })
            .await
            .map_err(|abort| unit.error(abort))?;
        Self::with_key(&key).ok_or_else(Error::internal)
    }

    /// Seals with this key of 32 bytes.
    #[must_use]
    pub fn with_key(key: &[u8]) -> Option<Self> {
        XChaCha20Poly1305::new_from_slice(key).map(Self).ok()
    }

    /// The token of the page after `last`.
    #[must_use]
    pub fn seal(&self, list: &List, last: &impl Serialize) -> String {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let message = serde_json::to_vec(last).unwrap_or_default();
        // Fails only for messages of gigabytes.
        let sealed = self
            .0
            .encrypt(
                &nonce,
                Payload {
                    msg: &message,
                    aad: &list.scope,
                },
            )
            .unwrap_or_default();
        hex(&nonce) + &hex(&sealed)
    }

    /// Where the page of `token` begins; `None` for the first page.
    pub fn open<T: DeserializeOwned>(&self, list: &List, token: &str) -> Result<Option<T>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        let opened = unhex(token).filter(|bytes| bytes.len() > NONCE).and_then(|bytes| {
            let (nonce, sealed) = bytes.split_at(NONCE);
            let message = self
                .0
                .decrypt(
                    XNonce::from_slice(nonce),
                    Payload {
                        msg: sealed,
                        aad: &list.scope,
                    },
                )
                .ok()?;
            serde_json::from_slice(&message).ok()
        });
        opened.map(Some).ok_or_else(|| {
            let mut violations = Violations::default();
            let message =
                "was not made for this list; repeat the request that gave it with nothing but the token changed";
            violations.add_as(Reason::InvalidPageToken, "page_token", message);
            violations.into()
        })
    }
}

/// Cuts `rows`, of which there is one more than fits if there is a next page, and makes the token of that page.
pub fn cut<T, K: Serialize>(
    sealer: &Sealer,
    list: &List,
    rows: Vec<T>,
    size: usize,
    key: impl Fn(&T) -> K,
) -> (Vec<T>, String) {
    cut_by_weight(sealer, list, rows, size, key, |_| 0)
}

/// As [`cut`], and earlier where the rows are so large that clients would not take a message of all of them. There is
/// always one row, or a list would never end.
pub fn cut_by_weight<T, K: Serialize>(
    sealer: &Sealer,
    list: &List,
    mut rows: Vec<T>,
    size: usize,
    key: impl Fn(&T) -> K,
    weigh: impl Fn(&T) -> usize,
) -> (Vec<T>, String) {
    let mut weight = 0;
    let light = rows.iter().take_while(|row| {
        weight += weigh(row);
        weight <= MAX_WEIGHT
    });
    let fitting = light.count().clamp(1, size.max(1));
    if rows.len() <= fitting {
        return (rows, String::new());
    }
    rows.truncate(fitting);
    let token = rows
        .last()
        .map(|last| sealer.seal(list, &key(last)))
        .unwrap_or_default();
    (rows, token)
}

/// About how many bytes a row takes in a message. JSON takes no less than the message will.
pub fn weigh(row: &impl Serialize) -> usize {
    let mut bytes = Bytes(0);
    serde_json::to_writer(&mut bytes, row).map_or(0, |()| bytes.0)
}

/// Counts what is written, and keeps nothing of it.
struct Bytes(usize);

impl io::Write for Bytes {
    fn write(&mut self, some: &[u8]) -> io::Result<usize> {
        self.0 += some.len();
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    // Only as we write it: a token has one text form, and `from_str_radix` would also take signs and capitals.
    let ours = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !text.len().is_multiple_of(2) || text.len() > TOKEN_MAX || !ours {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests;
