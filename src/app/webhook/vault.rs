//! Secrets of webhooks: made here, and stored sealed with a key that all replicas share. What is sealed is bound to its
//! webhook: it opens for no other.
//!
//! The key lies in the same database, in a table of its own: this keeps secrets out of what is read, copied and told of
//! webhooks, not from whoever reads the whole database.

use crate::{
    clock::Clock,
    domain::{error::Error, webhook::signature::SECRET_LEN},
    store::{Db, secret},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, AeadCore, KeyInit, OsRng, Payload},
};
use rand::Rng;
use tokio::time::Instant;
use uuid::Uuid;

const NONCE: usize = 24;

/// Seals and opens secrets.
pub(super) struct Vault(XChaCha20Poly1305);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Takes the key from the database, where the first replica puts it.
    pub(super) async fn load(db: &Db, clock: &Clock) -> Result<Self, Error> {
        let unit = db.unit("load webhook key", Instant::now() + super::UNIT_TIME);
        let fresh = XChaCha20Poly1305::generate_key(&mut OsRng);
        let key = unit.retry(|| {
            unit.tx(async |tx| Ok(secret::get_or_put(tx, db.engine(), "webhook", &fresh, clock.now()).await?))
        });
        let key = key.await.map_err(|abort| unit.error(abort))?;
        XChaCha20Poly1305::new_from_slice(&key)
            .map(Self)
            .map_err(|_| Error::internal())
    }

    /// A new secret of the webhook, sealed.
    pub(super) fn make(&self, webhook: Uuid) -> String {
        self.seal(webhook, &rand::rng().random::<[u8; SECRET_LEN]>())
    }

    fn seal(&self, webhook: Uuid, secret: &[u8]) -> String {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload {
            msg: secret,
            aad: webhook.as_bytes(),
        };
        // Fails only for messages of gigabytes.
        let sealed = self.0.encrypt(&nonce, payload).unwrap_or_default();
        BASE64_STANDARD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// The secret of the webhook.
    pub(super) fn open(&self, webhook: Uuid, sealed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let payload = Payload {
            msg: sealed,
            aad: webhook.as_bytes(),
        };
        self.0.decrypt(XNonce::from_slice(nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_webhook_only() {
        let vault = Vault(XChaCha20Poly1305::new_from_slice(&[7; 32]).unwrap());
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = vault.make(one);
        let opened = vault.open(one, &sealed).unwrap();
        assert_eq!(opened.len(), SECRET_LEN);
        assert_ne!(vault.open(one, &vault.make(one)).unwrap(), opened);
        assert_eq!(vault.open(two, &sealed), None);
        for broken in ["", "AAAA", &sealed[4..]] {
            assert_eq!(vault.open(one, broken), None);
        }
    }
}
