#!/usr/bin/env python3
"""Train a generator of 8x8 digits against a discriminator and write everything under models/digits-gan.

    pip install -r scripts/requirements-torch.txt
    python scripts/train_digits_gan.py

A DCGAN on scikit-learn's digits: ConvTranspose 16-32 (4x4), ConvTranspose 32-16 (4x4, stride 2), each with batch
normalisation and ReLU, Conv 16-1 (3x3), Sigmoid. The classifier of models/digits judges what is generated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import networks

Array = NDArray[Any]

SIDE, LATENT = 8, 16
EPOCHS, BATCH, RATE = 400, 64, 1e-3
# Largest latent number: normal ones are cut to it, so that calibration can have seen them.
MOST = 3.0
CALIBRATION, EVALUATION = 300, 1000


def generator(torch: Any) -> Any:
    """`latent (batch, 16, 1, 1) -> image (batch, 1, 8, 8)`, pixels 0 to 1."""
    nn = torch.nn
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, 32, 4, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),
        nn.Sigmoid(),
    )


def discriminator(torch: Any) -> Any:
    """The logit that an image is of a hand."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(64 * SIDE * SIDE // 4, 1),
    )


def train(torch: Any, images: Array, seed: int) -> Any:
    """Both against each other, with one-sided label smoothing."""
    rng = np.random.default_rng(seed)
    own, other = generator(torch), discriminator(torch)
    steps = [torch.optim.Adam(net.parameters(), RATE, betas=(0.5, 0.999)) for net in (own, other)]
    falling = [torch.optim.lr_scheduler.CosineAnnealingLR(step, EPOCHS) for step in steps]
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    full = torch.ones(BATCH, 1)
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            real = torch.from_numpy(images[order[start : start + BATCH]])
            made = own(torch.randn(BATCH, LATENT, 1, 1).clamp(-MOST, MOST))
            apart = loss(other(real), 0.9 * full) + loss(other(made.detach()), 0.0 * full)
            steps[1].zero_grad()
            apart.backward()
            steps[1].step()
            steps[0].zero_grad()
            loss(other(made), full).backward()
            steps[0].step()
        for schedule in falling:
            schedule.step()
    return own


def judged(images: Array, judge: Path) -> dict[str, Any]:
    """What the classifier of models/digits says of images."""
    logits = networks.run(judge, images.astype(np.float32))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    classes = np.bincount(shares.argmax(axis=1), minlength=shares.shape[1])
    return {
        "mean_confidence": float(shares.max(axis=1).mean()),
        "surer_than_0.9": float((shares.max(axis=1) > 0.9).mean()),
        "images_of_class": classes.tolist(),
    }


def run(options: argparse.Namespace) -> None:
    """Train, export, compare the export with the network, write rows."""
    torch = networks.torch(options.seed)
    images = (load_digits().images[:, None] / 16.0).astype(np.float32)
    model = train(torch, images, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "generator.onnx"
    rng = np.random.default_rng(options.seed)
    shape = (CALIBRATION + EVALUATION, LATENT)
    latent = np.round(np.clip(rng.standard_normal(shape), -MOST, MOST), 4).astype(np.float32)
    rows = latent[CALIBRATION:, :, None, None]
    networks.export(model, torch.from_numpy(rows[:2]), path, ("latent", "image"))
    with torch.no_grad():
        expected = model(torch.from_numpy(rows)).numpy()
    made = networks.run(path, rows)
    difference = networks.agree(path, made, expected)
    header = [f"z{i}" for i in range(LATENT)]
    networks.write_rows(options.out / "calibration.csv", header, latent[:CALIBRATION])
    networks.write_rows(options.out / "evaluation.csv", header, latent[CALIBRATION:])
    np.save(options.out / "latent.npy", latent[CALIBRATION : CALIBRATION + 1].reshape(1, LATENT, 1, 1))
    networks.write_metrics(
        options.out,
        {
            "parameters": sum(p.numel() for p in model.parameters()),
            "generated": judged(made, options.judge),
            "handwritten": judged(images, options.judge),
            "mean_pixel": {"generated": float(made.mean()), "handwritten": float(images.mean())},
            "rows": {"evaluation": EVALUATION, "calibration": CALIBRATION},
            "onnx_difference": difference,
        },
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    models = Path(__file__).resolve().parent.parent / "models"
    parser.add_argument("--out", type=Path, default=models / "digits-gan", help="where the files are written")
    parser.add_argument("--judge", type=Path, default=models / "digits" / "digits.onnx", help="the classifier")
    parser.add_argument("--seed", type=int, default=1)
    try:
        run(parser.parse_args())
    except ModuleNotFoundError as error:
        print(f"train_digits_gan: {error}; pip install -r scripts/requirements-torch.txt", file=sys.stderr)
        return 1
    except (RuntimeError, ValueError, OSError) as error:
        print(f"train_digits_gan: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
