"""One update of each network, readable at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from .adversary import Adversary
from .devices import Place
from .losses import segmentation_loss
from .networks import UNet
from .schedules import LearningRate
from .settings import OptimizerSettings

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class Learner(Generic[Network]):
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
    def of(cls, network: Network, settings: OptimizerSettings, updates: int) -> Learner[Network]:
        """A learner that will make `updates` updates."""
        return cls(network, _optimizer(network, settings), LearningRate(settings, updates))

    def learn(self, loss: Tensor) -> None:
        """Move the weights against the gradient of `loss`."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip = self.rate.settings.clip
        if clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate.at(self.updates)
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


@dataclass
class StandardStep:
    """S learns from the annotation alone."""

    standard: Learner[UNet]
    place: Place

    def __call__(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Make one update with a batch; return losses that are still on the device."""
        self.standard.network.train()
        with self.place.autocast():
            loss = segmentation_loss(self.standard.network(images), targets)
        self.standard.learn(loss)
        return {"S": loss.detach()}


@dataclass
class AdversarialStep:
    """G learns from the annotation and from D; D learns to tell G's masks from true ones."""

    generator: Learner[UNet]
    discriminator: Learner[nn.Module]
    adversary: Adversary
    place: Place

    def __call__(
        self, images: Tensor, targets: Tensor, weight: float, *, g_learns: bool, d_learns: bool
    ) -> dict[str, Tensor]:
        """Make one update of G, then one of D, on the same batch.

        Parameters
        ----------
        images : Tensor of float32, shape (N, channels, H, W)
        targets : Tensor of uint8, shape (N, H, W)
        weight : float
            λ of the adversarial term.
        g_learns, d_learns : bool
            Whose turn it is: both with per-step alternation, one of them within a block.
        """
        G, D, adversary = self.generator, self.discriminator, self.adversary
        losses: dict[str, Tensor] = {}
        G.network.train(g_learns)  # within D's block masks are predicted in inference mode
        with self.place.autocast(), torch.set_grad_enabled(g_learns):
            logits = G.network(images)

        if g_learns:  # phase 1: D is frozen, its gradient reaches G through the mask alone
            loss = segmentation_loss(logits, targets)
            losses["G/S"] = loss.detach()
            if weight > 0:
                D.network.eval()
                with frozen(D.network), self.place.autocast():
                    fake = D.network(adversary.sees_prediction(images, targets, logits))
                    loss = loss + weight * adversary.generator_loss(fake, targets)
            G.learn(loss)

        if d_learns:  # phase 2: G's mask is detached, so that D alone learns
            D.network.train()  # spectral normalisation follows the weights in this mode alone
            with self.place.autocast():
                fake = D.network(adversary.sees_prediction(images, targets, logits.detach()))
                real = D.network(adversary.sees_truth(images, targets, logits.shape[1]))
                loss = adversary.discriminator_loss(real, fake, targets)
            D.learn(loss)
            losses["D"] = loss.detach()
        return losses
