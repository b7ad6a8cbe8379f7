"""Embeds texts with a peer, so that another program can time it in turns with itself. JSON lines on stdin and stdout.

Usage: server.py PEERS_FOLDER MODEL_FOLDER

in:  {"engine": "onnxruntime" | "onnxruntime-int8" | "pytorch", "threads": 2, "texts": [...], "batch": 32, "repeat": 1}
out: {"batches": [seconds, ...], "tokens": n, "vector": [the first text's], "load_seconds": s, "peak_kib": n, "version": "..."}
     or {"error": "..."}

Timed, as users would run it: sort by length, tokenize, pad to the longest of the batch, forward, mean pool, L2.
"""

import json
import os
import sys
import time

import numpy as np
from tokenizers import Tokenizer

LIMIT = 256


def tokenizer(model):
    made = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(LIMIT)
    return made


def padded(encodings):
    """Returns ids and mask as arrays, padded to the longest only."""
    longest = max(len(e.ids) for e in encodings)
    ids = np.zeros((len(encodings), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    return ids, mask


def pooled(last, mask):
    """Returns the mean over real tokens, with length 1."""
    weights = mask[:, :, None].astype(np.float32)
    mean = (last * weights).sum(1) / weights.sum(1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def onnxruntime_forward(graph, threads):
    """Returns a session's forward pass and the version of the library."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    forward = lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return forward, onnxruntime.__version__


def pytorch_forward(folder, threads):
    """Returns the forward pass of transformers as it loads, and the version of PyTorch."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()

    def forward(ids, mask):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            return model(**inputs).last_hidden_state.numpy()

    return forward, torch.__version__


class Peers:
    """The engines that were asked for, each loaded once for each number of threads."""

    GRAPHS = {"onnxruntime": "fp32.onnx", "onnxruntime-int8": "int8.onnx"}

    def __init__(self, peers, model):
        self.peers, self.model = peers, model
        self.tokenizer = tokenizer(model)
        self.loaded = {}

    def load(self, engine, threads):
        if engine == "pytorch":
            return pytorch_forward(self.model, threads)
        if engine not in self.GRAPHS:
            raise ValueError(f'engine "{engine}" is none of pytorch, {", ".join(self.GRAPHS)}')
        return onnxruntime_forward(os.path.join(self.peers, "onnx", self.GRAPHS[engine]), threads)

    def engine(self, name, threads):
        key = (name, threads)
        if key not in self.loaded:
            start = time.perf_counter()
            forward, version = self.load(name, threads)
            self.loaded[key] = (forward, version, time.perf_counter() - start)
        return self.loaded[key]

    def embed(self, forward, texts):
        ids, mask = padded(self.tokenizer.encode_batch(texts))
        return pooled(forward(ids, mask), mask), int(mask.sum())

    def answer(self, asked):
        threads, batch, texts = asked["threads"], asked["batch"], asked["texts"]
        # The tokenizer has threads of its own, which would come on top of the engine's.
        os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
        forward, version, load_seconds = self.engine(asked["engine"], threads)
        seconds, tokens, vector = [], 0, None
        for _ in range(asked.get("repeat", 1)):
            order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                begun = time.perf_counter()
                vectors, count = self.embed(forward, [texts[at] for at in chosen])
                seconds.append(time.perf_counter() - begun)
                tokens += count
                if 0 in chosen:
                    vector = vectors[chosen.index(0)].tolist()
        return {
            "batches": seconds,
            "tokens": tokens,
            "vector": vector,
            "load_seconds": load_seconds,
            "peak_kib": peak_kib(),
            "version": version,
        }


def peak_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main():
    peers = Peers(*sys.argv[-2:])
    for line in sys.stdin:
        try:
            answer = peers.answer(json.loads(line))
        except Exception as error:  # Told to whoever asked, who decides.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
