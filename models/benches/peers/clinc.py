"""CLINC150 with semantic-router on the vectors of the same model, beside `adjutant models eval`.

Usage: clinc.py split DATA OUT            writes OUT/test.jsonl, OUT/train-SHOTS-SEED.jsonl, OUT/held-out.jsonl
       clinc.py compare OUT PEERS MODEL   prints both tables; ours are OUT/train-SHOTS-SEED.eval.json

Lines are {"text", "label"}, label null for out of scope. semantic-router's calibrator is fitted, as its manual asks, on held-out
labelled messages (validation split and its 100 out-of-scope ones), which ours never sees.
"""

import glob
import json
import os
import random
import sys

import numpy as np

SEEDS = 3
SHOTS = (5, 10, 20)
TARGETS = (95, 98, 99)


def write(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for text, label in rows:
            line = {"text": text, "label": None if label == "oos" else label}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def split(data, out):
    """Writes the samplings that both sides are given: SHOTS of each class, three times, and everything."""
    os.makedirs(out, exist_ok=True)
    with open(data, encoding="utf-8") as file:
        sets = json.load(file)
    write(f"{out}/test.jsonl", sets["test"] + sets["oos_test"])
    write(f"{out}/held-out.jsonl", sets["val"] + sets["oos_val"])
    write(f"{out}/train-full-0.jsonl", sets["train"])
    classes = {}
    for text, label in sets["train"]:
        classes.setdefault(label, []).append(text)
    for shots in SHOTS:
        for seed in range(SEEDS):
            draw = random.Random(1000 * shots + seed)
            rows = [(text, label) for label in sorted(classes) for text in draw.sample(classes[label], shots)]
            write(f"{out}/train-{shots}-{seed}.jsonl", rows)


def vectors(out, peers, model):
    """Returns the sentence vector of each text, from ONNX Runtime fp32."""
    from server import Peers

    texts = sorted({text for path in glob.glob(f"{out}/*.jsonl") for text in read(path)[0]}, key=len)
    server = Peers(peers, model)
    forward = server.engine("onnxruntime", os.cpu_count())[0]
    found = {}
    for start in range(0, len(texts), 64):
        chosen = texts[start : start + 64]
        found.update(zip(chosen, server.embed(forward, chosen)[0]))
    return found


def area(scores, wanted):
    """Returns the area under the ROC curve: the chance that a wanted row scores above another, ties counting half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    positives, negatives = wanted.sum(), (~wanted).sum()
    return (ranks[wanted].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def semantic_router(found, train, aggregation):
    """Returns a router of the library's kind over the given examples."""
    from semantic_router import Route
    from semantic_router.encoders import DenseEncoder
    from semantic_router.routers import IndexedRouter

    class Looked(DenseEncoder):
        name: str = "looked-up"

        def __call__(self, docs):
            return [found[text].tolist() for text in docs]

    classes = {}
    for text, label in zip(*train):
        classes.setdefault(label, []).append(text)
    routes = [Route(name=label, utterances=texts) for label, texts in classes.items()]
    return IndexedRouter(Looked(), routes, aggregation=aggregation)


def measured(router, held_out, test):
    """Returns the row of one router: accuracy in scope, OOS AUROC, realised precision and share at each target."""
    router.fit(*held_out)
    choices = [router(text) for text in test[0]]
    sure = np.array([choice.confidence for choice in choices])
    right = np.array([choice.name == label for choice, label in zip(choices, test[1])])
    inside = np.array([label is not None for label in test[1]])
    row = {"accuracy": right[inside].mean(), "oos_auroc": area(sure, inside), "targets": {}}
    for target in TARGETS:
        taken = sure >= target / 100
        precision = right[taken].mean() if taken.any() else None
        row["targets"][str(target)] = {"precision": precision, "share": taken.mean()}
    return row


def mean(rows):
    """Returns one row from those of several samplings."""
    targets = {}
    for target in map(str, TARGETS):
        precisions = [row["targets"][target]["precision"] for row in rows]
        precisions = [one for one in precisions if one is not None]
        share = float(np.mean([row["targets"][target]["share"] for row in rows]))
        targets[target] = {"precision": float(np.mean(precisions)) if precisions else None, "share": share}
    average = {name: float(np.mean([row[name] for row in rows])) for name in ("accuracy", "oos_auroc")}
    return {**average, "targets": targets, "samplings": len(rows)}


def line(name, shots, row):
    """Returns a row of the table."""
    cells = []
    for target in map(str, TARGETS):
        at = row["targets"].get(target, {"precision": None, "share": 0})
        realised = "  - " if at["precision"] is None else f"{100 * at['precision']:4.1f}"
        cells.append(f"{realised} / {100 * at['share']:4.1f}")
    return f"{name:22} {shots:>5} {100 * row['accuracy']:8.1f} {100 * row['oos_auroc']:9.1f}   " + "   ".join(cells)


def compare(out, peers, model):
    """Prints our rows and semantic-router's, sampling by sampling the same."""
    found = vectors(out, peers, model)
    held_out, test = read(f"{out}/held-out.jsonl"), read(f"{out}/test.jsonl")
    targets = "   ".join(f"at {target} %    " for target in TARGETS)
    print(f"{'':22} {'shots':>5} {'accuracy':>8} {'OOS AUROC':>9}   {targets} (realised precision / share handled, %)")
    tables = {}
    for shots in (*map(str, SHOTS), "full"):
        rows = {}
        for path in sorted(glob.glob(f"{out}/train-{shots}-?.jsonl")):
            ours = path.replace(".jsonl", ".eval.json")
            if os.path.exists(ours):
                with open(ours) as file:
                    rows.setdefault("adjutant", []).append(json.load(file))
            for aggregation in ("mean", "sum"):
                router = semantic_router(found, read(path), aggregation)
                name = f"semantic-router {aggregation}"
                rows.setdefault(name, []).append(measured(router, held_out, test))
        for name, measurements in rows.items():
            tables.setdefault(name, {})[shots] = mean(measurements)
            print(line(name, shots, tables[name][shots]), flush=True)
    with open(f"{out}/clinc.json", "w") as file:
        json.dump(tables, file, indent=2)


if __name__ == "__main__":
    {"split": split, "compare": compare}[sys.argv[1]](*sys.argv[2:])
