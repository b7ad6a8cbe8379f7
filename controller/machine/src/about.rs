//! Whom or what a run is about: said once, when it begins, from what it was given.

use serde::{Deserialize, Serialize};

/// Whom or what a run is about, as its playbook's `about` said when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// A kind of record, or a word of the company's own.
    pub kind: String,
    /// Its key among those of its kind, such as a mail address.
    pub key: String,
}

impl About {
    /// Returns whether a wish means it: `kind/key`, or the key alone; letters count alike in both cases.
    #[must_use]
    pub fn is(&self, wish: &str) -> bool {
        let (wish, key) = (wish.trim().to_lowercase(), self.key.to_lowercase());
        wish == key
            || wish
                .split_once('/')
                .is_some_and(|(kind, rest)| kind == self.kind.to_lowercase() && rest == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_names_the_key_or_kind_and_key() {
        let about = About { kind: "customer".to_owned(), key: "Ada@Example.com".to_owned() };
        for wish in ["ada@example.com", "customer/ada@example.com", " Customer/Ada@Example.com "] {
            assert!(about.is(wish), "{wish}");
        }
        for wish in ["", "ada", "project/ada@example.com", "customer/", "customer"] {
            assert!(!about.is(wish), "{wish}");
        }
        let path = About { kind: "repository".to_owned(), key: "ada/engines".to_owned() };
        assert!(path.is("ada/engines") && path.is("repository/ada/engines"));
    }
}
