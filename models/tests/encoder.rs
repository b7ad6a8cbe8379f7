//! Loading refuses what is broken by name, and the forward pass keeps its promises, on a small model with real files.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;

use adjutant_models::{Device, Embedder, Embedding, Encoder, LoadError, Options};
use safetensors::Dtype;
use serde_json::json;
use support::{HIDDEN, WORDS, tensors, write_config, write_model, write_tensors, write_tokenizer};
use tempfile::TempDir;

fn model() -> TempDir {
    let folder = TempDir::new().unwrap();
    write_model(folder.path());
    folder
}

fn load(folder: &Path, threads: usize, device: Device) -> Result<Encoder, LoadError> {
    Encoder::load(folder, Options { threads, device })
}

fn refused(folder: &TempDir) -> LoadError {
    load(folder.path(), 1, Device::Cpu).err().expect("a refusal")
}

fn texts() -> Vec<String> {
    let text = |count: usize| {
        (0..count).map(|index| WORDS[4 + (index * 5 + count) % 8]).collect::<Vec<_>>().join(" ")
    };
    [3, 0, 17, 1, 38, 60, 5, 5, 12, 2, 26].into_iter().map(text).collect()
}

fn embed(encoder: &Encoder, texts: &[String]) -> Vec<Embedding> {
    encoder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
}

#[test]
fn texts_get_the_same_bits_alone_in_any_batch_in_any_order_by_any_number_of_threads() {
    let folder = model();
    let texts = texts();
    let encoder = load(folder.path(), 1, Device::Cpu).unwrap();
    let expected = embed(&encoder, &texts);
    for (text, expected) in texts.iter().zip(&expected) {
        assert_eq!(&embed(&encoder, std::slice::from_ref(text))[0], expected, "alone: {text}");
    }
    let reversed: Vec<String> = texts.iter().rev().cloned().collect();
    assert!(embed(&encoder, &reversed).iter().rev().eq(&expected), "in another order");
    for threads in [2, 3, 4] {
        let encoder = load(folder.path(), threads, Device::Cpu).unwrap();
        assert_eq!(embed(&encoder, &texts), expected, "{threads} threads");
    }
    // Two hundred copies are more than one batch and more than one block of rows.
    let many: Vec<String> = texts.iter().cycle().take(200 * texts.len()).cloned().collect();
    let found = embed(&load(folder.path(), 2, Device::Cpu).unwrap(), &many);
    assert!(found.iter().eq(expected.iter().cycle().take(found.len())), "in many batches");
}

