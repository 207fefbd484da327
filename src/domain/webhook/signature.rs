//! The signature of what is sent, as <https://www.standardwebhooks.com> has it: HMAC-SHA256 of id, time and body.

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;

/// The prefix by which secrets are known.
pub const PREFIX: &str = "whsec_";
/// Bytes of a secret.
pub const SECRET_LEN: usize = 32;

/// The secret as its owner is told it.
#[must_use]
pub fn show(secret: &[u8]) -> String {
    format!("{PREFIX}{}", BASE64_STANDARD.encode(secret))
}

/// The header with a signature of each of the secrets.
pub fn sign<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, id: &str, seconds: i64, body: &[u8]) -> String {
    let signed = secrets.into_iter().map(|secret| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementation.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(show(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = sign(
            [secret.as_slice()],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_for_itself() {
        let (one, two) = ([1; SECRET_LEN], [2; SECRET_LEN]);
        let both = sign([one.as_slice(), &two], "id", 1, b"{}");
        let alone = [&one, &two].map(|secret| sign([secret.as_slice()], "id", 1, b"{}"));
        assert_eq!(both, alone.join(" "));
        assert_ne!(alone[0], alone[1]);
    }
}
