"""Scores of the networks and statistics of the discriminator, as typed values.

Their names as text are in `storage.score_names`. A value that was not measured is None; one that is
undefined, such as the F1 of a class without a pixel, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Literal, TypeVar

Value = TypeVar("Value", covariant=True)
"""float, or a scalar Tensor that is still on the device."""
Other = TypeVar("Other")


def measured(values: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not None, by name and in order."""
    found = {one.name: getattr(values, one.name) for one in fields(values)}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class NetworkScores:
    """Scores of one segmentation network at a validation.

    Attributes
    ----------
    f1_val, f1_train : float or None
        On the validation slices, and on fixed training patches or the epoch's own batches. For two classes
        the F1 of the first, for more the mean over the classes.
    f1_val_by_class : mapping of str to float
        Class name → F1 on the validation slices, in the order of the classes.
    mean_f1_val : float or None
        Mean over the classes on the validation slices: what the best validation is chosen by, since the F1
        of a class that is nearly everywhere hardly changes. None of a run that scores batches.
    """

    f1_val: float | None = None
    f1_train: float | None = None
    f1_val_by_class: Mapping[str, float] = field(default_factory=dict)
    mean_f1_val: float | None = None


@dataclass(frozen=True)
class DiscriminatorScores:
    """Scores of D at a validation.

    Attributes
    ----------
    accuracy_val, accuracy_train : float or None
        Share of D's answers that are right; real and fake masks have equal weight.
    fooling_rate_val, fooling_rate_train : float or None
        Share of the masks of G/S that D takes for real: the accuracy of G/D.
    """

    accuracy_val: float | None = None
    accuracy_train: float | None = None
    fooling_rate_val: float | None = None
    fooling_rate_train: float | None = None


@dataclass(frozen=True)
class StepScores(Generic[Value]):
    """Scores of one batch before its network learned from it, or their means over an epoch.

    Attributes
    ----------
    standard_f1, adversarial_f1 : Value or None
        F1 of S and of G/S.
    accuracy, fooling_rate : Value or None
        As in `DiscriminatorScores`.
    """

    standard_f1: Value | None = None
    adversarial_f1: Value | None = None
    accuracy: Value | None = None
    fooling_rate: Value | None = None

    def __or__(self, other: StepScores[Other]) -> StepScores[Value | Other]:
        """These scores, replaced by those of `other` where it has any."""
        return replace(self, **measured(other))


@dataclass(frozen=True)
class Scores:
    """All scores of one validation; a network that the run does not train has none."""

    standard: NetworkScores = NetworkScores()
    adversarial: NetworkScores = NetworkScores()
    discriminator: DiscriminatorScores = DiscriminatorScores()

    def of(self, network: Literal["standard", "adversarial"]) -> NetworkScores:
        """The scores of one segmentation network."""
        return self.standard if network == "standard" else self.adversarial

    def with_train(self, means: StepScores[float]) -> Scores:
        """These scores, with means over the epoch's batches as training scores where there are any."""
        standard, adversarial, d = self.standard, self.adversarial, self.discriminator
        if means.standard_f1 is not None:
            standard = replace(standard, f1_train=means.standard_f1)
        if means.adversarial_f1 is not None:
            adversarial = replace(adversarial, f1_train=means.adversarial_f1)
        if means.accuracy is not None:
            d = replace(d, accuracy_train=means.accuracy)
        if means.fooling_rate is not None:
            d = replace(d, fooling_rate_train=means.fooling_rate)
        return Scores(standard, adversarial, d)


@dataclass(frozen=True)
class DiscriminatorStatistics(Generic[Value]):
    r"""Statistics of D: its logits and answers, its last layer, and its effect on G.

    Attributes
    ----------
    real_mean, real_spread, fake_mean, fake_spread : Value or None
        Mean and standard deviation of the logits on real and on fake masks.
    broken_mean : Value or None
        Mean of the logits on real masks with gaps (see `mask_gaps`).
    fake_magnitude : Value or None
        Mean of \|logit\| on fake masks.
    largest : Value or None
        Largest \|logit\|.
    called_real, right : Value or None
        Shares of all answers: real and fake masks have equal weight.
    last_bias, last_weight : Value or None
        Mean bias of the last layer, and the norm of its weights.
    weight : Value or None
        λ, the weight of the adversarial term.
    gradient_ratio : Value or None
        λ·‖∂L_adv/∂s‖ / ‖∂L_seg/∂s‖, s being the logits of G (see `steps`).
    """

    real_mean: Value | None = None
    real_spread: Value | None = None
    fake_mean: Value | None = None
    fake_spread: Value | None = None
    broken_mean: Value | None = None
    fake_magnitude: Value | None = None
    largest: Value | None = None
    called_real: Value | None = None
    right: Value | None = None
    last_bias: Value | None = None
    last_weight: Value | None = None
    weight: Value | None = None
    gradient_ratio: Value | None = None

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return bool(measured(self))

    def __or__(
        self, other: DiscriminatorStatistics[Other]
    ) -> DiscriminatorStatistics[Value | Other]:
        """These statistics, replaced by those of `other` where it has any."""
        return replace(self, **measured(other))

    def map(self, convert: Callable[[Value], Other]) -> DiscriminatorStatistics[Other]:
        """Convert each value that was measured."""
        return DiscriminatorStatistics(
            **{name: convert(value) for name, value in measured(self).items()}
        )
