"""What D sees of a mask, and how its answers are scored (Luc et al. 2016, arXiv 1611.08408)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor

from .classes import UNLABELLED
from .losses import probabilities
from .settings import DiscriminatorSettings


@dataclass(frozen=True)
class Adversary:
    """D's view of true and predicted masks, and the losses on its logits.

    D minimises ℓ(D(x, y), real target) + ℓ(D(x, s(x)), 0); G adds λ·ℓ(D(x, s(x)), 1) to its loss, the
    non-saturating form, with ℓ the binary cross-entropy from logits.
    """

    settings: DiscriminatorSettings

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

    def discriminator_loss(self, real: Tensor, fake: Tensor, targets: Tensor) -> Tensor:
        """D's loss for its logits on true and on predicted masks."""
        return 0.5 * (
            _answer_loss(real, self.settings.real_target, targets)
            + _answer_loss(fake, 0.0, targets)
        )

    def generator_loss(self, fake: Tensor, targets: Tensor) -> Tensor:
        """What G adds to its loss, before λ: how far D is from calling its masks true."""
        return _answer_loss(fake, 1.0, targets)

    def share_called_true(self, logits: Tensor, targets: Tensor) -> float:
        """Share of D's positions that call the mask true, positions without a label left out."""
        counts = _positions(logits, targets)
        called = (logits.float() > self.decision_point) * counts
        return float(called.sum() / counts.sum().clamp(min=1))


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


def _answer_loss(logits: Tensor, answer: float, targets: Tensor) -> Tensor:
    counts = _positions(logits, targets)
    each = F.binary_cross_entropy_with_logits(
        logits.float(), torch.full_like(logits, answer, dtype=torch.float32), reduction="none"
    )
    return (each * counts).sum() / counts.sum().clamp(min=1)
