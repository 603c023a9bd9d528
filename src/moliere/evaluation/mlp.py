"""The network of the classifier test."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

_WIDTH, _BATCH, _EPOCHS, _PATIENCE = 512, 256, 40, 6

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


def train_mlp(
    train: Part, stop: Part, test: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train on standardised features and keep the epoch with the best AUC on the stop part.

    Returns:
        Probabilities of the stop and of the test part.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build(train[0].shape[1])
        best, best_auc, since = copy.deepcopy(network), -1.0, 0
        optimizer = torch.optim.AdamW(network.parameters(), lr=5e-4, weight_decay=1e-2, fused=True)
        for _ in range(_EPOCHS):
            _train_epoch(network, optimizer, train)
            auc = float(roc_auc_score(stop[1], _probabilities(network, stop[0])))
            best, best_auc, since = (copy.deepcopy(network), auc, 0) if auc > best_auc else (best, best_auc, since + 1)
            if since >= _PATIENCE:
                break
    return _probabilities(best, stop[0]), _probabilities(best, test)


def _build(n_features: int) -> nn.Module:
    sizes = [n_features, _WIDTH, _WIDTH, _WIDTH]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU())]
    return nn.Sequential(*hidden, nn.Linear(_WIDTH, 1), nn.Flatten(0))


def _train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, train: Part) -> None:
    features, labels = torch.from_numpy(train[0]).float(), torch.from_numpy(train[1]).float()
    for batch in torch.randperm(len(features)).split(_BATCH):
        loss: Tensor = nn.functional.binary_cross_entropy_with_logits(network(features[batch]), labels[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def _probabilities(network: nn.Module, features: NDArray[np.float32]) -> NDArray[np.float64]:
    scores: Tensor = network(torch.from_numpy(features).float())
    return np.asarray(scores.double().sigmoid().numpy())
