#!/usr/bin/env python3
"""Export networks that people name from PyTorch, with seeded random weights, for measuring size against time.

    .venv/networks/bin/python scripts/export_networks.py --out build/networks [lenet5 resnet20 …] [--exporter dynamo]

writes a folder a network: model.onnx, calibration.csv and input.csv (one row), and shape.txt, the input's shape without
the batch. The networks have not learned anything; only their shapes matter. Normalisations have statistics of the
calibration rows, as a trained network's would. Needs scripts/requirements-networks.txt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

ROWS = 32


class LeNet5(nn.Sequential):
    """LeNet-5 for 28 × 28 pixels."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip


class Residual(nn.Module):
    """Two convolutions and what passes beside them (He et al. 2015, option B)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.beside: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.beside = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.beside(x))


def resnet20() -> nn.Module:
    blocks: list[nn.Module] = []
    inputs = 16
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        for number in range(3):
            blocks.append(Residual(inputs, outputs, stride if number == 0 else 1))
            inputs = outputs
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Inverted(nn.Module):
    """An inverted residual with a depthwise convolution (Sandler et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.body = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.passes = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.body(x)
        return x + made if self.passes else made


def mobilenet() -> nn.Module:
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6()]
    blocks = [Inverted(16, 16, 1, 4), Inverted(16, 24, 2, 4), Inverted(24, 24, 1, 4), Inverted(24, 32, 2, 4)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


class Lstm(nn.Module):
    """One layer of 64 units over 50 steps."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 64, batch_first=True)
        self.head = nn.Linear(64, 1)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.head(self.lstm(x)[0][:, -1])
        return made


def generator() -> nn.Module:
    """DCGAN's generator for 28 × 28 pixels."""
    return nn.Sequential(
        nn.Linear(64, 64 * 7 * 7), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 2, 2), nn.ReLU(), nn.ConvTranspose2d(16, 1, 2, 2), nn.Sigmoid(),
    )  # fmt: skip


class Attention(nn.Module):
    """Attention of several heads, written out."""

    def __init__(self, width: int, heads: int, mask: Tensor | None) -> None:
        super().__init__()
        self.heads, self.mask = heads, mask
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        own = self.qkv(x).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = own[0], own[1], own[2]
        scores = q @ k.transpose(-2, -1) * (width // self.heads) ** -0.5
        if self.mask is not None:
            scores = scores.masked_fill(self.mask == 0, float("-inf"))
        mixed = torch.softmax(scores, -1) @ v
        made: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return made


class Block(nn.Module):
    """Attention and a feed-forward part; the norm before them, or after as in BERT."""

    def __init__(self, width: int, heads: int, mask: Tensor | None, before: bool) -> None:
        super().__init__()
        self.before = before
        self.attention = Attention(width, heads, mask)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            x = x + self.attention(self.norms[0](x))
            return x + self.feed(self.norms[1](x))
        x = self.norms[0](x + self.attention(x))
        made: Tensor = self.norms[1](x + self.feed(x))
        return made


class Transformer(nn.Module):
    """Tokens or patches in, logits of every token, or of the first or of all together, out."""

    def __init__(self, *, embed: nn.Module, length: int, width: int, heads: int, layers: int, classes: int, kind: str) -> None:
        super().__init__()
        mask = torch.tril(torch.ones(length, length)) if kind == "causal" else None
        self.embed, self.kind = embed, kind
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        blocks = [Block(width, heads, mask, before=kind != "bert") for _ in range(layers)]
        self.blocks, self.norm, self.head = nn.Sequential(*blocks), nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        made = self.norm(self.blocks(self.embed(x) + self.places))
        if self.kind == "bert":
            made = made[:, 0]
        elif self.kind == "mean":
            made = made.mean(1)
        logits: Tensor = self.head(made)
        return logits


class Patches(nn.Module):
    """Patches of 4 × 4 pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, width, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.cut(x).flatten(2).transpose(1, 2)
        return made


class Network(NamedTuple):
    """How a network is made, and what it is given."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    # Number of tokens there are, if it reads tokens.
    tokens: int = 0


def nanogpt() -> nn.Module:
    embed = nn.Embedding(65, 64)
    return Transformer(embed=embed, length=64, width=64, heads=4, layers=4, classes=65, kind="causal")


def bert() -> nn.Module:
    embed = nn.Embedding(8192, 256)
    return Transformer(embed=embed, length=128, width=256, heads=4, layers=4, classes=2, kind="bert")


def vit() -> nn.Module:
    return Transformer(embed=Patches(64), length=64, width=64, heads=4, layers=6, classes=10, kind="mean")


NETWORKS = {
    "lenet5": Network(LeNet5, (1, 28, 28)),
    "resnet20": Network(resnet20, (3, 32, 32)),
    "mobilenet": Network(mobilenet, (3, 32, 32)),
    "lstm": Network(Lstm, (50, 8)),
    "dcgan": Network(generator, (64,)),
    "autoencoder": Network(autoencoder, (1, 28, 28)),
    "nanogpt": Network(nanogpt, (64,), tokens=65),
    "bert": Network(bert, (128,), tokens=8192),
    "vit": Network(vit, (3, 32, 32)),
}


def rows_of(network: Network, generator: torch.Generator) -> Tensor:
    if network.tokens:
        return torch.randint(0, network.tokens, (ROWS, *network.shape), generator=generator)
    return torch.randn((ROWS, *network.shape), generator=generator)


def write_rows(path: Path, rows: Tensor) -> None:
    flat = rows.reshape(rows.shape[0], -1).numpy()
    header = ",".join(f"x{i}" for i in range(flat.shape[1]))
    form = "%d" if rows.dtype == torch.int64 else "%.5f"
    np.savetxt(path, flat, fmt=form, delimiter=",", header=header, comments="")


def export(network: Network, folder: Path, exporter: str) -> None:
    torch.manual_seed(1)
    rows = rows_of(network, torch.Generator().manual_seed(1))
    model = network.make()
    with torch.no_grad():
        # Statistics of normalisations.
        for _ in range(40):
            model.train()(rows)
    model.eval()
    folder.mkdir(parents=True, exist_ok=True)
    target = str(folder / "model.onnx")
    if exporter == "dynamo":
        made: Any = torch.onnx.export(model, (rows[:1],), dynamo=True)
        made.save(target)
    else:
        names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"]}
        torch.onnx.export(model, (rows[:1],), target, **names, dynamic_axes={"input": {0: "batch"}}, opset_version=17)
    write_rows(folder / "calibration.csv", rows)
    write_rows(folder / "input.csv", rows[:1])
    (folder / "shape.txt").write_text(" ".join(map(str, network.shape)) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NETWORKS), help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--exporter", choices=("script", "dynamo"), default="script")
    options = parser.parse_args()
    unknown = set(options.names) - set(NETWORKS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; expected some of {', '.join(NETWORKS)}")
    for name in options.names:
        print(name, file=sys.stderr)
        export(NETWORKS[name], options.out / name, options.exporter)
    return 0


if __name__ == "__main__":
    sys.exit(main())