#[test]
fn vectors_have_length_one() {
    let folder = model();
    let encoder = load(folder.path(), 2, Device::Cpu).unwrap();
    assert_eq!(encoder.dims(), HIDDEN);
    for embedding in embed(&encoder, &texts()) {
        assert!((cosine(&embedding.sentence, &embedding.sentence) - 1.0).abs() < 1e-5);
        assert!((cosine(&embedding.words, &embedding.words) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn our_forward_pass_agrees_with_candles_own_operations() {
    let folder = model();
    let texts = texts();
    let ours = embed(&load(folder.path(), 2, Device::Cpu).unwrap(), &texts);
    let stock = embed(&load(folder.path(), 1, Device::CpuStock).unwrap(), &texts);
    for (text, (ours, stock)) in texts.iter().zip(ours.iter().zip(&stock)) {
        assert!(cosine(&ours.sentence, &stock.sentence) >= 0.999_99, "sentence of \"{text}\"");
        assert!(cosine(&ours.words, &stock.words) >= 0.999_99, "words of \"{text}\"");
    }
}

#[test]
fn padding_and_truncation_of_the_tokenizers_file_are_overridden() {
    let folder = model();
    let encoder = load(folder.path(), 1, Device::Cpu).unwrap();
    assert_eq!(encoder.count_tokens("the house").unwrap(), 4);
    assert_eq!(encoder.count_tokens(&"the ".repeat(100)).unwrap(), support::POSITIONS);
    std::fs::write(folder.path().join("sentence_bert_config.json"), r#"{"max_seq_length": 10}"#).unwrap();
    let encoder = load(folder.path(), 1, Device::Cpu).unwrap();
    assert_eq!(encoder.count_tokens(&"the ".repeat(100)).unwrap(), 10);
}

#[test]
fn weights_in_half_precision_are_read() {
    let folder = model();
    let full = embed(&load(folder.path(), 1, Device::Cpu).unwrap(), &texts());
    write_tensors(folder.path(), &tensors(), Dtype::BF16);
    let half = embed(&load(folder.path(), 1, Device::Cpu).unwrap(), &texts());
    for (full, half) in full.iter().zip(&half) {
        assert!(cosine(&full.sentence, &half.sentence) > 0.99);
    }
    assert_ne!(full, half);
}

#[test]
fn tensor_names_may_have_the_prefix_of_their_class() {
    let folder = model();
    let expected = embed(&load(folder.path(), 1, Device::Cpu).unwrap(), &texts());
    let prefixed = tensors().into_iter().map(|(name, tensor)| (format!("bert.{name}"), tensor)).collect();
    write_tensors(folder.path(), &prefixed, Dtype::F32);
    assert_eq!(embed(&load(folder.path(), 1, Device::Cpu).unwrap(), &texts()), expected);
}

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let folder = model();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let error = refused(&folder);
        assert!(matches!(&error, LoadError::Missing { path } if path.ends_with(file)), "{error}");
    }
}

#[test]
fn truncated_weights_are_corrupt() {
    let folder = model();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 200, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = refused(&folder);
        assert!(
            matches!(&error, LoadError::Corrupt { path: of, .. } if *of == path),
            "{length} bytes: {error}"
        );
    }
}

#[test]
fn missing_tensor_is_named_with_its_shape() {
    let folder = model();
    let mut all = tensors();
    all.remove("encoder.layer.1.output.dense.bias");
    write_tensors(folder.path(), &all, Dtype::F32);
    let error = refused(&folder).to_string();
    assert!(error.contains("lacks tensor \"encoder.layer.1.output.dense.bias\" of shape [48]"), "{error}");
}

#[test]
fn wrong_shape_is_named_with_both_shapes() {
    let folder = model();
    write_config(folder.path(), json!({"intermediate_size": 96}));
    let error = refused(&folder).to_string();
    assert!(error.contains("\"encoder.layer.0.intermediate.dense.weight\""), "{error}");
    assert!(error.ends_with("has shape [80, 48], expected [96, 48]"), "{error}");
}

#[test]
fn other_numbers_are_refused() {
    let folder = model();
    write_tensors(folder.path(), &tensors(), Dtype::F64);
    let error = refused(&folder);
    assert!(matches!(&error, LoadError::Numbers { found, .. } if found == "F64"), "{error}");
}

#[test]
fn number_that_is_not_finite_is_refused_with_its_place() {
    let folder = model();
    let mut all = tensors();
    all.get_mut("encoder.layer.1.attention.self.key.weight").unwrap().numbers[77] = f32::NAN;
    write_tensors(folder.path(), &all, Dtype::F32);
    let error = refused(&folder);
    assert!(
        matches!(&error, LoadError::NotFinite { tensor, index: 77, .. } if tensor.contains("key")),
        "{error}"
    );
}

#[test]
fn tokenizer_of_another_model_is_refused() {
    let folder = model();
    write_tokenizer(folder.path(), &WORDS[..9]);
    let error = refused(&folder);
    assert!(matches!(&error, LoadError::Vocabulary { expected: 14, found: 9, .. }), "{error}");
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    assert!(matches!(refused(&folder), LoadError::Tokenizer { .. }));
}

#[test]
fn what_the_forward_pass_does_not_do_is_refused() {
    let cases = [
        (json!({"model_type": "roberta"}), "model_type"),
        (json!({"hidden_act": "relu"}), "hidden_act"),
        (json!({"position_embedding_type": "relative_key"}), "position_embedding_type"),
        (json!({"is_decoder": true}), "is_decoder"),
        (json!({"num_attention_heads": 5}), "num_attention_heads"),
        (json!({"num_hidden_layers": 0}), "num_hidden_layers"),
        (json!({"layer_norm_eps": -1.0}), "layer_norm_eps"),
    ];
    for (change, expected) in cases {
        let folder = model();
        write_config(folder.path(), change);
        let error = refused(&folder);
        assert!(matches!(&error, LoadError::Unsupported { field, .. } if *field == expected), "{error}");
    }
}

#[test]
fn other_pooling_and_further_layers_are_refused() {
    let folder = model();
    let pooling = folder.path().join("1_Pooling");
    std::fs::create_dir(&pooling).unwrap();
    let both = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
    std::fs::write(pooling.join("config.json"), both).unwrap();
    let error = refused(&folder);
    assert!(matches!(error, LoadError::Unsupported { field: "pooling_mode_cls_token", .. }), "{error}");
    std::fs::remove_dir_all(&pooling).unwrap();
    let modules = r#"[{"type": "sentence_transformers.models.Dense"}]"#;
    std::fs::write(folder.path().join("modules.json"), modules).unwrap();
    assert!(refused(&folder).to_string().contains("sentence_transformers.models.Dense"));
}

#[test]
fn pinned_digest_is_checked() {
    let folder = model();
    let options = Options { threads: 1, device: Device::Cpu };
    let digest = load(folder.path(), 1, Device::Cpu).unwrap().model().digest.clone();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    assert_eq!(Encoder::load_pinned(folder.path(), options, &digest).unwrap().model().digest, digest);
    let mut other = tensors();
    other.get_mut("embeddings.LayerNorm.bias").unwrap().numbers[0] += 1.0;
    write_tensors(folder.path(), &other, Dtype::F32);
    let error = Encoder::load_pinned(folder.path(), options, &digest).err().unwrap();
    assert!(
        matches!(&error, LoadError::Digest { expected, found, .. } if *expected == digest && found != expected)
    );
}

#[test]
fn device_that_was_not_built_in_is_refused() {
    let folder = model();
    for (device, is_built) in
        [(Device::Cuda(0), cfg!(feature = "cuda")), (Device::Metal(0), cfg!(feature = "metal"))]
    {
        let loaded = load(folder.path(), 1, device);
        assert!(is_built || matches!(loaded, Err(LoadError::Device { .. })));
    }
}
