"""One update of each network, readable at a glance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import Discriminator
from napari_advseg.core.adversary.discriminator_input import Masks
from napari_advseg.core.adversary.discriminator_statistics import last_bias, logit_health
from napari_advseg.core.adversary.mask_gaps import Cut
from napari_advseg.core.data.unannotated import everywhere
from napari_advseg.core.evaluation.batch_scores import batch_f1
from napari_advseg.core.models.losses import CROSS_ENTROPY, SegmentationLoss
from napari_advseg.core.models.network_optimizer import NetworkOptimizer, frozen
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.scores import DiscriminatorStatistics, StepScores

Weigh = Callable[[Tensor, Tensor], Tensor]
"""λ, a scalar, from the norms of the gradients of L_seg and of L_adv by the logits."""


@dataclass
class StepResult:
    """Losses and scores of one turn: scalars that are still on the device.

    Attributes
    ----------
    losses : dict of Tensor
        By learner: ``S``, ``G/S``, ``D``.
    scores : StepScores of Tensor
        Scores of the batch before its network learned from it, if they are asked for.
    health : DiscriminatorStatistics of Tensor
    """

    losses: dict[str, Tensor] = field(default_factory=dict)
    scores: StepScores[Tensor] = field(default_factory=StepScores)
    health: DiscriminatorStatistics[Tensor] = field(default_factory=DiscriminatorStatistics)

    def __or__(self, other: StepResult) -> StepResult:
        return StepResult(
            self.losses | other.losses, self.scores | other.scores, self.health | other.health
        )


@dataclass
class StandardStep:
    """S learns from the annotation only."""

    standard: NetworkOptimizer[UNet]
    compute: ComputeDevice
    loss: SegmentationLoss = CROSS_ENTROPY
    scored: bool = False

    def __call__(self, images: Tensor, targets: Tensor) -> StepResult:
        """Make one update with a batch."""
        self.standard.network.train()
        with self.compute.autocast():
            logits = self.standard.network(images)  # (N, 1 or C, H, W)
            loss = self.loss(logits, targets)
        self.standard.learn(loss)
        f1 = batch_f1(logits.detach(), targets) if self.scored else None
        return StepResult({"S": loss.detach()}, StepScores(standard_f1=f1))


class _Answers(NamedTuple):
    """D's logits, each (N, 1, h, w), and the targets of the masks that it judged, each (N, H, W)."""

    real: Tensor
    fake: Tensor
    fake_targets: Tensor
    real_targets: Tensor
    broken: Tensor | None

    def detached(self) -> _Answers:
        """The same values without gradients."""
        broken = None if self.broken is None else self.broken.detach()
        return self._replace(real=self.real.detach(), fake=self.fake.detach(), broken=broken)


