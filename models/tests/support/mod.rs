//! A small model in a folder of its own: real files, numbers from a fixed seed.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;

pub(crate) const HIDDEN: usize = 48;
pub(crate) const INNER: usize = 80;
pub(crate) const LAYERS: usize = 2;
pub(crate) const POSITIONS: usize = 40;
pub(crate) const WORDS: [&str; 14] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "house", "green", "the", "is", "under", "water", "##s",
    "##ing",
];

/// The tensors of a model by name.
pub(crate) type Tensors = BTreeMap<String, Stored>;

pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Vec<f32>,
}

/// Returns all tensors of the small model.
pub(crate) fn tensors() -> Tensors {
    let mut all = Tensors::new();
    let mut state = 42u32;
    let mut put = |name: String, shape: Vec<usize>| {
        let is_norm = name.contains("LayerNorm.weight");
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = f32::from(u16::try_from(state >> 16).unwrap()) / 65_536.0 - 0.5;
            if is_norm { 1.0 + number } else { number * 0.6 }
        };
        let numbers = (0..shape.iter().product()).map(|_| number()).collect();
        all.insert(name, Stored { shape, numbers });
    };
    put("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]);
    put("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]);
    put("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]);
    let mut layers = vec![("embeddings.LayerNorm".to_owned(), vec![HIDDEN])];
    for layer in 0..LAYERS {
        let parts = [
            ("attention.self.query", vec![HIDDEN, HIDDEN]),
            ("attention.self.key", vec![HIDDEN, HIDDEN]),
            ("attention.self.value", vec![HIDDEN, HIDDEN]),
            ("attention.output.dense", vec![HIDDEN, HIDDEN]),
            ("attention.output.LayerNorm", vec![HIDDEN]),
            ("intermediate.dense", vec![INNER, HIDDEN]),
            ("output.dense", vec![HIDDEN, INNER]),
            ("output.LayerNorm", vec![HIDDEN]),
        ];
        layers.extend(parts.map(|(part, shape)| (format!("encoder.layer.{layer}.{part}"), shape)));
    }
    for (name, shape) in layers {
        put(format!("{name}.bias"), vec![shape[0]]);
        put(format!("{name}.weight"), shape);
    }
    all
}

/// Writes tensors in a number format; only three are used.
pub(crate) fn write_tensors(folder: &Path, tensors: &Tensors, dtype: Dtype) {
    let bytes = |numbers: &[f32]| -> Vec<u8> {
        match dtype {
            Dtype::BF16 => {
                numbers.iter().flat_map(|number| number.to_bits().to_le_bytes()[2..].to_vec()).collect()
            }
            Dtype::F64 => numbers.iter().flat_map(|number| f64::from(*number).to_le_bytes()).collect(),
            _ => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        }
    };
    let stored: BTreeMap<&String, Vec<u8>> =
        tensors.iter().map(|(name, tensor)| (name, bytes(&tensor.numbers))).collect();
    let views = stored.iter().map(|(name, bytes)| {
        (name.as_str(), TensorView::new(dtype, tensors[*name].shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

/// Writes `config.json`, with some fields changed.
pub(crate) fn write_config(folder: &Path, changes: serde_json::Value) {
    let mut config = json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_attention_heads": 3, "num_hidden_layers": LAYERS, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "vocab_size": WORDS.len(), "layer_norm_eps": 1e-12,
    });
    config.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap_or_default());
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// Writes a tokenizer of these words, which pads and cuts as the published one does.
pub(crate) fn write_tokenizer(folder: &Path, words: &[&str]) {
    let vocabulary: BTreeMap<&str, usize> = words.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// Writes the whole model.
pub(crate) fn write_model(folder: &Path) {
    write_config(folder, json!({}));
    write_tokenizer(folder, &WORDS);
    write_tensors(folder, &tensors(), Dtype::F32);
}
