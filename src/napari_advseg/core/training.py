"""The networks of a run and how they learn from one batch after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .adversary import Adversary
from .augment import augment
from .devices import Place, on
from .draws import Purpose, numpy_draws, torch_draws
from .events import NetworkName
from .networks import UNet, build_discriminator, build_unet
from .schedules import adversarial_weight, discriminator_learns
from .settings import RunSettings
from .steps import AdversarialStep, Learner, StandardStep
from .training_data import TrainingData
from .turns import Turn, discriminator_updates


@dataclass
class Training:
    """S, G and D of one run, built from its seed.

    S and the S in G start from the same weights. With the same batch number they get the same patches,
    augmentation and dropout draws, so that the adversarial term alone tells them apart.

    Attributes
    ----------
    settings : RunSettings
        With `updates` and `epoch` resolved.
    learners : dict
        ``standard``, ``adversarial``, ``discriminator`` as far as the method has them.
    """

    settings: RunSettings
    data: TrainingData
    place: Place
    learners: dict[str, Learner[Any]]
    adversary: Adversary

    @classmethod
    def build(cls, settings: RunSettings, data: TrainingData, place: Place) -> Training:
        """Draw all initial weights from the seed; on the CPU, so that every device starts alike."""
        classes = len(data.annotation.classes)
        updates = settings.updates or 0
        learners: dict[str, Learner[Any]] = {}
        for name in settings.networks:
            draws = torch_draws(settings.seed, Purpose.WEIGHTS)
            network = on(place, build_unet(settings.network, classes, draws))
            learners[name] = Learner.of(network, settings.optimizer, updates)
        if "adversarial" in settings.networks:
            draws = torch_draws(settings.seed, Purpose.DISCRIMINATOR_WEIGHTS)
            channels = settings.network.image_channels
            critic = build_discriminator(
                settings.discriminator, classes, channels, settings.patch, draws
            )
            learners["discriminator"] = Learner.of(
                on(place, critic),
                settings.discriminator_optimizer,
                discriminator_updates(settings),
            )
        return cls(settings, data, place, learners, Adversary(settings.discriminator))

    @property
    def networks(self) -> dict[NetworkName, UNet]:
        """The segmentation networks by name."""
        return {name: self.learners[name].network for name in self.settings.networks}

    def adversarial_weight(self, update: int) -> float:
        """λ at update number `update`, from 0."""
        epoch = update / (self.settings.epoch or 1)
        return adversarial_weight(
            self.settings.adversarial_weight, update, self.settings.updates or 0, epoch
        )

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch `number`: images (N, 1, patch, patch) and targets (N, patch, patch), augmented."""
        s = self.settings
        positions = self.data.sampler.draw(numpy_draws(s.seed, Purpose.PATCHES, number), s.batch)
        images, targets = self.data.train.cut(positions, s.patch)
        draws = torch_draws(s.seed, Purpose.AUGMENTATION, number, self.place.device)
        images, targets = augment(images, targets, s.augmentation, draws)
        return images.contiguous(memory_format=torch.channels_last), targets

    def take(self, turn: Turn) -> dict[str, Tensor]:
        """Let whose turn it is learn from the turn's batch; return losses still on the device."""
        images, targets = self.batch(turn.batch)
        losses: dict[str, Tensor] = {}
        if "standard" in turn.learners:
            self._seed_dropout("standard", turn.batch)
            losses |= StandardStep(self.learners["standard"], self.place)(images, targets)
        if turn.learners & {"adversarial", "discriminator"}:
            self._seed_dropout("adversarial", turn.batch)
            step = AdversarialStep(
                self.learners["adversarial"],
                self.learners["discriminator"],
                self.adversary,
                self.place,
            )
            losses |= step(
                images,
                targets,
                self.adversarial_weight(turn.batch),
                g_learns="adversarial" in turn.learners,
                d_learns="discriminator" in turn.learners and self._d_learns(turn.batch),
            )
        return losses

    def _d_learns(self, update: int) -> bool:
        s = self.settings
        if s.alternation.kind == "block":
            return True
        return discriminator_learns(s.adversarial_weight, update, s.updates or 0)

    def _seed_dropout(self, name: str, number: int) -> None:
        draws = torch_draws(self.settings.seed, Purpose.DROPOUT, number, self.place.device)
        self.learners[name].network.seed_dropout(draws)
