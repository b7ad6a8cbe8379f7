//! AUTH PLAIN (RFC 4616) and AUTH LOGIN: what the client sent, against the one login the double knows.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one account of the SMTP double.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password; never printed, never in the ledger.
    pub password: String,
}

impl Login {
    /// Returns whether the client may send: a double without a login takes any, as test servers do.
    pub(crate) fn admits(expected: Option<&Self>, given: &Self) -> bool {
        expected.is_none_or(|expected| expected == given)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Login").field("user", &self.user).field("password", &"***").finish()
    }
}

/// Reads the one response of AUTH PLAIN: `authorisation NUL user NUL password` in base64.
pub(crate) fn plain(response: &str) -> Option<Login> {
    let decoded = text(response)?;
    let mut parts = decoded.split('\0');
    let (_authorise_as, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Login { user: user.to_owned(), password: password.to_owned() })
}

/// Reads one base64 answer of a dialogue.
pub(crate) fn text(response: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(response.trim()).ok()?).ok()
}
