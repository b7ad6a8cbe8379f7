//! Signatures over raw bytes: HMAC-SHA256, compared in constant time.
//!
//! Every candidate is compared with every key, without an early end: neither the place of the signature that fits nor the key
//! that made it shall show in the time that it takes.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::effects::secrets::Secret;

/// The prefix of a Standard Webhooks secret, whose rest is base64.
const STANDARD_PREFIX: &str = "whsec_";

/// Base 64 as senders write it, with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key of an HMAC, wiped with the secret that it is made of.
pub(super) struct Key(Vec<u8>);

impl Key {
    /// Returns the secret's text as a key.
    ///
    /// # Errors
    /// An empty key: everybody knows it.
    pub(super) fn of_text(secret: &Secret) -> Result<Self, &'static str> {
        let bytes = secret.expose().as_bytes();
        if bytes.is_empty() { Err("the secret is empty") } else { Ok(Self(bytes.to_vec())) }
    }

    /// Returns the key of Standard Webhooks: what `whsec_` stands before is base64, anything else is the key itself.
    ///
    /// # Errors
    /// An empty key, or one that is no base64.
    pub(super) fn standard(secret: &Secret) -> Result<Self, &'static str> {
        let Some(encoded) = secret.expose().strip_prefix(STANDARD_PREFIX) else {
            return Self::of_text(secret);
        };
        match BASE64.decode(encoded) {
            Ok(bytes) if bytes.is_empty() => Err("the secret is empty after `whsec_`"),
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err("what follows `whsec_` in the secret is no base64"),
        }
    }

    fn digest(&self, signed: &[&[u8]]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        signed.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.fill(0);
    }
}

/// Returns whether one of the signatures is one of the keys' over the parts, one after the other.
pub(super) fn fits(keys: &[Key], signed: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    let mut fits = false;
    for key in keys {
        let expected = key.digest(signed);
        for candidate in signatures {
            fits |= bool::from(candidate.as_slice().ct_eq(expected.as_slice()));
        }
    }
    fits
}

/// Reads a signature in hexadecimal; none where it is none.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()
}

/// Reads a signature in base 64; none where it is none.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_published_digest_fits_in_both_encodings() {
        let keys = [Key::of_text(&Secret::new("Jefe".to_owned())).unwrap()];
        let signed: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        let text = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let upper = text.to_uppercase();
        for candidate in [hex(text), hex(&upper), base64("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM")] {
            assert!(fits(&keys, &signed, &[vec![0; 32], candidate.unwrap()]));
        }
        assert!(!fits(&keys, &[b"what do ya want for something?"], &[hex(text).unwrap()]));
        assert!(!fits(&keys, &signed, &[]));
        assert!(!fits(&keys, &signed, &[Vec::new(), hex(&text[..62]).unwrap()]));
    }

    #[test]
    fn an_empty_key_is_none() {
        for text in ["", "whsec_", "whsec_!", "whsec_===="] {
            assert!(Key::standard(&Secret::new(text.to_owned())).is_err(), "{text}");
        }
        assert!(Key::of_text(&Secret::new("\n".to_owned())).is_err());
    }
}
