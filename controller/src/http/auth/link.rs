//! Links in mails: a gate, the digest of what was shown, a person and an end, sealed with the server's key.
//!
//! Single use is the gate's own compare-and-set: one digest is decided once. Opening a link changes nothing; its page posts.

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::Risk;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Vault;
use crate::desk::views::GateView;

/// The longest life of a link.
const LONGEST: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What a link in a mail is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLink {
    /// The gate.
    #[serde(rename = "g")]
    pub gate: String,
    /// The digest of the card that the mail told of.
    #[serde(rename = "d")]
    pub digest: String,
    /// To whom it was sent.
    #[serde(rename = "w")]
    pub who: String,
    /// When it lapses.
    #[serde(rename = "x")]
    pub expires: Stamp,
}

impl GateLink {
    /// Returns the link's text for a gate; nothing for high risk, which has no one-click link.
    #[must_use]
    pub fn seal(vault: &Vault, gate: &GateView, who: &str) -> Option<String> {
        if gate.risk == Risk::High {
            return None;
        }
        let longest = vault.now().plus(LONGEST);
        let expires = gate.expires.map_or(longest, |when| when.0.min(longest));
        let link = Self { gate: gate.id.clone(), digest: gate.digest.clone(), who: who.to_owned(), expires };
        let body = serde_json::to_vec(&link).ok()?;
        let mac = vault.mac("adjutant/gate-link/v1", &body);
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Returns what a link is bound to; nothing for a forged or lapsed one.
    #[must_use]
    pub fn open(vault: &Vault, text: &str) -> Option<Self> {
        let (body, mac) = text.split_once('.')?;
        let (body, mac) = (URL_SAFE_NO_PAD.decode(body).ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?);
        if !vault.mac_is("adjutant/gate-link/v1", &body, &mac) {
            return None;
        }
        let link: Self = serde_json::from_slice(&body).ok()?;
        super::vault::within(link.expires, vault.now(), LONGEST).then_some(link)
    }
}
