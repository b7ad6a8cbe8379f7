//! The table of codes. A number is never used again for something else; a new code is a row here and a page in `spec/codes/`.
//!
//! E00xx files and syntax, E01xx values and fields, E02xx references, E03xx flow, E04xx gates and effects, E05xx labels,
//! E06xx money and time, E07xx scenarios, E09xx what this version cannot do, W0xxx warnings.

use std::fmt;

use super::severity::Severity;

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
    E0001 "file is not UTF-8"
    E0002 "file is UTF-16"
    E0003 "file is a pointer of Git LFS"
    E0004 "symbolic link leaves the tree"
    E0005 "submodule in the tree"
    E0006 "names differ by case only"
    E0007 "file name is not UTF-8"
    E0008 "file is too large"
    E0009 "too many files"
    E0010 "TOML syntax"
    E0011 "schema line is missing"
    E0012 "schema is of another version"
    E0013 "company file is missing"
    E0014 "stray file in a folder of the language"
    E0015 "file name is no id"
    E0016 "id is used twice"
    E0017 "JSON syntax"
    E0018 "not a JSON Schema"
    E0019 "file that is named does not exist"
    E0020 "conflict markers of a merge"
    E0021 "file of the language where nothing reads it"
    E0101 "unknown key"
    E0102 "key is missing"
    E0103 "value has the wrong type"
    E0104 "unknown word"
    E0105 "not an id"
    E0106 "not money"
    E0107 "not a period"
    E0108 "not a cron line"
    E0109 "unknown time zone"
    E0110 "number out of range"
    E0111 "template syntax"
    E0112 "step without a kind"
    E0113 "step with two kinds"
    E0114 "template reads an unknown root"
    E0115 "not a path of the repository"
    E0116 "not an address"
    E0117 "regular expression syntax"
    E0118 "not a moment"
    E0119 "name is used twice in one file"
    E0120 "keys that do not go together"
    E0121 "not a backoff"
    E0122 "rule without a condition"
    E0123 "an address that nothing may connect to"
    E0124 "a secret that would travel in the clear"
    E0125 "a folder that is not the connector's own"
    E0126 "a request that changes, declared as a read"
    E0127 "a span of time without any time in it"
    E0128 "a hook that cannot tell its deliveries apart"
    E0202 "a former id that another object has"
    E0203 "an agent that does not exist"
    E0204 "a route that does not exist"
    E0205 "a playbook that does not exist"
    E0206 "a verb that does not exist"
    E0207 "a template or prompt that does not exist"
    E0208 "a record kind that does not exist"
    E0209 "a connector that does not exist"
    E0210 "a persona that does not exist"
    E0211 "an event that a connector does not have"
    E0212 "a reference to a step that does not exist"
    E0213 "a reference to a field that does not exist"
    E0214 "a reference that may not be there yet"
    E0215 "an input that is not declared"
    E0216 "a field that an event does not have"
    E0217 "a template that reaches into another"
    E0218 "a policy about something that does not exist"
    E0219 "a model without a price"
    E0220 "a connector that serves no models"
    E0221 "a rule for a class that a route does not have"
    E0222 "a class with a name that routes keep for themselves"
    E0223 "an input that an event may not have"
    E0224 "an input of another type than what it is made from"
    E0225 "a reference over the edge of a branch"
    E0226 "a wait for something that nothing tells apart"
    E0227 "a playbook that its own writes start again"
    E0301 "two steps with one id"
    E0302 "a step that leads nowhere"
    E0303 "an outcome that a step cannot have"
    E0304 "a class without an edge"
    E0305 "an end that goes on"
    E0306 "a step that no run can come to"
    E0307 "falling through into the target of a jump"
    E0308 "a playbook that does not end"
    E0309 "a choose that may choose nothing"
    E0310 "a cycle without a bound"
    E0311 "a step without a way out"
    E0312 "a playbook that runs itself"
    E0313 "a step that stands nowhere"
    E0314 "an edge out of a container, or into one"
    E0315 "a container in which nothing stands"
    E0316 "a name of an item or a lane that is taken"
    E0317 "a number that can never be reached"
    E0401 "a gate without an edge for denied or expired"
    E0402 "an effect that no gate covers"
    E0403 "an argument that is not known at its gate"
    E0404 "an automatic gate over what came from outside"
    E0405 "an effect repeated under one approval"
    E0406 "a write that is not granted"
    E0407 "a probe that does not look"
    E0408 "an undo that does not exist"
    E0409 "an undo where nothing is done"
    E0410 "an argument that is not taken"
    E0411 "an argument that is missing"
    E0412 "an argument of the wrong type"
    E0413 "a life span of keys where none is sent"
    E0414 "a change that is declared as none"
    E0415 "an undo that takes nothing back"
    E0501 "an outsider's text that decides where something goes"
    E0502 "a secret that leaves its place"
    E0503 "a label that a child playbook would lose"
    E0504 "an event that claims too much trust"
    E0601 "attempts that outlast the deadline"
    E0602 "a wait past the deadline"
    E0603 "a gate that expires past the deadline"
    E0604 "a cost above its budget"
    E0605 "amounts in two currencies"
    E0606 "a child that outlives its parent"
    E0607 "a wait that nothing can end"
    E0608 "more steps without a pause than a run may take"
    E0609 "a budget that does not see all that is spent"
    E0610 "a scope that outlasts what it stands in"
    E0701 "an answer to a step that asks nobody"
    E0702 "a value of a scenario that does not fit"
    E0703 "an edit of what a gate does not show"
    E0704 "a beginning that a playbook does not have"
    E0705 "a scenario that does not hold"
    E0900 "not supported by this version"
    W0001 "file that nothing reads"
    W0201 "a secret that is missing"
    W0202 "an object that nothing uses"
    W0301 "a scope that changes nothing"
    W0401 "an outsider's text that decides whether something guarded happens"
    W0601 "a cost limit below the agent's own"
    W0602 "a schedule that never fires"
    W0603 "a wait of more than a year"
    W0604 "a span of time that is over"
    W0605 "more items than a budget has room for"
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
