"""How D's answers are scored, for D and for G (Luc et al. 2016, arXiv 1611.08408; Zhang et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import DiscriminatorSettings
from napari_advseg.core.models.losses import binary_cross_entropy

from .discriminator import Discriminator
from .discriminator_input import DiscriminatorInput


@dataclass(frozen=True)
class AdversarialLoss:
    """D's view of masks, and the losses on its logits.

    D minimises ℓ(D(real), real target) + ℓ(D(fake), 0); G adds λ·ℓ(D(fake), 1) to its loss, the
    non-saturating form, with ℓ the binary cross-entropy. Against the *truth* real masks are true ones
    and fake ones are G's. Against *unannotated* images real masks are G's on annotated images, and fake
    ones G's on images without annotation.

    Attributes
    ----------
    settings : DiscriminatorSettings
    clip : float or None
        See `losses.binary_cross_entropy`.
    """

    settings: DiscriminatorSettings
    clip: float | None = None

    @property
    def view(self) -> DiscriminatorInput:
        """What D is shown of masks."""
        return DiscriminatorInput(self.settings)

    @property
    def needs_unannotated(self) -> bool:
        """Whether D tells masks of annotated images from those of others."""
        return self.settings.regime == "unannotated"

    @property
    def decision_point(self) -> float:
        """Logit above which D calls a mask real: where a mask is as likely real as fake.

        With real target t the best D answers t·p_real / (p_real + p_fake), so t / 2 at even odds.
        """
        half = self.settings.real_target / 2
        return log(half / (1 - half))

    def answers(self, D: Discriminator, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits on what it sees of real and of fake masks.

        Shuffled, they are one batch, so that batch normalisation takes its statistics over both.
        """
        if self.settings.batches == "shuffled":
            logits = D(torch.cat([real, fake]))
            return logits[: len(real)], logits[len(real) :]
        on_fake = D(fake)
        return D(real), on_fake

    def discriminator_loss(
        self,
        real: Tensor,
        fake: Tensor,
        targets: Tensor,
        real_targets: Tensor | None = None,
        broken: Tensor | None = None,
    ) -> Tensor:
        """D's loss: the mean over its logits on real and on fake masks.

        The two kinds of fake masks, G's and real ones with gaps, together count as G's alone would.

        Parameters
        ----------
        real, fake : Tensor
            Logits on real and on fake masks.
        targets : Tensor of uint8, shape (N, H, W)
            Of the fake masks.
        real_targets : Tensor of uint8, shape (M, H, W), optional
            Of the real masks, if they are others.
        broken : Tensor, optional
            Logits on the real masks with gaps.
        """
        real_targets = targets if real_targets is None else real_targets
        true = self._losses(real, self.settings.real_target, real_targets)
        predicted = self._losses(fake, 0.0, targets)
        if broken is not None:
            gappy = self._losses(broken, 0.0, real_targets)
            predicted = (predicted[0] + gappy[0]) / 2, (predicted[1] + gappy[1]) / 2
        return (true[0] + predicted[0]) / (true[1] + predicted[1]).clamp(min=1)

    def generator_loss(self, fake: Tensor, targets: Tensor) -> Tensor:
        """What G adds to its loss, before λ: how far D is from calling its masks real."""
        loss, count = self._losses(fake, 1.0, targets)
        return loss / count.clamp(min=1)

    def feature_loss(self, real: list[Tensor], fake: list[Tensor]) -> Tensor:
        """What G adds instead, matching features: L1 between what D's layers make of real and fake masks.

        Against the truth they are compared place by place and averaged over D's scales, as in SegAN
        (Xue et al. 2018). Masks of different images are compared by the means over images and places
        (Salimans et al. 2016).

        Parameters
        ----------
        real, fake : list of Tensor
            Outputs of D's layers, see `Discriminator.features`; no gradient goes to the real ones.
        """
        pairs = [(r.detach().float(), f.float()) for r, f in zip(real, fake, strict=True)]
        if self.needs_unannotated:
            pairs = [(r.mean(dim=(0, 2, 3)), f.mean(dim=(0, 2, 3))) for r, f in pairs]
        return torch.stack([F.l1_loss(f, r) for r, f in pairs]).mean()

    def _losses(self, logits: Tensor, answer: float, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the cross-entropy over D's positions with a label under them, and their number."""
        counts = labelled_positions(logits, targets)
        aim = torch.full_like(logits, answer, dtype=torch.float32)
        return (binary_cross_entropy(logits, aim, self.clip) * counts).sum(), counts.sum()

    def called_real(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Share of D's positions that call the mask real, positions without a label left out."""
        called, count = self._called_real(logits, targets)
        return called / count.clamp(min=1)

    def accuracy(
        self, real: Tensor, fake: Tensor, targets: Tensor, real_targets: Tensor | None = None
    ) -> Tensor:
        """Share of D's positions that are right; parameters as in `discriminator_loss`."""
        true, n = self._called_real(real, targets if real_targets is None else real_targets)
        false, m = self._called_real(fake, targets)
        return (true + m - false) / (n + m).clamp(min=1)

    def _called_real(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        counts = labelled_positions(logits, targets)
        return ((logits.float() > self.decision_point) * counts).sum(), counts.sum()


def labelled_positions(logits: Tensor, targets: Tensor) -> Tensor:
    """1 for each of D's positions that has a labelled pixel under it, else 0."""
    labelled = (targets != UNLABELLED)[:, None].to(torch.float32)
    return F.adaptive_max_pool2d(labelled, logits.shape[-2:])
