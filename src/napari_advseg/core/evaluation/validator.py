"""How good the networks are: on whole validation slices and on patches drawn once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import Discriminator
from napari_advseg.core.adversary.mask_gaps import gap_cutter
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.rescaling import upsampled
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.data.unannotated import everywhere
from napari_advseg.core.inference.predictions import (
    class_indices,
    kept_prediction,
    predicted_indices,
)
from napari_advseg.core.inference.probabilities import batch_probabilities, class_probabilities
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.events import SHORT, NetworkName, Prediction
from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
)
from napari_advseg.core.storage.score_names import Side

from .batch_scores import RunningMean, batch_f1
from .boundary_scores import BoundaryScores, rand_and_info
from .discriminator_scores import DiscriminatorExam, Patches
from .metrics import confusion, f1_scores, mean_f1, overall_f1, sum_by_class
from .threshold_choice import ThresholdChoice, choose_threshold

FIXED_GAPS = 2**31  # no batch has this number: gaps that D did not learn from
DENSE = 0.5  # share of labelled pixels from which labels show whole regions


@dataclass
class Validator:
    """Scores networks and hands out the slices that it predicts on the way.

    Attributes
    ----------
    predictions : dict
        (network, z) → what is kept of the last validation, (Y, X): of two classes the probability of the
        first, float16; of more the class indices, uint8.
    """

    settings: RunSettings
    stack: EMStack
    data: TrainingData
    compute: ComputeDevice
    predictions: dict[tuple[NetworkName, int], Prediction] = field(default_factory=dict)

    def segmentation_scores(
        self,
        networks: dict[NetworkName, UNet],
        in_view: int | None,
        on_slice: Callable[[NetworkName, int, Prediction], None],
        raise_if_stopped: Callable[[], None],
    ) -> dict[NetworkName, NetworkScores]:
        """F1 of each network, the slice in view predicted first.

        The F1 of each class, and F1 val, pool the counts of whole validation slices; F1 train those of
        the fixed patches. Of two classes F1 val and F1 train are the first one's, of more the means over
        the classes that the annotation of those slices or patches holds. With scores of batches, F1 val
        is instead the mean over the batches of the fixed validation patches, and F1 train is not
        measured here.
        """
        self.predictions.clear()
        names = self.data.annotation.classes.names
        counts = {n: np.zeros((len(names), len(names)), np.int64) for n in networks}
        val = self.data.split.val
        first = [in_view] if in_view is not None and 0 <= in_view < self.stack.shape[0] else []
        for z in dict.fromkeys([*first, *val]):
            for name, network in networks.items():
                found = self.predict(name, network, z, raise_if_stopped)
                on_slice(name, z, self.predictions[name, z])
                if z in val:
                    counts[name] += self._confusion(found, z)
        return {
            name: self.network_scores(network, counts[name], raise_if_stopped)
            for name, network in networks.items()
        }

    def network_scores(
        self, network: UNet, counts: NDArray[np.int64], raise_if_stopped: Callable[[], None]
    ) -> NetworkScores:
        """Scores of a network from pooled counts of validation pixels, and from the fixed patches."""
        found = self.scores_of_counts(counts)
        raise_if_stopped()
        if not self.data.split.val:
            return NetworkScores(None, self._f1_on_patches(network), {})
        if self.settings.scores == "batches":
            f1 = self._mean_f1_of_batches(network)
            return replace(found, f1_val=f1, mean_f1_val=None)
        return replace(found, f1_train=self._f1_on_patches(network))

    def scores_of_counts(self, counts: NDArray[np.int64]) -> NetworkScores:
        """F1 from pooled counts of validation pixels."""
        names = self.data.annotation.classes.names
        by_class = dict(zip(names, f1_scores(counts).tolist(), strict=True))
        return NetworkScores(overall_f1(counts), None, by_class, mean_f1(counts))

    def predict(
        self, name: NetworkName, network: UNet, z: int, raise_if_stopped: Callable[[], None]
    ) -> NDArray[np.float32]:
        """Class probabilities of slice `z`, remembered in short."""
        raw = self.stack.slice(z)
        grey, padding = self.data.normalisation(raw), self.data.normalisation.padding(raw)
        found = class_probabilities(network, grey, self.settings, self.compute, raise_if_stopped)
        if padding is not None and not self.settings.predict_padding:
            found[:, padding] = np.nan
        self.predictions[name, z] = kept_prediction(found)
        return found

    def forget(self, z: int) -> None:
        """Keep nothing of slice `z` any more."""
        for name in self.settings.networks:
            self.predictions.pop((name, z), None)

    def discriminator_scores(
        self,
        generator: UNet,
        discriminator: Discriminator,
        discriminator_in_g: Discriminator,
        adversary: AdversarialLoss,
    ) -> tuple[DiscriminatorScores, DiscriminatorStatistics[float]]:
        """Accuracy of D and the share of G's masks that it takes for real, and how it does.

        The masks are those of the weights that learn, which D learns from, averaged ones aside.

        Measured on the fixed patches; with scores of batches only on the validation side. Where D tells
        annotated images from others, real masks are G's of the training patches; fake ones are those of
        patches without annotation (train), and of the validation patches (val), which are new to D.

        Returns
        -------
        scores : DiscriminatorScores
        health : DiscriminatorStatistics of float
        """
        exam = DiscriminatorExam(
            generator,
            discriminator,
            discriminator_in_g,
            adversary,
            self.compute,
            self.settings.batch,
        )
        fakes, annotated = self._fixed_masks(adversary)
        if not self.data.split.val:
            del fakes["val"]
        scored = {side: exam.scores(fake, annotated or fake) for side, fake in fakes.items()}
        val, train = (scored.get(side, (None, None)) for side in ("val", "train"))
        scores = DiscriminatorScores(val[0], train[0], val[1], train[1])
        learned_from = fakes["train"] if "train" in fakes else fakes["val"]
        s, cut = self.settings, None
        if s.discriminator.gaps:
            cut = gap_cutter(s.seed, FIXED_GAPS, s.discriminator.gaps, self.compute.device)
        return scores, exam.health(learned_from, annotated or learned_from, cut)

    def _fixed_masks(
        self, adversary: AdversarialLoss
    ) -> tuple[dict[Side, Patches], Patches | None]:
        """Patches of fake masks by side, and those of real masks if they are others."""
        data = self.data
        fakes: dict[Side, Patches] = {"val": data.fixed_val}
        annotated = None
        if adversary.needs_unannotated:  # masks of G are seen whole, whatever is labelled
            fakes, annotated = {"val": _whole(data.fixed_val)}, _whole(data.fixed_train)
        if self.settings.scores == "slices" or not data.split.val:
            fakes["train"] = data.fixed_train
            if adversary.needs_unannotated and data.fixed_unannotated is not None:
                fakes["train"] = data.fixed_unannotated
        return fakes, annotated

    def class_shares(self, networks: Iterable[NetworkName]) -> dict[str, dict[str, float]]:
        """Share of each class in the masks of the last validation, by network as it is shown.

        Of two classes masks are taken at the threshold of the settings.
        """
        names = self.data.annotation.classes.names
        shares: dict[str, dict[str, float]] = {}
        if not self.data.split.val:
            return shares
        for network in networks:
            masks = [
                predicted_indices(self.predictions[network, z], self.settings.threshold)
                for z in self.data.split.val
            ]
            counts = sum_by_class(masks, len(names))
            share = (counts / max(int(counts.sum()), 1)).tolist()
            shares[SHORT[network]] = dict(zip(names, share, strict=True))
        return shares

    @property
    def shows_regions(self) -> bool:
        """Whether the labels of the validation slices show whole regions of two classes."""
        if not self.data.split.val or len(self.data.annotation.classes) > 2:
            return False
        return bool((self._truth(self.data.split.val) != UNLABELLED).mean() >= DENSE)

    def boundary_scores(
        self,
        name: NetworkName,
        raise_if_stopped: Callable[[], None],
        slices: tuple[int, ...] | None = None,
    ) -> BoundaryScores | None:
        """V_Rand and V_Info of the last validation; None if it did not reach every slice.

        With `slices` only these validation slices are scored.

        Both score regions parted by a border, as two classes tell them: of more there are none. Without
        a true pixel of the first class there is no such score, and strokes are no regions: with less
        than half of the pixels labelled nothing is scored.
        """
        val = self.data.split.val if slices is None else slices
        if not self.shows_regions or any((name, z) not in self.predictions for z in val):
            return None
        columns = slice(*self.data.val.columns)
        found = np.stack([self.predictions[name, z][:, columns] for z in val])
        scores = rand_and_info(
            found.astype(np.float32), self._truth(val), raise_if_stopped=raise_if_stopped
        )
        return scores if scores.v_rand == scores.v_rand else None

    def thresholds(
        self, name: NetworkName, boundaries: BoundaryScores | None
    ) -> tuple[ThresholdChoice, ...]:
        """The best thresholds for the masks of the last validation; none for more than two classes."""
        names = self.data.annotation.classes.names
        val = [z for z in self.data.split.val if (name, z) in self.predictions]
        if len(names) > 2 or not val:
            return ()
        columns = slice(*self.data.val.columns)
        found = [self.predictions[name, z][:, columns] for z in val]
        truths = [self._truth((z,))[0] for z in val]
        return choose_threshold(found, truths, names, boundaries)

    def _truth(self, slices: tuple[int, ...]) -> NDArray[np.uint8]:
        return self.data.annotation.targets[list(slices), :, slice(*self.data.val.columns)]

    def _confusion(self, found: NDArray[np.float32], z: int) -> NDArray[np.int64]:
        indices = class_indices(found[..., slice(*self.data.val.columns)])
        return confusion(indices, self._truth((z,))[0], len(self.data.annotation.classes))

    def _f1_on_patches(self, network: UNet) -> float:
        network.eval()
        classes = len(self.data.annotation.classes)
        counts = np.zeros((classes, classes), np.int64)
        scale, patches = self.settings.scale or 1, self.data.fixed_train[0]
        for images, targets in self._batches((patches, self.data.fixed_train_truth)):
            with torch.inference_mode():
                found = batch_probabilities(network, images, self.compute)
                found = upsampled(found, scale, *targets.shape[1:])
            indices = class_indices(found.movedim(1, 0).cpu().numpy())
            counts += confusion(indices, targets.cpu().numpy(), classes)
        return overall_f1(counts)

    def _mean_f1_of_batches(self, network: UNet) -> float:
        network.eval()
        mean = RunningMean.on(self.compute.device)
        for images, targets in self._batches(self.data.fixed_val):
            with torch.inference_mode(), self.compute.autocast():
                mean.add(batch_f1(network(images), targets))
        return mean.mean()

    def _batches(self, patches: tuple[Tensor, Tensor]) -> list[tuple[Tensor, Tensor]]:
        images, targets = patches
        size = self.settings.batch
        starts = range(0, len(images), size)
        return [(images[i : i + size], targets[i : i + size]) for i in starts]

    def samples(
        self, networks: dict[NetworkName, UNet]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], dict[NetworkName, NDArray[np.uint8]]]:
        """The first fixed validation patches: images, targets, and each network's class indices.

        Without validation slices they are patches of the training slices.
        """
        patches = self.data.fixed_val if self.data.split.val else self.data.fixed_train
        images, targets = (t[: self.settings.samples] for t in patches)
        masks = {}
        for name, network in networks.items():
            network.eval()
            with torch.inference_mode():
                found = batch_probabilities(network, images, self.compute)
            masks[name] = class_indices(found.movedim(1, 0).cpu().numpy())
        return images[:, 0].cpu().numpy(), targets.cpu().numpy(), masks


def _whole(patches: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Patches of which every pixel counts."""
    return patches[0], everywhere(patches[0])
