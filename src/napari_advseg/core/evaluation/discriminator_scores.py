"""How right D is, and how it does, on patches drawn once for the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import Discriminator
from napari_advseg.core.adversary.discriminator_input import Masks
from napari_advseg.core.adversary.discriminator_statistics import layer_health, logit_health
from napari_advseg.core.adversary.mask_gaps import Cut
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.scores import DiscriminatorStatistics

Patches = tuple[Tensor, Tensor]
"""Images (N, channels, H, W) and targets (N, H, W)."""


@dataclass(frozen=True)
class DiscriminatorExam:
    """Shows D masks of G and real ones.

    Attributes
    ----------
    generator : UNet
    discriminator, discriminator_in_g : Discriminator
        D, and the D that G learns against.
    adversary : Adversary
    compute : ComputeDevice
    batch : int
        Patches predicted at once. Masks and answers are computed once and reused by later calls.
    """

    generator: UNet
    discriminator: Discriminator
    discriminator_in_g: Discriminator
    adversary: AdversarialLoss
    compute: ComputeDevice
    batch: int
    _logits: dict[int, list[Tensor]] = field(default_factory=dict, init=False)
    _known: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False
    )

    def scores(self, fakes: Patches, reals: Patches) -> tuple[float, float]:
        """D's accuracy, and the share of G's masks that the D in G takes for real.

        Both are shares of answers at D's decision point: one for each position of a patch head, one for
        each mask of a dense head. Real and fake masks count half and half.

        Parameters
        ----------
        fakes, reals : (Tensor, Tensor)
            Patches whose masks by G are fake, and patches with true masks or, where D tells annotated
            images from others, whose masks by G are real.
        """
        self.discriminator.eval()
        self.discriminator_in_g.eval()
        real, fake = self._answers(self.discriminator, fakes, reals)
        in_g = fake
        if self.discriminator_in_g is not self.discriminator:
            _, in_g = self._answers(self.discriminator_in_g, fakes, reals)
        accuracy = self.adversary.accuracy(real, fake, fakes[1], reals[1])
        return float(accuracy), float(self.adversary.called_real(in_g, fakes[1]))

    def health(
        self, fakes: Patches, reals: Patches, cut: Cut | None = None
    ) -> DiscriminatorStatistics[float]:
        """How D does in the mode that G learns against, which is left as it was.

        With `cut`, also on the real masks into which it cuts gaps.
        """
        D = self.discriminator_in_g.eval()
        if (
            self.adversary.settings.averages
        ):  # G sees the statistics of its batch, and they are kept
            D = deepcopy(self.discriminator_in_g).train()
        real, fake = self._answers(D, fakes, reals)
        broken = None if cut is None else torch.cat(list(self._reals(D, reals, cut)))
        found = logit_health(self.adversary, real, fake, fakes[1], reals[1], broken)
        return (found | layer_health(D)).map(float)

    def _answers(self, D: Discriminator, fakes: Patches, reals: Patches) -> tuple[Tensor, Tensor]:
        key = id(D), id(fakes[1]), id(reals[1])
        if D.training or key not in self._known:  # in training mode D changes what it keeps
            # over the positions of all patches at once: batches may hold unequal numbers of them
            real = torch.cat(list(self._reals(D, reals)))
            fake = torch.cat(list(self._seen(D, fakes, self.adversary.view.of_prediction)))
            self._known[key] = real, fake
        return self._known[key]

    def _reals(
        self, D: Discriminator, patches: Patches, cut: Cut | None = None
    ) -> Iterator[Tensor]:
        view = self.adversary.view

        def as_real(masks: Masks) -> Tensor:
            if self.adversary.needs_unannotated:
                return view.of_prediction(masks, cut)
            return view.of_truth(masks.images, masks.targets, masks.logits, cut)

        return self._seen(D, patches, as_real)

    def _seen(
        self, D: Discriminator, patches: Patches, show: Callable[[Masks], Tensor]
    ) -> Iterator[Tensor]:
        logits = self._logits_of(patches[0])
        for number, first in enumerate(range(0, len(patches[0]), self.batch)):
            images, targets = (part[first : first + self.batch] for part in patches)
            with torch.inference_mode(), self.compute.autocast():
                yield D(show(Masks(images, targets, logits[number])))

    def _logits_of(self, images: Tensor) -> list[Tensor]:
        """Logits of G, by batch."""
        key = id(images)
        if key not in self._logits:
            self.generator.eval()
            with torch.inference_mode(), self.compute.autocast():
                starts = range(0, len(images), self.batch)
                parts = (images[first : first + self.batch] for first in starts)
                self._logits[key] = [self.generator(part) for part in parts]
        return self._logits[key]
