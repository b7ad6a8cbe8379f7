//! Digests of files and of the models that they make.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The files that make a model, in the order in which its digest reads them.
pub(crate) const IDENTITY: [&str; 3] = ["config.json", "model.safetensors", "tokenizer.json"];

/// What a file is, whatever it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashed {
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Hashed {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(Self { bytes, sha256: hexadecimal(&hasher.finalize()) });
            }
            hasher.update(&buffer[..read]);
            bytes += read as u64;
        }
    }
}

/// Returns the digest of a model from the SHA-256 of each file of its identity; `None` where one is missing.
#[must_use]
pub fn model_digest(sha256_of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut hasher = Sha256::new();
    for name in IDENTITY {
        hasher.update(format!("{name} {}\n", sha256_of(name)?));
    }
    Some(format!("sha256:{}", hexadecimal(&hasher.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_one_of_its_files_has_no_digest() {
        let zeros = |_: &str| Some("0".repeat(64));
        assert!(model_digest(zeros).unwrap().starts_with("sha256:"));
        assert_eq!(model_digest(|name| (name != "tokenizer.json").then(|| "0".repeat(64))), None);
    }

    #[test]
    fn the_digest_of_a_file_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let found = Hashed::of(&path).unwrap();
        assert_eq!(found.bytes, 3);
        assert_eq!(found.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
