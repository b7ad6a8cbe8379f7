//! The table of codes. A number is never used again for something else; a new code is a row here and a page in `spec/codes/`.
//!
//! E00xx files and syntax, E01xx values and fields, E02xx references, E03xx flow, E04xx gates and effects, E05xx labels,
//! E06xx money and time, E09xx what this version cannot do, W0xxx warnings.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// The stable code of a kind of mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// Returns the code as it is printed, such as `E0203`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// Returns what kind of mistake it is, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)* }
            }

            /// Returns the page that `explain` prints: meaning, bad example, expected diagnostics, fix.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Self::$code => include_str!(concat!("../../codes/", stringify!($code), ".md")),)* }
            }
        }
    };
}

codes! {
    E0010 "TOML syntax"
    E0101 "unknown key"
}

impl Code {
    /// Returns the code with this name, in any case of letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
    }

    /// Returns whether it refuses a revision: codes that begin with `E` do.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.name().starts_with('E') { Severity::Error } else { Severity::Warning }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
