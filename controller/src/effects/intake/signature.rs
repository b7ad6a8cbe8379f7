//! Signatures over raw bytes: HMAC-SHA256, compared in constant time.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::super::secrets::Secret;

/// The prefix of a Standard Webhooks secret, whose rest is base64.
const STANDARD_PREFIX: &str = "whsec_";

/// Returns whether one of the signatures of a `webhook-signature` header (`v1,<base64> v1,<base64>`) fits.
pub(super) fn fits_standard(secret: &Secret, signed: &[&[u8]], header: &str) -> bool {
    let Some(key) = standard_key(secret) else { return false };
    let expected = digest(&key, signed);
    let mut fits = false;
    // No early end: the place of the signature that fits shall not show in the time it takes.
    for candidate in header.split(' ').filter_map(|part| part.strip_prefix("v1,")) {
        fits |= STANDARD.decode(candidate).is_ok_and(|bytes| is_same(&bytes, &expected));
    }
    fits
}

/// Returns whether a `sha256=<hex>` signature fits; the prefix may be missing.
pub(super) fn fits_hex(secret: &Secret, signed: &[&[u8]], header: &str) -> bool {
    let expected = digest(secret.expose().as_bytes(), signed);
    let text = header.trim().strip_prefix("sha256=").unwrap_or(header.trim());
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).is_ok_and(|bytes| is_same(&bytes, &expected))
}

fn standard_key(secret: &Secret) -> Option<Vec<u8>> {
    match secret.expose().strip_prefix(STANDARD_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(secret.expose().as_bytes().to_vec()),
    }
}

fn digest(key: &[u8], signed: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for (index, part) in signed.iter().enumerate() {
        if index > 0 {
            mac.update(b".");
        }
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_published_example_fits() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed: [&[u8]; 3] = [b"msg_p5jXN8AQM9LWM0D4loKWxJek", b"1614265330", br#"{"test": 2432232314}"#];
        let header = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(fits_standard(&secret, &signed, header));
        assert!(fits_standard(&secret, &signed, &format!("v1,AAAA v2,x {header}")));
        assert!(!fits_standard(&secret, &signed[..2], header));
        assert!(!fits_standard(&Secret::new("whsec_!".to_owned()), &signed, header));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_hex_form_fits_with_and_without_its_prefix() {
        let secret = Secret::new("Jefe".to_owned());
        let signed: [&[u8]; 1] = [b"what do ya want for nothing?"];
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(fits_hex(&secret, &signed, &format!("sha256={hex}")));
        assert!(fits_hex(&secret, &signed, &hex.to_uppercase()));
        assert!(!fits_hex(&secret, &[b"what do ya want for something?"], hex));
        assert!(!fits_hex(&secret, &signed, ""));
    }
}
