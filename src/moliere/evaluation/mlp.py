"""The network of the classifier test."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import Tensor, nn

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Protocol:
    """A network of three hidden layers, and how it is trained.

    Args:
        width: of each layer.
        learning_rate: of Adam.
        weight_decay: of AdamW; 0 is Adam.
        batch: events a step.
        epochs: at most.
        patience: epochs without improvement after which it ends; ``None`` never ends early.
        select: what decides the epoch that is kept, on the stop part.
    """

    width: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 1e-2
    batch: int = 256
    epochs: int = 40
    patience: int | None = 4
    select: Literal["auc", "accuracy"] = "auc"


#: events that a trained network sees at once
_AT_ONCE = 8_192
#: evaluate.py of CaloChallenge/homepage
CALOCHALLENGE = Protocol(2048, 2e-4, 0.0, 1000, 50, None, "accuracy")


def train_mlp(
    train: Part, stop: Part, test: NDArray[np.float32], seed: int, protocol: Protocol | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train on features and keep the best epoch on the stop part; on a GPU where there is one.

    Returns:
        Probabilities of the stop and of the test part.
    """
    protocol = protocol or Protocol()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build(train[0].shape[1], protocol.width).to(device)
        best, best_auc, since = copy.deepcopy(network), -1.0, 0
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=protocol.learning_rate, weight_decay=protocol.weight_decay, fused=True
        )
        for _ in range(protocol.epochs):
            _train_epoch(network, optimizer, train, protocol.batch)
            auc = _score(stop[1], _probabilities(network, stop[0]), protocol.select)
            best, best_auc, since = (copy.deepcopy(network), auc, 0) if auc > best_auc else (best, best_auc, since + 1)
            if protocol.patience is not None and since >= protocol.patience:
                break
    return _probabilities(best, stop[0]), _probabilities(best, test)


def _score(labels: NDArray[np.int64], probabilities: NDArray[np.float64], select: str) -> float:
    if select == "accuracy":
        return float(accuracy_score(labels, probabilities > 0.5))
    return float(roc_auc_score(labels, probabilities))


def _build(n_features: int, width: int) -> nn.Module:
    sizes = [n_features, width, width, width]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 1), nn.Flatten(0))


def _train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, train: Part, size: int) -> None:
    device = next(network.parameters()).device
    features, labels = (torch.from_numpy(values).float().to(device) for values in train)
    for batch in torch.randperm(len(features)).split(size):
        loss: Tensor = nn.functional.binary_cross_entropy_with_logits(network(features[batch]), labels[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def _probabilities(network: nn.Module, features: NDArray[np.float32]) -> NDArray[np.float64]:
    device = next(network.parameters()).device
    # all at once, the hidden layers of 100,000 events are a gigabyte
    scores = [network(part.float().to(device)) for part in torch.from_numpy(features).split(_AT_ONCE)]
    return np.asarray(torch.cat(scores).double().sigmoid().cpu().numpy())
