//! Whether a secret can keep strangers from signing: whoever guesses the key of a webhook speaks as its sender.

/// Prefixes that services put before their keys; what follows is the key.
const PREFIXES: [&str; 3] = ["whsec_", "v1,whsec_", "shpss_"];
/// The fewest characters of a key, and the fewest different ones: below, it can be tried out.
const SHORTEST: usize = 16;
const FEWEST: usize = 6;

/// Returns why a secret is too weak to sign webhooks with, to be read after "the secret".
#[must_use]
pub fn weakness(secret: &str) -> Option<String> {
    let text = secret.trim();
    let key = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let mut different: Vec<char> = key.trim_end_matches('=').chars().collect();
    let long = different.len();
    different.sort_unstable();
    different.dedup();
    if long == 0 {
        return Some("holds no key".to_owned());
    }
    if long < SHORTEST {
        return Some(format!("is too short to sign with: {long} characters, {SHORTEST} are the fewest"));
    }
    (different.len() < FEWEST).then(|| "is too simple to sign with: it repeats a few characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_signs_nothing() {
        let weak = [
            "",
            " ",
            "whsec_",
            "whsec_====",
            "v1,whsec_",
            "shpss_",
            "whsec_QUJD",
            "secret",
            "hunter2",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "abababababababababab",
            "123412341234123412341234",
        ];
        for secret in weak {
            assert!(weakness(secret).is_some(), "{secret}");
        }
        for secret in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "website-webhook-secret",
            "test-website-key",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        ] {
            assert_eq!(weakness(secret), None, "{secret}");
        }
    }
}
