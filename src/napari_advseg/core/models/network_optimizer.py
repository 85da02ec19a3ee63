"""A network with its optimizer and learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from napari_advseg.core.config.schedules import LearningRate
from napari_advseg.core.config.settings import OptimizerSettings

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class NetworkOptimizer(Generic[Network]):
    """A network with its optimizer and learning rate.

    Attributes
    ----------
    updates : int
        Updates made so far.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    rate: LearningRate
    updates: int = 0

    @classmethod
    def of(
        cls, network: Network, settings: OptimizerSettings, updates: int
    ) -> NetworkOptimizer[Network]:
        """A learner that will make `updates` updates."""
        return cls(network, _optimizer(network, settings), LearningRate(settings, updates))

    def learn(self, loss: Tensor) -> None:
        """Move the weights against the gradient of `loss`."""
        self.follow((loss, torch.ones_like(loss)))

    def follow(self, *gradients: tuple[Tensor, Tensor]) -> None:
        """Move the weights against a gradient that is known by what the network gave.

        Parameters
        ----------
        *gradients : (Tensor, Tensor)
            An output, or what was made of it, and the gradient of the loss by it; they add up.
        """
        self.optimizer.zero_grad(set_to_none=True)
        outputs, by_output = zip(*gradients, strict=True)
        torch.autograd.backward(outputs, by_output)
        clip = self.rate.settings.clip
        if clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate.at(self.updates)
            if self.rate.settings.name == "keras-adam":  # torch adds ε after the bias correction
                correction = 1 - self.rate.settings.betas[1] ** (self.updates + 1)
                group["eps"] = self.rate.settings.epsilon / sqrt(correction)
        self.optimizer.step()
        self.updates += 1


def _optimizer(network: nn.Module, s: OptimizerSettings) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    if s.name == "rmsprop":
        return torch.optim.RMSprop(parameters, s.rate, alpha=s.betas[1], eps=s.epsilon)
    kind = torch.optim.AdamW if s.name == "adamw" else torch.optim.Adam
    return kind(parameters, s.rate, betas=s.betas, eps=s.epsilon, weight_decay=s.weight_decay)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients pass through `network` to its input without reaching its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
