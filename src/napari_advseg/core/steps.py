"""One update of each network, readable at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import sqrt
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from .adversary import Adversary
from .devices import Place
from .losses import segmentation_loss
from .networks import UNet
from .running_scores import batch_f1
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


@dataclass(frozen=True)
class Taken:
    """What one turn gave: scalars that are still on the device.

    Attributes
    ----------
    losses : dict of Tensor
        By learner: ``S``, ``G/S``, ``D``.
    scores : dict of Tensor
        Scores of the batch before its learner learned from it, if they are asked for.
    """

    losses: dict[str, Tensor] = field(default_factory=dict)
    scores: dict[str, Tensor] = field(default_factory=dict)

    def __or__(self, other: Taken) -> Taken:
        return Taken(self.losses | other.losses, self.scores | other.scores)


@dataclass
class StandardStep:
    """S learns from the annotation alone."""

    standard: Learner[UNet]
    place: Place
    clip: float | None = None
    scored: bool = False

    def __call__(self, images: Tensor, targets: Tensor) -> Taken:
        """Make one update with a batch."""
        self.standard.network.train()
        with self.place.autocast():
            logits = self.standard.network(images)
            loss = segmentation_loss(logits, targets, self.clip)
        self.standard.learn(loss)
        scores = {"S F1": batch_f1(logits.detach(), targets)} if self.scored else {}
        return Taken({"S": loss.detach()}, scores)


@dataclass
class AdversarialStep:
    """G learns from the annotation and from D; D learns to tell G's masks from true ones.

    Attributes
    ----------
    critic : Module
        The D that G learns against: D itself or, where batch normalisation keeps averages, a copy that
        averages over what G shows it.
    """

    generator: Learner[UNet]
    discriminator: Learner[nn.Module]
    critic: nn.Module
    adversary: Adversary
    place: Place
    scored: bool = False

    def __call__(
        self,
        images: Tensor,
        targets: Tensor,
        weight: float,
        *,
        g_learns: bool,
        d_learns: bool,
        real: tuple[Tensor, Tensor] | None = None,
    ) -> Taken:
        """Make one update of G, then one of D, on the same batch.

        Parameters
        ----------
        images : Tensor of float32, shape (N, channels, H, W)
        targets : Tensor of uint8, shape (N, H, W)
        weight : float
            λ of the adversarial term.
        g_learns, d_learns : bool
            Whose turn it is: both with per-step alternation, one of them within a block.
        real : (Tensor, Tensor), optional
            Other images and targets whose true masks D sees.
        """
        G, D, adversary = self.generator, self.discriminator, self.adversary
        taken = Taken()
        G.network.train(g_learns)  # within D's block masks are predicted in inference mode
        with self.place.autocast(), torch.set_grad_enabled(g_learns):
            logits = G.network(images)

        if g_learns:  # phase 1: D is frozen, its gradient reaches G through the mask alone
            loss = segmentation_loss(logits, targets, adversary.clip)
            taken.losses["G/S"] = loss.detach()
            if weight > 0:
                self.critic.train(adversary.settings.averages)
                with frozen(self.critic), self.place.autocast():
                    fake = self.critic(adversary.sees_prediction(images, targets, logits))
                    loss = loss + weight * adversary.generator_loss(fake, targets)
                if self.scored:
                    taken.scores["G/D Accuracy"] = adversary.called_true(fake.detach(), targets)
            if self.scored:
                taken.scores["G/S F1"] = batch_f1(logits.detach(), targets)
            G.learn(loss)

        if d_learns:  # phase 2: G's mask is detached, so that D alone learns
            true_images, true_targets = real or (images, targets)
            D.network.train()  # spectral normalisation follows the weights in this mode alone
            with self.place.autocast():
                fake = adversary.sees_prediction(images, targets, logits.detach())
                true = adversary.sees_truth(true_images, true_targets, logits.shape[1])
                true, fake = adversary.answers(D.network, true, fake)
                loss = adversary.discriminator_loss(true, fake, targets, true_targets)
            D.learn(loss)
            taken.losses["D"] = loss.detach()
            if self.scored:
                right = adversary.accuracy(true.detach(), fake.detach(), targets, true_targets)
                taken.scores["D Accuracy"] = right
        return taken
