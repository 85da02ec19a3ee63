"""What D sees of a mask, and how its answers are scored (Luc et al. 2016, arXiv 1611.08408)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .classes import UNLABELLED
from .losses import binary_cross_entropy, probabilities
from .settings import DiscriminatorSettings


@dataclass(frozen=True)
class Adversary:
    """D's view of true and predicted masks, and the losses on its logits.

    D minimises ℓ(D(x, y), real target) + ℓ(D(x, s(x)), 0); G adds λ·ℓ(D(x, s(x)), 1) to its loss, the
    non-saturating form, with ℓ the binary cross-entropy.

    Attributes
    ----------
    settings : DiscriminatorSettings
    clip : float or None
        See `losses.binary_cross_entropy`.
    """

    settings: DiscriminatorSettings
    clip: float | None = None

    @property
    def decision_point(self) -> float:
        """Logit above which D calls a mask true: where a mask is as likely true as predicted.

        With real target t the best D answers t·p_real / (p_real + p_fake), so t / 2 at even odds.
        """
        half = self.settings.real_target / 2
        return log(half / (1 - half))

    def sees_truth(self, images: Tensor, targets: Tensor, channels: int) -> Tensor:
        """D's input for a true mask.

        Parameters
        ----------
        images : Tensor, shape (N, image channels, H, W)
        targets : Tensor of uint8, shape (N, H, W)
        channels : int
            Channels of the network's logits: 1 for two classes.
        """
        mask = torch.stack([targets == index for index in range(channels)], dim=1).to(images.dtype)
        return self._beside_image(images, mask)

    def sees_prediction(self, images: Tensor, targets: Tensor, logits: Tensor) -> Tensor:
        """D's input for a predicted mask; what is unlabelled is 0, as it is in the truth."""
        mask = probabilities(logits)
        if self.settings.mask == "hard":
            mask = straight_through(mask)
        return self._beside_image(images, mask * (targets != UNLABELLED)[:, None])

    def _beside_image(self, images: Tensor, mask: Tensor) -> Tensor:
        return torch.cat([mask, images], dim=1) if self.settings.sees_image else mask

    def answers(self, D: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits on what it sees of true and of predicted masks.

        Shuffled, they are one batch, so that batch normalisation takes its statistics over both.
        """
        if self.settings.batches == "shuffled":
            logits = D(torch.cat([real, fake]))
            return logits[: len(real)], logits[len(real) :]
        on_fake = D(fake)
        return D(real), on_fake

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, targets: Tensor, real_targets: Tensor | None = None
    ) -> Tensor:
        """D's loss: the mean over its logits on true and on predicted masks.

        Parameters
        ----------
        real, fake : Tensor
            Logits on true and on predicted masks.
        targets : Tensor of uint8, shape (N, H, W)
            Of the predicted masks.
        real_targets : Tensor of uint8, shape (M, H, W), optional
            The true masks, if they are others.
        """
        true = self._losses(
            real, self.settings.real_target, targets if real_targets is None else real_targets
        )
        predicted = self._losses(fake, 0.0, targets)
        return (true[0] + predicted[0]) / (true[1] + predicted[1]).clamp(min=1)

    def generator_loss(self, fake: Tensor, targets: Tensor) -> Tensor:
        """What G adds to its loss, before λ: how far D is from calling its masks true."""
        loss, count = self._losses(fake, 1.0, targets)
        return loss / count.clamp(min=1)

    def _losses(self, logits: Tensor, answer: float, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the cross-entropy over D's positions with a label under them, and their number."""
        counts = _positions(logits, targets)
        aim = torch.full_like(logits, answer, dtype=torch.float32)
        return (binary_cross_entropy(logits, aim, self.clip) * counts).sum(), counts.sum()

    def called_true(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Share of D's positions that call the mask true, positions without a label left out."""
        called, count = self._called_true(logits, targets)
        return called / count.clamp(min=1)

    def accuracy(
        self, real: Tensor, fake: Tensor, targets: Tensor, real_targets: Tensor | None = None
    ) -> Tensor:
        """Share of D's positions that are right; parameters as in `discriminator_loss`."""
        true, n = self._called_true(real, targets if real_targets is None else real_targets)
        false, m = self._called_true(fake, targets)
        return (true + m - false) / (n + m).clamp(min=1)

    def _called_true(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        counts = _positions(logits, targets)
        return ((logits.float() > self.decision_point) * counts).sum(), counts.sum()


def straight_through(probability: Tensor) -> Tensor:
    """The mask as 0 and 1, with the gradient of the probabilities (Bengio et al. 2013).

    So D cannot tell a prediction by values that are neither 0 nor 1.
    """
    if probability.shape[1] == 1:
        hard = (probability >= 0.5).to(probability.dtype)
    else:
        best = probability.argmax(dim=1)
        hard = F.one_hot(best, probability.shape[1]).movedim(-1, 1).to(probability.dtype)
    return hard + (probability - probability.detach())  # the bracket is exactly 0


def _positions(logits: Tensor, targets: Tensor) -> Tensor:
    """1 for each of D's positions that has a labelled pixel under it, else 0."""
    labelled = (targets != UNLABELLED)[:, None].to(torch.float32)
    return F.adaptive_max_pool2d(labelled, logits.shape[-2:])
