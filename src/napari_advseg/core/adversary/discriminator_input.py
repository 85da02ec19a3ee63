"""What D is shown of a mask: probabilities, softened truth, or 0 and 1; times the image, or beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import DiscriminatorSettings
from napari_advseg.core.models.losses import probabilities

from .mask_gaps import Cut


@dataclass(frozen=True)
class Masks:
    """Masks that a network predicts, with what they are masks of.

    Attributes
    ----------
    images : Tensor of float32, shape (N, image channels, H, W)
    targets : Tensor of uint8, shape (N, H, W)
        Class indices; D is shown nothing where they are `UNLABELLED`.
    logits : Tensor, shape (N, 1 or C, H, W)
        The network's.
    """

    images: Tensor
    targets: Tensor
    logits: Tensor

    def detached(self) -> Masks:
        """The same masks, through which no gradient passes."""
        return Masks(self.images, self.targets, self.logits.detach())


def view_channels(settings: DiscriminatorSettings, mask: int, image: int) -> int:
    """Channels of D's input.

    Parameters
    ----------
    settings : DiscriminatorSettings
    mask : int
        Channels of the network's logits: 1 for two classes, else one for each.
    image : int
        Channels of the image.
    """
    classes = max(mask, 2)
    shown = classes * image if settings.product else mask
    return shown + (image if settings.sees_image else 0)


@dataclass(frozen=True)
class DiscriminatorInput:
    """D's inputs, shape (N, `view_channels`, H, W), as the settings of D ask for them."""

    settings: DiscriminatorSettings

    def of_prediction(self, masks: Masks, cut: Cut | None = None) -> Tensor:
        """D's input for predicted masks; what is unlabelled is 0, as it is in the truth.

        Parameters
        ----------
        masks : Masks
        cut : callable, optional
            Cuts gaps into the mask (see `gaps`).
        """
        mask = probabilities(masks.logits)
        if self.settings.mask == "hard":
            mask = straight_through(mask)
        return self._shown(mask, masks.images, masks.targets, cut)

    def of_truth(
        self, images: Tensor, targets: Tensor, logits: Tensor, cut: Cut | None = None
    ) -> Tensor:
        """D's input for true masks.

        Parameters
        ----------
        images, targets
            As in `Masks`.
        logits : Tensor, shape (N, 1 or C, H, W)
            A network's logits of the same patches, by which *scaling* softens the truth; of others
            their channels alone are used.
        cut : callable, optional
            Cuts gaps into the mask (see `gaps`).
        """
        channels = logits.shape[1]
        mask = torch.stack([targets == index for index in range(channels)], dim=1).to(images.dtype)
        if self.settings.mask == "scaled":
            mask = softened(mask, probabilities(logits.detach()), self.settings.tau)
        return self._shown(mask, images, targets, cut)

    def _shown(self, mask: Tensor, images: Tensor, targets: Tensor, cut: Cut | None) -> Tensor:
        labelled = (targets != UNLABELLED)[:, None]
        if cut is not None:
            mask = cut(mask, labelled)
        s = self.settings
        if s.image_normalisation == "patch" and (s.product or s.sees_image):
            images = normalised_patches(images)
        if s.product:
            each = torch.cat([mask, 1 - mask], dim=1) if mask.shape[1] == 1 else mask
            mask = (each[:, :, None] * images[:, None]).flatten(1, 2)
        mask = mask * labelled
        return torch.cat([mask, images], dim=1) if s.sees_image else mask


def normalised_patches(images: Tensor) -> Tensor:
    """Each channel of each image (N, channels, H, W) with mean 0 and standard deviation 1 over (H, W).

    Where nothing varies it is 0.
    """
    return F.instance_norm(images.float(), eps=1e-6)


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


def softened(truth: Tensor, predicted: Tensor, tau: float) -> Tensor:
    """True masks as uncertain as predicted ones (Luc et al. 2016, *scaling*).

    With l the true class, ȳ_l = max(τ, s_l), and ȳ_c = s_c · (1 − ȳ_l) / (1 − s_l) elsewhere.

    Parameters
    ----------
    truth : Tensor, shape (N, 1 or C, H, W)
        1 at the true class, else 0; one channel is that of the first of two classes.
    predicted : Tensor, of the same shape
        Probabilities s.
    tau : float
        Least value at the true class.
    """
    if truth.shape[1] == 1:
        return torch.where(truth > 0, predicted.clamp(min=tau), predicted.clamp(max=1 - tau))
    at_true = (truth * predicted).sum(dim=1, keepdim=True)
    raised = at_true.clamp(min=tau)
    rest = predicted * (1 - raised) / (1 - at_true).clamp(min=1e-12)
    return torch.where(truth > 0, raised, rest)
