//! Secrets: age files in the repository, the key outside of it.
//!
//! A secret is opened inside the call that needs it and wiped when the call ends; nothing in this room keeps one. The key
//! file has the form of `age-keygen`, so the files can be opened without Adjutant.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use age::{
    secrecy::{ExposeSecret as _, SecretString},
    x25519,
};

use crate::private;

/// The most that an opened secret may hold.
const LARGEST: usize = 64 * 1024;

/// An opened secret. Printed as `***`, wiped when dropped.
pub struct Secret(SecretString);

/// The place of the key that opens the company's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    file: PathBuf,
}

/// Why a secret cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `$ADJUTANT_KEY_FILE` nor a home folder says where the key is.
    #[error("no place for the key: set `ADJUTANT_KEY_FILE`")]
    NoPlace,
    /// There is no key file.
    #[error("there is no key file at \"{}\"", .0.display())]
    NoKey(PathBuf),
    /// A key file is there already; it is never overwritten.
    #[error("there is a key file at \"{}\" already", .0.display())]
    KeyExists(PathBuf),
    /// The key file cannot be read or written.
    #[error("the key file \"{}\" cannot be used", path.display())]
    KeyFile {
        /// The path of the key's file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Somebody else has a hand in the key file.
    #[error("the key file is not yours alone")]
    NotPrivate(#[source] private::Error),
    /// The key file holds no key.
    #[error("the key file \"{}\" holds no line that begins with `AGE-SECRET-KEY-1`", .0.display())]
    NotAKey(PathBuf),
    /// The file was made for another key, or is damaged.
    #[error("the secret cannot be opened with this key")]
    Sealed(#[source] age::DecryptError),
    /// What is in the file is no text, or too large.
    #[error("the secret is no text of at most 64 KiB")]
    NotText,
    /// The secret cannot be encrypted.
    #[error("the secret cannot be encrypted")]
    Encrypt(#[source] age::EncryptError),
    /// The name cannot be a file's stem.
    #[error("\"{0}\" is no name for a secret: lower case letters, digits, `-` and `_`")]
    Name(String),
}

impl Secret {
    /// Wraps a text; a newline at its end is not part of it.
    #[must_use]
    pub fn new(text: String) -> Self {
        let text = SecretString::from(text);
        Self(SecretString::from(text.expose_secret().trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Returns the text; the caller keeps no copy.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A secret as it lies in the repository.
#[derive(Debug)]
pub struct Sealed {
    /// Where it belongs, below the folder of the company.
    pub path: String,
    /// What only the key opens.
    pub bytes: Vec<u8>,
}

impl Keys {
    /// Returns the place that `$ADJUTANT_KEY_FILE` names, else `adjutant/key.txt` in the user's configuration folder.
    ///
    /// # Errors
    /// [`Error::NoPlace`] where the environment names no folder at all.
    pub fn locate() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = || set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let file =
            set("ADJUTANT_KEY_FILE").or_else(|| config().map(|folder| folder.join("adjutant/key.txt")));
        file.map(|file| Self { file }).ok_or(Error::NoPlace)
    }

    /// Returns the place of a key file.
    #[must_use]
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// Returns the key file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Makes a key, readable by its owner only, and returns the public half. Never overwrites one.
    ///
    /// # Errors
    /// [`Error::KeyExists`], or [`Error::KeyFile`] where the folder cannot be written.
    pub fn generate_key(&self) -> Result<String, Error> {
        let identity = x25519::Identity::generate();
        let public = identity.to_public().to_string();
        let text =
            SecretString::from(format!("# public key: {public}\n{}\n", identity.to_string().expose_secret()));
        match self.write(text.expose_secret()) {
            Ok(()) => Ok(public),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::KeyExists(self.file.clone()))
            }
            Err(source) => Err(Error::KeyFile { path: self.file.clone(), source }),
        }
    }

    /// Returns the public half of the key.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::NotAKey`] or [`Error::KeyFile`].
    pub fn public_key(&self) -> Result<String, Error> {
        Ok(self.identity()?.to_public().to_string())
    }

    /// Makes sure that only its owner can read the key; returns what was repaired, in words. Without a key there is nothing to do.
    ///
    /// # Errors
    /// [`Error::NotPrivate`] where it belongs to somebody else, or is open and cannot be closed.
    pub fn secure(&self) -> Result<Option<String>, Error> {
        match private::file(&self.file) {
            Err(private::Error::System { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            other => other.map_err(Error::NotPrivate),
        }
    }

    /// Encrypts a secret as a file of the repository.
    ///
    /// # Errors
    /// [`Error::Name`], or as [`Keys::public_key`].
    pub fn encrypt(&self, name: &str, value: &str) -> Result<Sealed, Error> {
        let is_name = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || "-_".contains(one);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Error::Name(name.to_owned()));
        }
        let recipient = self.identity()?.to_public();
        let bytes =
            age::encrypt_and_armor(&recipient, value.as_bytes()).map_err(Error::Encrypt)?.into_bytes();
        Ok(Sealed { path: format!("secrets/{name}.age"), bytes })
    }

    /// Opens a secret.
    ///
    /// # Errors
    /// [`Error::Sealed`] for another key's file, or as [`Keys::public_key`].
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Secret, Error> {
        let bytes = age::decrypt(&self.identity()?, ciphertext).map_err(Error::Sealed)?;
        if bytes.len() > LARGEST {
            return Err(Error::NotText);
        }
        String::from_utf8(bytes).map(Secret::new).map_err(|_| Error::NotText)
    }

    fn identity(&self) -> Result<x25519::Identity, Error> {
        if let Some(word) = self.secure()? {
            tracing::warn!(word, "the key was open to others");
        }
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoKey(self.file.clone()));
            }
            Err(source) => return Err(Error::KeyFile { path: self.file.clone(), source }),
        };
        let mut lines = text.expose_secret().lines().map(str::trim);
        let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        line.and_then(|line| line.parse().ok()).ok_or_else(|| Error::NotAKey(self.file.clone()))
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Secrets are sealed for this key from now on: after a power cut its name must be there too, or none of them opens again.
        fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_with_the_key_and_not_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path().join("sub/key.txt"));
        let public = keys.generate_key().unwrap();
        assert_eq!(keys.public_key().unwrap(), public);
        let Sealed { path, bytes } = keys.encrypt("billing", "hunter2-long\n").unwrap();
        assert_eq!(path, "secrets/billing.age");
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("hunter2"));
        assert_eq!(keys.decrypt(&bytes).unwrap().expose(), "hunter2-long");

        let other = Keys::at(folder.path().join("other.txt"));
        assert!(matches!(other.decrypt(&bytes), Err(Error::NoKey(_))));
        other.generate_key().unwrap();
        assert!(matches!(other.decrypt(&bytes), Err(Error::Sealed(_))));
    }

    #[test]
    fn a_key_is_its_owners_alone_and_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path().join("key.txt"));
        keys.generate_key().unwrap();
        let before = fs::read(keys.path()).unwrap();
        assert_eq!(fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(keys.generate_key(), Err(Error::KeyExists(_))));
        assert_eq!(fs::read(keys.path()).unwrap(), before);
    }

    #[test]
    fn a_key_that_others_could_read_is_closed_before_it_is_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path().join("key.txt"));
        assert_eq!(keys.secure().unwrap(), None, "there is none yet");
        keys.generate_key().unwrap();
        fs::set_permissions(keys.path(), fs::Permissions::from_mode(0o644)).unwrap();
        keys.public_key().unwrap();
        assert_eq!(fs::metadata(keys.path()).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(keys.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(keys.secure().unwrap().is_some_and(|word| word.contains("open to others")));
    }

    #[test]
    fn a_printed_secret_says_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "***");
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let keys = Keys::at("nowhere");
        for name in ["", "../x", "a/b", "A b"] {
            assert!(matches!(keys.encrypt(name, "x"), Err(Error::Name(_))), "{name}");
        }
    }
}
