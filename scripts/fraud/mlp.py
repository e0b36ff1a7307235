"""The network 29-64-32-1 (ReLU, ReLU, sigmoid) and its training: numpy, own Adam, seeded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .preprocess import CLIP

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

WIDTHS = (29, 64, 32, 1)


@dataclass(frozen=True)
class Settings:
    """Training settings; the defaults made the published model."""

    seed: int = 1
    epochs: int = 60
    batch: int = 256
    learning_rate: float = 2e-3
    # Decoupled weight decay. 1.0 was the best of 0.02, 0.2 and 1.0 in cross-validation on the training rows, and keeps
    # the weights of a row of one magnitude, which int8 per-channel scales like.
    weight_decay: float = 1.0
    # Targets 0.01 and 0.99: the loss is least at logits of about +-4.6, instead of at infinity.
    smoothing: float = 0.01
    # Logits beyond this, on stretched rows, cost quadratically: they stay below 8, so the 4,096 entries of the sigmoid
    # table are 1/256 apart.
    logit_bound: float = 5.5
    logit_penalty: float = 0.4


@dataclass
class Mlp:
    """Weights `(out, in)` and biases `(out,)` of the dense layers."""

    weights: list[Array]
    biases: list[Array]

    @staticmethod
    def initial(rng: np.random.Generator, widths: tuple[int, ...] = WIDTHS) -> Mlp:
        """He initialisation."""
        weights = [rng.normal(0.0, np.sqrt(2.0 / fan_in), (fan_out, fan_in)) for fan_in, fan_out in pairwise(widths)]
        return Mlp(weights, [np.zeros(width) for width in widths[1:]])

    def activations(self, x: Array) -> list[Array]:
        """`[x, hidden1, …, logits]`, hidden ones after ReLU; `x (rows, widths[0])`, logits `(rows, widths[-1])`."""
        layers = [x]
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            y = layers[-1] @ weight.T + bias
            layers.append(y if index == len(self.weights) - 1 else np.maximum(y, 0.0))
        return layers

    def logits(self, x: Array) -> Array:
        """`(rows, 29) -> (rows,)`."""
        return self.activations(x)[-1][:, 0]

    def scores(self, x: Array) -> Array:
        """Probability-like score in (0, 1), `(rows, 29) -> (rows,)`."""
        return sigmoid(self.logits(x))

    def gradient(self, layers: list[Array], d_logits: Array) -> list[Array]:
        """Gradient in the order `w1, b1, w2, b2, w3, b3` for the derivative `(rows, 1)` at the logits."""
        delta = d_logits
        gradients: list[Array] = []
        for index in reversed(range(len(self.weights))):
            gradients[:0] = [delta.T @ layers[index], delta.sum(axis=0)]
            if index:
                delta = (delta @ self.weights[index]) * (layers[index] > 0)
        return gradients

    def parameters(self) -> list[Array]:
        """The arrays themselves, in the order of `gradient`."""
        return [array for pair in zip(self.weights, self.biases, strict=True) for array in pair]

    def ternarised(self) -> Mlp:
        """Every matrix as one scale times -1, 0 and 1, the biases themselves (BitNet b1.58, arXiv 2402.17764).

        The scale is the mean magnitude as a float32, so that the weights are exactly that in an ONNX file.
        """
        weights = []
        for weight in self.weights:
            scale = max(float(np.float32(np.abs(weight).mean())), float(np.finfo(np.float32).tiny))
            # Adding zero turns -0 into 0.
            weights.append(scale * np.clip(np.round(weight / scale), -1.0, 1.0) + 0.0)
        return Mlp(weights, self.biases)


def sigmoid(x: Array) -> Array:
    """Logistic function, stable on both sides."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


class Adam:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) on the weight matrices only."""

    def __init__(self, parameters: list[Array], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.first = [np.zeros_like(p) for p in parameters]
        self.second = [np.zeros_like(p) for p in parameters]
        self.step_count = 0

    def step(self, gradients: list[Array], rate: float) -> None:
        """One update, in place."""
        self.step_count += 1
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=True):
            m[...] += 0.1 * (g - m)
            v[...] += 0.001 * (g * g - v)
            m_hat = m / (1.0 - 0.9**self.step_count)
            v_hat = v / (1.0 - 0.999**self.step_count)
            if p.ndim == 2:
                p[...] *= 1.0 - rate * self.decay
            p[...] -= rate * m_hat / (np.sqrt(v_hat) + 1e-8)


def stretch(x: Array, rng: np.random.Generator) -> Array:
    """Rows scaled by 1 to 3 and clipped as preprocessing clips: extreme, but inputs the network may be given."""
    return np.clip(x * rng.uniform(1.0, 3.0, (len(x), 1)), -CLIP, CLIP)


def train(x: Array, labels: Labels, settings: Settings, *, ternary: bool = False) -> Mlp:
    """Class-weighted cross-entropy on smoothed targets; `x (rows, 29)` prepared. Deterministic in the seed.

    The weight of a class is the square root of its inverse frequency: full balancing would drown a 0.17 % fraud
    rate in false alarms. With `ternary` the loss is that of the ternarised weights, and its gradient moves the float
    weights that they are made from (straight-through estimator).
    """
    rng = np.random.default_rng(settings.seed)
    model = Mlp.initial(rng)
    optimiser = Adam(model.parameters(), settings.weight_decay)
    rate_of_fraud = labels.mean()
    class_weight = np.array([1.0 / np.sqrt(1.0 - rate_of_fraud), 1.0 / np.sqrt(rate_of_fraud)])
    class_weight /= (class_weight * np.array([1.0 - rate_of_fraud, rate_of_fraud])).sum()
    steps = settings.epochs * -(-len(x) // settings.batch)
    for _ in range(settings.epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), settings.batch):
            pick = order[start : start + settings.batch]
            target = np.where(labels[pick] == 1, 1.0 - settings.smoothing, settings.smoothing)[:, None]
            used = model.ternarised() if ternary else model
            layers = used.activations(x[pick])
            d_logits = (sigmoid(layers[-1]) - target) * class_weight[labels[pick]][:, None]
            wide = used.activations(stretch(x[pick], rng))
            excess = np.sign(wide[-1]) * np.maximum(np.abs(wide[-1]) - settings.logit_bound, 0.0)
            gradients = [
                (task + settings.logit_penalty * 2.0 * bound) / len(pick)
                for task, bound in zip(used.gradient(layers, d_logits), used.gradient(wide, excess), strict=True)
            ]
            # Cosine decay to zero.
            rate = settings.learning_rate * 0.5 * (1.0 + np.cos(np.pi * optimiser.step_count / steps))
            optimiser.step(gradients, rate)
    return model.ternarised() if ternary else model