@dataclass
class AdversarialStep:
    """G learns from the annotation and from D; D learns to tell fake masks from real ones.

    Attributes
    ----------
    discriminator_in_g : Discriminator
        The D that G learns against: D itself or, where batch normalisation keeps averages, a copy that
        averages over what G shows it.
    """

    generator: NetworkOptimizer[UNet]
    discriminator: NetworkOptimizer[Discriminator]
    discriminator_in_g: Discriminator
    adversary: AdversarialLoss
    compute: ComputeDevice
    loss: SegmentationLoss = CROSS_ENTROPY
    scored: bool = False

    def __call__(
        self,
        images: Tensor,
        targets: Tensor,
        weigh: Weigh | None,
        *,
        g_learns: bool,
        d_learns: bool,
        real: tuple[Tensor, Tensor] | None = None,
        unannotated: Tensor | None = None,
        cut: Cut | None = None,
    ) -> StepResult:
        """Make one update of G, then one of D, on the same batch.

        Parameters
        ----------
        images : Tensor of float32, shape (N, channels, H, W)
        targets : Tensor of uint8, shape (N, H, W)
        weigh : callable or None
            Gives λ of the adversarial term; None leaves the term out.
        g_learns, d_learns : bool
            Whose turn it is: both with per-step alternation, one of them within a block.
        real : (Tensor, Tensor), optional
            Other images and targets whose true masks D sees.
        unannotated : Tensor of float32, shape (M, channels, H, W), optional
            Images whose masks D tells from those of `images`; without them it tells true masks from G's.
        cut : callable, optional
            Cuts gaps into real masks, which D learns to call fake, too.
        """
        G, D, adversary = self.generator, self.discriminator, self.adversary
        result = StepResult()
        G.network.train(g_learns)  # within D's block masks are predicted in inference mode
        with self.compute.autocast(), torch.set_grad_enabled(g_learns):
            own = fakes = Masks(images, targets, G.network(images))  # logits (N, 1 or C, H, W)
        if unannotated is not None:
            with torch.set_grad_enabled(g_learns and weigh is not None):
                fakes = self._masks_of(unannotated)  # logits (M, 1 or C, H, W)

        if g_learns:  # phase 1: D is frozen, its gradient reaches G through the masks only
            loss = self.loss(own.logits, targets)
            result.losses["G/S"] = loss.detach()
            gradients = [(own.logits, _gradient(loss, own.logits))]
            if weigh is not None:
                self.discriminator_in_g.train(adversary.settings.averages)
                with frozen(self.discriminator_in_g), self.compute.autocast():
                    loss = self._adversarial_loss(own, fakes, result)
                gradients.append((fakes.logits, _gradient(loss, fakes.logits)))
                _weigh(gradients, weigh, result)
            G.follow(*gradients)

        if d_learns:  # phase 2: G's masks are detached, so that only D learns
            D.network.train()  # spectral normalisation follows the weights only in this mode
            with self.compute.autocast():
                answers = self._answers(own, fakes.detached(), real, cut)
                loss = adversary.discriminator_loss(*answers)
            D.learn(loss)
            result.losses["D"] = loss.detach()
            self._measure(answers, result)
        if self.scored and g_learns:
            result.scores |= StepScores(adversarial_f1=batch_f1(own.logits.detach(), targets))
        return result

    def _masks_of(self, images: Tensor) -> Masks:
        """Masks of images without annotation, which leave G's batch normalisation as it is.

        In inference mode neither their statistics reach its averages nor do the annotated images'
        statistics mix with theirs.
        """
        network = self.generator.network
        learning = network.training
        network.eval()
        with self.compute.autocast():
            logits = network(images)
        network.train(learning)
        return Masks(images, everywhere(images), logits)

    def _adversarial_loss(self, own: Masks, fakes: Masks, result: StepResult) -> Tensor:
        """How far D is from taking `fakes` for real, before λ."""
        adversary, D = self.adversary, self.discriminator_in_g
        shown = adversary.view.of_prediction(fakes)  # (N, `view_channels`, H, W)
        if adversary.settings.objective == "features":
            with torch.no_grad():
                reals, _ = self._reals(own)
                on_real = D.features(reals)
            return adversary.feature_loss(on_real, D.features(shown))
        answers = D(shown)  # (N, 1, h, w); h = w = 1 with a dense head
        if self.scored:
            rate = adversary.called_real(answers.detach(), fakes.targets)
            result.scores |= StepScores(fooling_rate=rate)
        return adversary.generator_loss(answers, fakes.targets)

    def _answers(
        self, own: Masks, fakes: Masks, others: tuple[Tensor, Tensor] | None, cut: Cut | None
    ) -> _Answers:
        """D's logits on real masks, on `fakes` and, with `cut`, on real masks with gaps."""
        adversary, D = self.adversary, self.discriminator.network
        real, real_targets = self._reals(own, others)
        fake = adversary.view.of_prediction(fakes)  # (N, `view_channels`, H, W)
        on_real, on_fake = adversary.answers(D, real, fake)
        on_broken = None if cut is None else D(self._reals(own, others, cut)[0])
        return _Answers(on_real, on_fake, fakes.targets, real_targets, on_broken)

    def _measure(self, answers: _Answers, result: StepResult) -> None:
        """Add how D did on this batch to `result`."""
        answers = answers.detached()
        result.health |= DiscriminatorStatistics(last_bias=last_bias(self.discriminator.network))
        if len(answers.real) and len(answers.fake):  # a shuffled batch may hold only one kind
            result.health |= logit_health(self.adversary, *answers)
        if self.scored:
            result.scores |= StepScores(accuracy=self.adversary.accuracy(*answers[:4]))

    def _reals(
        self, own: Masks, others: tuple[Tensor, Tensor] | None = None, cut: Cut | None = None
    ) -> tuple[Tensor, Tensor]:
        """What D sees of real masks, and their targets: true ones, or G's of annotated images.

        G's are shown whole, as those of images without annotation are: D would tell them apart by the
        strokes.
        """
        view = self.adversary.view
        if self.adversary.needs_unannotated:
            whole = Masks(own.images, everywhere(own.images), own.logits.detach())
            return view.of_prediction(whole, cut), whole.targets
        images, targets = others or (own.images, own.targets)
        return view.of_truth(images, targets, own.logits.detach(), cut), targets


def _gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits)[0]


def _weigh(gradients: list[tuple[Tensor, Tensor]], weigh: Weigh, result: StepResult) -> None:
    """Multiply the adversarial gradient, the last, by λ, and note the ratio of the two norms."""
    (_, segmentation), (logits, adversarial) = gradients
    norms = segmentation.float().norm(), adversarial.float().norm()
    weight = weigh(*norms)
    gradients[-1] = (logits, (weight * adversarial).to(logits.dtype))
    ratio = weight * norms[1] / norms[0].clamp(min=1e-20)
    result.health |= DiscriminatorStatistics(weight=weight, gradient_ratio=ratio)
