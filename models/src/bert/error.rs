//! Why a model was not loaded.

use std::path::PathBuf;

/// Why a folder is no model; nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not there.
    #[error("model file \"{path}\" is missing")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read model file \"{path}\"")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no JSON, or lacks a field.
    #[error("model file \"{path}\" cannot be understood")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader of JSON says, with the place.
        source: serde_json::Error,
    },
    /// A field says something that the forward pass does not do.
    #[error("\"{file}\" has `{field}` {found}, but this encoder is built for {expected}")]
    Unsupported {
        /// The file.
        file: String,
        /// The field.
        field: &'static str,
        /// What would work in its place.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// The weights are no safetensors file, or end too early.
    #[error("model file \"{path}\" is corrupt: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the format's reader said.
        reason: String,
    },
    /// A tensor is not among the weights.
    #[error("model file \"{path}\" lacks tensor \"{tensor}\" of shape {expected:?}")]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The shape that `config.json` demands.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than `config.json` demands.
    #[error("tensor \"{tensor}\" of \"{path}\" has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The shape that `config.json` demands.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor's numbers are of another kind.
    #[error("tensor \"{tensor}\" of \"{path}\" holds {found}, expected F32, F16 or BF16")]
    Numbers {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The kind in the file.
        found: String,
    },
    /// A tensor holds infinities or what is no number.
    #[error("tensor \"{tensor}\" of \"{path}\" holds a number that is not finite, at index {index}")]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The place of the number in the tensor.
        index: usize,
    },
    /// The tokenizer is not one.
    #[error("tokenizer \"{path}\" cannot be used: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What its reader said.
        reason: String,
    },
    /// The tokenizer belongs to another model.
    #[error("tokenizer \"{path}\" has {found} tokens, but the model's vocabulary has {expected}")]
    Vocabulary {
        /// The file.
        path: PathBuf,
        /// What `config.json` says.
        expected: usize,
        /// What the tokenizer has.
        found: usize,
    },
    /// The files are not those that were pinned.
    #[error("model \"{folder}\" has digest {found}, pinned is {expected}")]
    Digest {
        /// The model's folder.
        folder: PathBuf,
        /// The pinned digest.
        expected: String,
        /// The digest of the files.
        found: String,
    },
    /// The threads or the device cannot be had.
    #[error("cannot run on {device}: {reason}")]
    Device {
        /// The device.
        device: String,
        /// What the system said.
        reason: String,
    },
}
