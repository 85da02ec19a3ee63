"""The networks of a run and how they learn from one batch after another."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, channels_last, nn

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import Discriminator, build_discriminator
from napari_advseg.core.adversary.mask_gaps import Cut, gap_cutter
from napari_advseg.core.config.schedules import (
    Pace,
    adversarial_weight,
    balanced_weight,
    discriminator_learns,
    lambda_marks,
)
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.augmentation import augment
from napari_advseg.core.data.patch_cache import Batch, PatchCache
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.data.unannotated import everywhere
from napari_advseg.core.models.losses import SegmentationLoss
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.models.unet import UNet, build_unet
from napari_advseg.core.models.weight_average import follow_weights
from napari_advseg.core.runtime.devices import ComputeDevice, on
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator, torch_generator

from .alternation import Turn, discriminator_updates
from .steps import AdversarialStep, StandardStep, StepResult, Weigh

D_IN_G = "discriminator-in-generator"
AVERAGED = "-averaged"


@dataclass
class Trainer:
    """S, G and D of one run, built from its seed.

    S and the S in G start from the same weights. With the same batch number they get the same patches,
    augmentation and dropout draws, so that the adversarial term alone tells them apart. Without
    `settings.shared_draws` the S in G has weights, dropout and an order of the patches of its own.

    Attributes
    ----------
    settings : RunSettings
        With `updates` and `epoch` resolved.
    optimizers : dict
        ``standard``, ``adversarial``, ``discriminator`` as far as the method has them.
    copies : dict
        ``discriminator-in-generator``: the copy of D that G learns against, if it is a copy.
    averages : dict
        With `settings.average`, the segmentation networks with averaged weights.
    """

    settings: RunSettings
    data: TrainingData
    compute: ComputeDevice
    optimizers: dict[str, NetworkOptimizer[Any]]
    adversary: AdversarialLoss
    copies: dict[str, Discriminator] = field(default_factory=dict)
    averages: dict[NetworkName, UNet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        s, compute = self.settings, self.compute
        self._pace = Pace(s.updates or 0)
        self._paces = [self._pace]
        self._epoch = PatchCache(self.batch, s.alternation.generator_updates)
        scored = s.scores == "batches"
        loss = SegmentationLoss(s.dice or 0.0, s.probability_clip)
        if "standard" in self.optimizers:
            self._standard_step = StandardStep(self.optimizers["standard"], compute, loss, scored)
        if "adversarial" in self.optimizers:
            self._adversarial_step = AdversarialStep(
                self.optimizers["adversarial"],
                self.optimizers["discriminator"],
                self.discriminator_in_g,
                self.adversary,
                compute,
                loss,
                scored,
            )

    @classmethod
    def build(cls, settings: RunSettings, data: TrainingData, compute: ComputeDevice) -> Trainer:
        """Draw all initial weights from the seed; on the CPU, so that every device starts alike."""
        classes = len(data.annotation.classes)
        updates = settings.updates or 0
        optimizers: dict[str, NetworkOptimizer[Any]] = {}
        copies: dict[str, Discriminator] = {}
        averages: dict[NetworkName, UNet] = {}
        for name in settings.networks:
            own = name == "adversarial" and not settings.shared_draws
            draws = torch_generator(settings.seed, Purpose.OWN_WEIGHTS if own else Purpose.WEIGHTS)
            network = on(compute, build_unet(settings.network, classes, draws))
            optimizers[name] = NetworkOptimizer.of(network, settings.optimizer, updates)
            if settings.average:
                averages[name] = deepcopy(network)
        if "adversarial" in settings.networks:
            discriminator = _discriminator(settings, classes, compute)
            optimizers["discriminator"] = discriminator
            if settings.discriminator.averages:
                copies[D_IN_G] = deepcopy(discriminator.network)
        adversary = AdversarialLoss(settings.discriminator, settings.probability_clip)
        return cls(settings, data, compute, optimizers, adversary, copies, averages)

    @property
    def discriminator_in_g(self) -> Discriminator:
        """The D that G learns against."""
        D: Discriminator = self.optimizers["discriminator"].network
        return self.copies.get(D_IN_G, D)

    @property
    def networks(self) -> dict[NetworkName, UNet]:
        """The segmentation networks as they are judged and kept: with averaged weights if asked for."""
        learning = {name: self.optimizers[name].network for name in self.settings.networks}
        return {**learning, **self.averages}

    @property
    def kept(self) -> dict[str, nn.Module]:
        """What the weights of a run are: `networks`, and D."""
        found: dict[str, nn.Module] = {n: one.network for n, one in self.optimizers.items()}
        return found | {str(name): network for name, network in self.networks.items()}

    @property
    def beside(self) -> dict[str, nn.Module]:
        """All networks of the run beside those that learn, by their names in a checkpoint."""
        averages = {f"{name}{AVERAGED}": network for name, network in self.averages.items()}
        return {**self.copies, **averages}

    def copy_weights(self) -> None:
        """Give the networks beside those that learn the weights that these have now."""
        for copy in self.copies.values():
            copy.load_state_dict(self.optimizers["discriminator"].network.state_dict())
        for name, average in self.averages.items():
            average.load_state_dict(self.optimizers[name].network.state_dict())

    def adversarial_weight(self, update: int) -> float:
        """λ at update number `update`, from 0; with a balance the ratio that it follows from."""
        epoch = update / (self.settings.epoch or 1)
        position, updates = self._pace.position(update), self._pace.updates
        return adversarial_weight(self.settings.adversarial_weight, position, updates, epoch)

    def replan(self, update: int, updates: int, *, rates: bool = True) -> None:
        """Let the run end after `updates` updates; λ and learning rates go on from where they are.

        Parameters
        ----------
        update : int
            Updates made.
        updates : int
            Updates of the whole run.
        rates : bool
            Whether learning rates follow; those of a checkpoint have done so.
        """
        before = self.settings.updates or 0
        self.settings = self.settings.model_copy(update={"updates": updates})
        self._pace = self._pace.changed(update, updates)
        self._paces = [*(p for p in self._paces if p.since < update), self._pace]
        if not rates:
            return
        for name, learner in self.optimizers.items():
            left = updates - update
            if name == "discriminator":  # learns later, or in blocks of its own
                left = self._discriminator_updates_left(update, before, learner)
            learner.rate.replan(learner.updates, learner.updates + left)

    def lambda_marks(self) -> tuple[tuple[int, float], ...]:
        """(update, λ) where λ changes, as planned now; those that are past stay where they were."""
        s = self.settings
        marks = lambda_marks(s.adversarial_weight, s.updates or 0, s.epoch or 1)
        if len(self._paces) == 1 or s.adversarial_weight.kind == "steps":
            return marks
        return tuple((self._update_at(update / (s.updates or 1)), value) for update, value in marks)

    def _update_at(self, share: float) -> int:
        pace = next(p for p in reversed(self._paces) if p.begun <= share or p is self._paces[0])
        return round(pace.update_at(share * pace.updates))

    def _discriminator_updates_left(
        self, update: int, before: int, learner: NetworkOptimizer[Any]
    ) -> int:
        s = self.settings
        if s.alternation.kind == "block":
            was = s.model_copy(update={"updates": before})
            added = discriminator_updates(s) - discriminator_updates(was)
            return max(0, learner.rate.updates + added - learner.updates)
        return sum(self._ramp_lets_d_learn(number) for number in range(update, s.updates or 0))

    def _ramp_lets_d_learn(self, update: int) -> bool:
        position, updates = self._pace.position(update), self._pace.updates
        return discriminator_learns(self.settings.adversarial_weight, position, updates)

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch `number`: images (N, 1, patch, patch) and targets (N, patch, patch), augmented."""
        s = self.settings
        positions = self.data.sampler.draw(
            numpy_generator(s.seed, Purpose.PATCHES, number), s.batch, s.class_balance
        )
        images, targets = self.data.train.cut(positions, s.patch)
        draws = torch_generator(s.seed, Purpose.AUGMENTATION, number, self.compute.device)
        images, targets = augment(images, targets, s.augmentation, draws)
        return images.contiguous(memory_format=channels_last), targets

    def unannotated_batch(self, number: int) -> Tensor | None:
        """Patches without annotation beside batch `number`, augmented; None where D sees none."""
        s, images = self.settings, self.data.unannotated
        if images is None or not self.adversary.needs_unannotated:
            return None
        patches = images.draw(
            numpy_generator(s.seed, Purpose.UNANNOTATED, number), s.batch, s.patch
        )
        draws = torch_generator(
            s.seed, Purpose.UNANNOTATED_AUGMENTATION, number, self.compute.device
        )
        patches, _ = augment(patches, everywhere(patches), s.augmentation, draws)
        return patches.contiguous(memory_format=channels_last)

    def weigh(self, update: int) -> Weigh | None:
        """What gives λ at update number `update`; None while it is 0."""
        s, height = self.settings.adversarial_weight, self.adversarial_weight(update)
        if height == 0:
            return None
        if s.kind == "balance":
            return lambda seg, adv: balanced_weight(height, seg, adv, s.most)
        return lambda seg, adv: torch.full_like(seg, height)

    def step(self, turn: Turn) -> StepResult:
        """Update the networks whose turn it is; return losses and scores still on the device."""
        # images (N, channels, patch, patch), targets (N, patch, patch)
        images, targets, real = self._patches(turn)
        result = StepResult()
        if "standard" in turn.networks:
            self._seed_dropout("standard", turn.batch)
            result |= self._standard_step(images, targets)
        if turn.networks & {"adversarial", "discriminator"}:
            self._seed_dropout("adversarial", turn.batch)
            self._follow_d(turn)
            weigh = self.weigh(turn.batch)
            d_learns = "discriminator" in turn.networks and self._d_learns(turn.batch)
            needed = d_learns or weigh is not None
            result |= self._adversarial_step(
                images,
                targets,
                weigh,
                g_learns="adversarial" in turn.networks,
                d_learns=d_learns,
                real=real,
                unannotated=self.unannotated_batch(turn.batch) if needed else None,
                cut=self._gaps(turn.batch) if d_learns else None,
            )
        self._follow_weights(turn)
        return result

    def _follow_weights(self, turn: Turn) -> None:
        """Let the averages take in what the networks have learned in this turn."""
        for name, average in self.averages.items():
            if name in turn.networks:
                learner = self.optimizers[name]
                follow_weights(average, learner.network, learner.updates, self.settings.average)

    def _gaps(self, number: int) -> Cut | None:
        s, gaps = self.settings, self.settings.discriminator.gaps
        return gap_cutter(s.seed, number, gaps, self.compute.device) if gaps else None

    def _follow_d(self, turn: Turn) -> None:
        """Give the copy of D that G learns against D's weights where a block of G begins."""
        if D_IN_G in self.copies and "adversarial" in turn.networks and turn.opens_block:
            D = self.optimizers["discriminator"].network
            self.copies[D_IN_G].load_state_dict(D.state_dict())

    def _patches(self, turn: Turn) -> tuple[Tensor, Tensor, Batch | None]:
        """What G (or S) sees, and other patches whose true masks D sees."""
        s = self.settings
        if turn.block is None:
            return *self.batch(turn.batch), None
        epoch, update = turn.block.epoch, turn.block.update
        patches = s.alternation.generator_updates * s.batch
        if turn.networks == {"discriminator"} and s.discriminator.batches == "shuffled":
            order = numpy_generator(s.seed, Purpose.MASK_ORDER, epoch).permutation(2 * patches)
            masks = order.take(range(update * s.batch, (update + 1) * s.batch), mode="wrap")
            real = self._epoch.patches(epoch, masks[masks >= patches] - patches, s.batch)
            return *self._epoch.patches(epoch, masks[masks < patches], s.batch), real
        if turn.networks == {"discriminator"} or s.shared_draws:
            return *self._epoch.batch(turn.batch), None
        number = 2 * epoch + ("adversarial" in turn.networks)
        order = numpy_generator(s.seed, Purpose.ORDER, number).permutation(patches)
        chosen = order[update * s.batch : (update + 1) * s.batch]
        return *self._epoch.patches(epoch, chosen, s.batch), None

    def _d_learns(self, update: int) -> bool:
        s = self.settings
        if not s.discriminator.learns:
            return False
        if s.alternation.kind == "block":
            return True
        return self._ramp_lets_d_learn(update)

    def _seed_dropout(self, name: str, number: int) -> None:
        s = self.settings
        own = name == "adversarial" and not s.shared_draws
        purpose = Purpose.OWN_DROPOUT if own else Purpose.DROPOUT
        draws = torch_generator(s.seed, purpose, number, self.compute.device)
        self.optimizers[name].network.seed_dropout(draws)


def _discriminator(
    settings: RunSettings, classes: int, compute: ComputeDevice
) -> NetworkOptimizer[Discriminator]:
    s = settings
    draws = torch_generator(s.seed, Purpose.DISCRIMINATOR_WEIGHTS)
    D = build_discriminator(s.discriminator, s.network, classes, s.patch, draws)
    return NetworkOptimizer.of(on(compute, D), s.discriminator_optimizer, discriminator_updates(s))
