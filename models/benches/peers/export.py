"""Exports a BERT-family sentence encoder to ONNX (fp32, and int8 for information) and checks the export against PyTorch.

Usage: export.py PEERS_FOLDER MODEL_FOLDER. Writes PEERS_FOLDER/onnx/{fp32,int8}.onnx and export.json.
"""

import hashlib
import json
import os
import sys
import warnings

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel

TOLERANCE = 2e-5


class LastLayer(torch.nn.Module):
    """The encoder without its pooler, with one output."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask):
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def export(model, path):
    """Writes the fp32 graph, with free batch and length."""
    axes = {0: "batch", 1: "length"}
    ids = torch.ones(2, 8, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (ids, ids),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=["last"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "last": axes},
            opset_version=17,
            dynamo=False,
        )


def largest_error(model, path):
    """Returns the largest difference to PyTorch, over padded batches of several lengths."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(7)
    worst = 0.0
    for batch, length in [(1, 3), (1, 12), (4, 33), (2, 128), (3, 256)]:
        ids = random.integers(1000, 30000, (batch, length), dtype=np.int64)
        mask = np.ones_like(ids)
        mask[-1, length * 2 // 3 :] = 0
        with torch.inference_mode():
            wanted = model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        got = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        worst = max(worst, float(np.abs(got - wanted)[mask == 1].max()))
    return worst


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def main(peers, folder):
    note = os.path.join(peers, "export.json")
    weights = sha256(os.path.join(folder, "model.safetensors"))
    facts = {"weights": weights, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    if os.path.exists(note):
        with open(note) as file:
            known = json.load(file)
        if all(known.get(name) == value for name, value in facts.items()):
            print(f"the peers are ready in {peers}")
            return
    os.makedirs(os.path.join(peers, "onnx"), exist_ok=True)
    fp32, int8 = (os.path.join(peers, "onnx", name + ".onnx") for name in ("fp32", "int8"))
    # "eager" spells attention out, which is the pattern that ONNX Runtime's optimiser knows.
    model = LastLayer(AutoModel.from_pretrained(folder, attn_implementation="eager").eval()).eval()
    export(model, fp32)
    facts["largest_error"] = largest_error(model, fp32)
    if facts["largest_error"] > TOLERANCE:
        sys.exit(f"error: the export differs from PyTorch by {facts['largest_error']}, more than {TOLERANCE}")
    quantize_dynamic(fp32, int8, per_channel=True, weight_type=QuantType.QInt8)
    with open(note, "w") as file:
        json.dump(facts, file, indent=2)
    print(f"exported to {peers}/onnx; largest difference to PyTorch {facts['largest_error']:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
