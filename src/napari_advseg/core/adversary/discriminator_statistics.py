"""How D does, in numbers: its answers to real and to fake masks, and its last layer."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_advseg.core.runtime.scores import DiscriminatorStatistics

from .adversarial_loss import AdversarialLoss, labelled_positions
from .discriminator import Discriminator


def logit_health(
    adversary: AdversarialLoss,
    on_real: Tensor,
    on_fake: Tensor,
    targets: Tensor,
    real_targets: Tensor,
    on_broken: Tensor | None = None,
) -> DiscriminatorStatistics[Tensor]:
    """Statistics of D's logits and answers; positions without a label count nowhere.

    Parameters
    ----------
    adversary : Adversary
    on_real, on_fake : Tensor
        Logits on real and on fake masks.
    targets, real_targets : Tensor of uint8, shape (N, H, W)
        Of the fake and of the real masks.
    on_broken : Tensor, optional
        Logits on the real masks with gaps, D's fakes of the second kind.

    Returns
    -------
    DiscriminatorStatistics of Tensor
        Those of the logits and the answers. The two kinds of fake masks, too, count half and half in
        `called_real` and `right`.
    """
    real_counts = labelled_positions(on_real, real_targets)
    fake_counts = labelled_positions(on_fake, targets)
    on_real, on_fake = on_real.float(), on_fake.float()
    real_mean, real_spread = _moments(on_real, real_counts)
    fake_mean, fake_spread = _moments(on_fake, fake_counts)
    largest = torch.maximum(
        (on_real.abs() * real_counts).max(), (on_fake.abs() * fake_counts).max()
    )
    real_called = adversary.called_real(on_real, real_targets)
    fake_called = adversary.called_real(on_fake, targets)
    broken_mean = None
    if on_broken is not None:
        broken_mean, _ = _moments(on_broken.float(), labelled_positions(on_broken, real_targets))
        fake_called = (fake_called + adversary.called_real(on_broken, real_targets)) / 2
    return DiscriminatorStatistics(
        real_mean=real_mean,
        real_spread=real_spread,
        fake_mean=fake_mean,
        fake_spread=fake_spread,
        broken_mean=broken_mean,
        fake_magnitude=(on_fake.abs() * fake_counts).sum() / fake_counts.sum().clamp(min=1),
        largest=largest,
        called_real=(real_called + fake_called) / 2,
        right=(real_called + 1 - fake_called) / 2,
    )


def _moments(logits: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of what counts."""
    number = counts.sum().clamp(min=1)
    mean = (logits * counts).sum() / number
    return mean, (((logits - mean) ** 2 * counts).sum() / number).sqrt()


def last_bias(D: Discriminator) -> Tensor:
    """Mean bias of D's last layer."""
    bias = D.last_layer.bias
    return torch.zeros(()) if bias is None else bias.detach().mean()


@torch.no_grad()
def layer_health(D: Discriminator) -> DiscriminatorStatistics[Tensor]:
    """Mean bias of D's last layer and the norm of its weights; D is in inference mode.

    In training mode a look at its weights would move spectral normalisation on.
    """
    return DiscriminatorStatistics(
        last_bias=last_bias(D), last_weight=D.last_layer.weight.float().norm()
    )
