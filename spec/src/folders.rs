//! Folders of connectors, as texts: which ones may be named at all, and which lie in each other's way.
//!
//! What a path really leads to, links followed, only the machine knows on which it is used: the edge judges that again.

/// A folder as a connector names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Whether it begins at the root of the disk; else it lies below the data folder.
    pub is_absolute: bool,
    /// Its plain names, from the beginning.
    pub names: Vec<String>,
}

/// Why a connector cannot have a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text names nothing below where it begins.
    #[error("it names no folder of its own")]
    All,
    /// A part of the path is `..`.
    #[error("`..` leads out of where it begins")]
    Upwards,
    /// A part that is not what it looks like: `~`, a backslash, an invisible sign.
    #[error("only plain names and `/` are taken")]
    Odd,
    /// It belongs to the system, or to everybody.
    #[error("it belongs to the system")]
    System,
}

impl Problem {
    /// Returns what to type instead.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::All | Self::System => {
                "name a folder that is for this connector alone, such as \"out\" or \"/srv/company/out\""
            }
            Self::Upwards => "write the folder out, from the root or below the data folder",
            Self::Odd => "write the path out: the home folder as /home/me, no quotes, no backslashes",
        }
    }
}

/// Folders in which nothing is anybody's own.
const SYSTEM: [&str; 15] = [
    "proc",
    "sys",
    "dev",
    "etc",
    "boot",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "usr",
    "run",
    "System",
    "Library",
    "Applications",
];

/// Folders that hold everybody's folders: one of their own below them is fine.
const SHARED: [&str; 12] =
    ["home", "root", "var", "tmp", "opt", "srv", "mnt", "media", "Users", "Volumes", "private", "snap"];

impl Folder {
    /// Reads a folder as it is written in `endpoint`.
    ///
    /// # Errors
    /// [`Problem`] where no connector may have it.
    pub fn read(written: &str) -> Result<Self, Problem> {
        let path = written.strip_prefix("file://").unwrap_or(written);
        if path.starts_with('~') || path.chars().any(|c| c == '\\' || c.is_control()) {
            return Err(Problem::Odd);
        }
        let is_absolute = path.starts_with('/');
        let names: Vec<String> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        if names.iter().any(|name| name == "..") {
            return Err(Problem::Upwards);
        }
        let Some(first) = names.first() else { return Err(Problem::All) };
        if is_absolute
            && (SYSTEM.contains(&first.as_str()) || (names.len() == 1 && SHARED.contains(&first.as_str())))
        {
            return Err(Problem::System);
        }
        Ok(Self { is_absolute, names })
    }

    /// Returns the folder of a connector that keeps files, below the folder of the data folder that is theirs.
    #[must_use]
    pub fn below(self, base: &str) -> Self {
        if self.is_absolute {
            return self;
        }
        let names = base.split('/').map(str::to_owned).chain(self.names).collect();
        Self { is_absolute: false, names }
    }

    /// Returns whether one of the two lies in the other, or both are the same.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let shorter = self.names.len().min(other.names.len());
        self.is_absolute == other.is_absolute && self.names[..shorter] == other.names[..shorter]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_has_a_folder_of_its_own_or_none() {
        let wrong = [
            ("/", Problem::All),
            ("", Problem::All),
            (".", Problem::All),
            ("./", Problem::All),
            ("//", Problem::All),
            ("file:///", Problem::All),
            ("..", Problem::Upwards),
            ("../store", Problem::Upwards),
            ("out/../../store", Problem::Upwards),
            ("/srv/company/../../etc", Problem::Upwards),
            ("~/out", Problem::Odd),
            ("out\\x", Problem::Odd),
            ("out\nx", Problem::Odd),
            ("/etc", Problem::System),
            ("/etc/cron.d", Problem::System),
            ("/proc/self/fd", Problem::System),
            ("file:///dev/shm", Problem::System),
            ("/home", Problem::System),
            ("/tmp/", Problem::System),
        ];
        for (written, problem) in wrong {
            assert_eq!(Folder::read(written), Err(problem), "{written}");
        }
        for fine in
            ["out", "./out", "out/quotes", "/srv/company/out", "/home/me/out", "file:///srv/x", "/company"]
        {
            assert!(Folder::read(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn folders_meet_where_one_lies_in_the_other() {
        let folder = |written: &str| Folder::read(written).expect("a folder");
        assert!(folder("out").meets(&folder("./out/")));
        assert!(folder("out").meets(&folder("out/quotes")));
        assert!(!folder("out").meets(&folder("output")));
        assert!(!folder("out").meets(&folder("/out")));
        assert!(folder("intake").below("files").meets(&folder("files")));
        assert_eq!(folder("/srv/x").below("files"), folder("/srv/x"));
    }
}
