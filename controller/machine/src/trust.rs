//! Who speaks caps trust: what an input declares is a ceiling, and so is whoever gives its value. The lower one counts.
//!
//! | who speaks | is trusted at most |
//! |---|---|
//! | the operator, at the control socket or in a browser session; the committed playbook's own schedule | operator |
//! | a token for a program, a link in a mail | verified |
//! | an agent's token | external: an agent repeats what it has read |
//! | a connector that checks who sent a message (a signed webhook) | verified |
//! | everybody else: dropped mails, unsigned events | external |

use adjutant_spec::{
    plan::Connector,
    value::{Labels, Trust},
};
use serde::{Deserialize, Serialize};

/// Who gave a value. The words are on disk: only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The operator, proved by the peer's uid or by a session; and what the operator committed, such as a schedule.
    Operator,
    /// A bearer token for a program, or a link in a mail.
    Token,
    /// An agent's token.
    Agent,
    /// A connector that checks its senders.
    Signed,
    /// Anybody: nothing is known of the sender.
    #[default]
    Outside,
}

impl Speaker {
    /// Every sort of speaker, the most trusted first.
    pub const ALL: [Self; 5] = [Self::Operator, Self::Token, Self::Agent, Self::Signed, Self::Outside];

    /// Returns who speaks through a connector.
    #[must_use]
    pub fn of_connector(connector: Option<&Connector>) -> Self {
        match connector.map(Connector::senders_are_checked) {
            Some(true) => Self::Signed,
            _ => Self::Outside,
        }
    }

    /// Returns the most that its words are trusted.
    #[must_use]
    pub fn ceiling(self) -> Trust {
        match self {
            Self::Operator => Trust::Operator,
            Self::Token | Self::Signed => Trust::Verified,
            Self::Agent | Self::Outside => Trust::External,
        }
    }

    /// Returns labels that are no more trusted than the speaker; privacy is nobody's to lower.
    #[must_use]
    pub fn cap(self, declared: Labels) -> Labels {
        Labels { trust: declared.trust.min(self.ceiling()), ..declared }
    }
}

#[cfg(test)]
mod tests {
    use adjutant_spec::value::Privacy;

    use super::*;

    #[test]
    fn a_declaration_is_a_ceiling_and_so_is_the_speaker() {
        for speaker in Speaker::ALL {
            for trust in [Trust::External, Trust::Verified, Trust::Operator] {
                let declared = Labels { trust, privacy: Privacy::Client };
                let capped = speaker.cap(declared);
                assert_eq!(capped.trust, trust.min(speaker.ceiling()), "{speaker:?} {trust:?}");
                assert_eq!(capped.privacy, Privacy::Client);
            }
        }
    }

    #[test]
    fn only_the_operator_is_trusted_as_the_operator() {
        let most = |speaker: Speaker| speaker.ceiling();
        assert!(
            Speaker::ALL.into_iter().all(|one| (most(one) == Trust::Operator) == (one == Speaker::Operator))
        );
        assert_eq!((most(Speaker::Agent), most(Speaker::Outside)), (Trust::External, Trust::External));
    }
}
