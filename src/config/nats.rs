//! `[nats]`: a NATS server to whose `JetStream` every event is published.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Characters of a stream's name and of a prefix at most: the name is a key in the database.
const NAME_MAX: usize = 64;

/// `[nats]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nats {
    /// The server, `nats://HOST:4222`, or `tls://HOST:4222` with TLS; several are separated by commas. Unset, nothing is
    /// published.
    pub url: Option<String>,
    /// A file of credentials, as `nsc` makes them.
    pub credentials_file: Option<PathBuf>,
    /// Certificates, in PEM, of those who may vouch for the server, beside those that this host trusts.
    pub ca_file: Option<PathBuf>,
    /// The stream. It is made if it is not there.
    pub stream: String,
    /// How subjects begin: `PREFIX.TENANT.KIND`.
    pub subject_prefix: String,
    /// On how many servers of a cluster a stream that is made is kept.
    pub replicas: usize,
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            url: None,
            credentials_file: None,
            ca_file: None,
            stream: "TIDEPOOL".into(),
            subject_prefix: "tidepool".into(),
            replicas: 1,
        }
    }
}

fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(fits)
}

impl Nats {
    pub(super) fn validate(&self, errors: &mut Vec<String>) {
        if let Some(url) = &self.url {
            if !cfg!(feature = "nats") {
                errors.push("nats.url: this binary was built without NATS; build it with `--features nats`".into());
            }
            let good = |url: &str| {
                let host = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
                host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
            };
            if !url.split(',').all(good) {
                // The value is not repeated: somebody may have put a password into it.
                let error = "nats.url: must be nats://HOST:PORT or tls://HOST:PORT, several separated by commas, without \
                             credentials: these are in nats.credentials_file";
                errors.push(error.into());
            }
        }
        for (name, file) in [("credentials_file", &self.credentials_file), ("ca_file", &self.ca_file)] {
            if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
                errors.push(format!("nats.{name}: there is no file {}", file.display()));
            }
        }
        if !is_token(&self.stream) || self.stream.len() > NAME_MAX {
            errors.push("nats.stream: must be 1 to 64 letters, digits, - and _".into());
        }
        if !self.subject_prefix.split('.').all(is_token) || self.subject_prefix.len() > NAME_MAX {
            errors.push("nats.subject_prefix: must be letters, digits, - and _, with dots between, at most 64".into());
        }
        if !(1..=5).contains(&self.replicas) {
            errors.push("nats.replicas: must be 1 to 5".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(nats: &Nats) -> Vec<String> {
        let mut errors = Vec::new();
        nats.validate(&mut errors);
        errors
    }

    #[test]
    fn what_cannot_work_is_said_and_passwords_are_not() {
        assert!(wrong(&Nats::default()).is_empty());
        let nats = Nats {
            url: Some("nats://u:s3cret@host".into()),
            credentials_file: Some("/no/such/file".into()),
            stream: "a.b".into(),
            subject_prefix: "crm.*".into(),
            replicas: 0,
            ..Nats::default()
        };
        let errors = wrong(&nats);
        for part in ["url", "credentials_file", "stream", "subject_prefix", "replicas"] {
            let said = errors
                .iter()
                .filter(|error| error.starts_with(&format!("nats.{part}:")));
            assert!(said.count() > 0, "{part}: {errors:?}");
        }
        assert!(!errors.join(" ").contains("s3cret"), "{errors:?}");
    }

    #[test]
    fn a_binary_that_cannot_publish_refuses_to_be_told_where() {
        let nats = Nats {
            url: Some("nats://one:4222,tls://two:4222".into()),
            ..Nats::default()
        };
        assert_eq!(wrong(&nats).is_empty(), cfg!(feature = "nats"));
    }
}
