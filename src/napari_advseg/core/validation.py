"""How good the networks are: on whole validation slices and on patches drawn once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .adversary import Adversary
from .classes import UNLABELLED
from .devices import Place
from .events import NetworkName
from .inference import batch_probabilities, class_probabilities
from .metrics import confusion, f1_scores, overall_f1
from .networks import UNet
from .predictions import Prediction, class_indices, kept_prediction
from .running_scores import RunningScores, batch_f1
from .segmentation_scores import rand_and_info
from .settings import RunSettings
from .stack import EMStack
from .training_data import TrainingData
from .validation_columns import SHORT

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
    place: Place
    predictions: dict[tuple[NetworkName, int], Prediction] = field(default_factory=dict)

    def segmentation_scores(
        self,
        networks: dict[NetworkName, UNet],
        in_view: int | None,
        on_slice: Callable[[NetworkName, int, Prediction], None],
        breathe: Callable[[], None],
    ) -> dict[str, float]:
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
                found = self.predict(name, network, z, breathe)
                on_slice(name, z, self.predictions[name, z])
                if z in val:
                    counts[name] += self._confusion(found, z)
        scores = {}
        for name, network in networks.items():
            by_class = f1_scores(counts[name])
            scores[f"{SHORT[name]} F1 val"] = overall_f1(counts[name])
            for class_name, f1 in zip(names, by_class, strict=True):
                scores[f"{SHORT[name]} F1 {class_name} val"] = float(f1)
            breathe()
            if self.settings.scores == "batches":
                scores[f"{SHORT[name]} F1 val"] = self._mean_f1_of_batches(network)
            else:
                scores[f"{SHORT[name]} F1 train"] = self._f1_on_patches(network)
        return scores

    def predict(
        self, name: NetworkName, network: UNet, z: int, breathe: Callable[[], None]
    ) -> NDArray[np.float32]:
        """Class probabilities of slice `z`, remembered in short."""
        grey = self.data.normalisation(self.stack.slice(z))
        found = class_probabilities(network, grey, self.settings, self.place, breathe)
        self.predictions[name, z] = kept_prediction(found)
        return found

    def forget(self, z: int) -> None:
        """Keep nothing of slice `z` any more."""
        for name in self.settings.networks:
            self.predictions.pop((name, z), None)

    def discriminator_scores(
        self, generator: UNet, discriminator: nn.Module, critic: nn.Module, adversary: Adversary
    ) -> dict[str, float]:
        """Accuracy of D, and the share of G's masks that it takes for true, on the fixed patches.

        True and predicted masks count half and half. Both are shares of D's answers at its decision
        point: one for each position of a patch head, one for each mask of a dense head. `critic` is the
        D that G learns against. With scores of batches only the validation side is measured.
        """
        for network in (generator, discriminator, critic):
            network.eval()
        sides = {"train": self.data.fixed_train, "val": self.data.fixed_val}
        if self.settings.scores == "batches":
            del sides["train"]
        scores = {}
        for side, patches in sides.items():
            answers: dict[str, list[Tensor]] = {"real": [], "fake": [], "in G": []}
            for images, targets in self._batches(patches):
                with torch.inference_mode(), self.place.autocast():
                    logits = generator(images)
                    fake = adversary.sees_prediction(images, targets, logits)
                    real = adversary.sees_truth(images, targets, logits.shape[1])
                    answers["real"].append(discriminator(real))
                    answers["fake"].append(discriminator(fake))
                    if critic is not discriminator:
                        answers["in G"].append(critic(fake))
            # over the positions of all patches at once: batches may hold unequal numbers of them
            real, fake = torch.cat(answers["real"]), torch.cat(answers["fake"])
            in_g = torch.cat(answers["in G"] or answers["fake"])
            scores[f"D Accuracy {side}"] = float(adversary.accuracy(real, fake, patches[1]))
            scores[f"G/D Accuracy {side}"] = float(adversary.called_true(in_g, patches[1]))
        return scores

    def boundary_scores(self, name: NetworkName, breathe: Callable[[], None]) -> dict[str, float]:
        """V_Rand and V_Info of the last validation; empty if it did not reach every slice.

        Both score regions parted by a border, as two classes tell them: of more there are none. Without
        a true pixel of the first class there is no such score, and strokes are no regions: with less
        than half of the pixels labelled nothing is scored.
        """
        val = self.data.split.val
        if len(self.data.annotation.classes) > 2:
            return {}
        if any((name, z) not in self.predictions for z in val):
            return {}
        if (self._truth(val) != UNLABELLED).mean() < DENSE:
            return {}
        columns = slice(*self.data.val.columns)
        found = np.stack([self.predictions[name, z][:, columns] for z in val])
        scores = rand_and_info(found.astype(np.float32), self._truth(val), breathe=breathe)
        found_scores = {"V_Rand": scores.v_rand, "V_Info": scores.v_info}
        return {name: score for name, score in found_scores.items() if score == score}

    def _truth(self, slices: tuple[int, ...]) -> NDArray[np.uint8]:
        return self.data.annotation.targets[list(slices), :, slice(*self.data.val.columns)]

    def _confusion(self, found: NDArray[np.float32], z: int) -> NDArray[np.int64]:
        indices = class_indices(found[..., slice(*self.data.val.columns)])
        return confusion(indices, self._truth((z,))[0], len(self.data.annotation.classes))

    def _f1_on_patches(self, network: UNet) -> float:
        network.eval()
        classes = len(self.data.annotation.classes)
        counts = np.zeros((classes, classes), np.int64)
        for images, targets in self._batches(self.data.fixed_train):
            with torch.inference_mode():
                found = batch_probabilities(network, images, self.place)
            indices = class_indices(found.movedim(1, 0).cpu().numpy())
            counts += confusion(indices, targets.cpu().numpy(), classes)
        return overall_f1(counts)

    def _mean_f1_of_batches(self, network: UNet) -> float:
        network.eval()
        mean = RunningScores()
        for images, targets in self._batches(self.data.fixed_val):
            with torch.inference_mode(), self.place.autocast():
                mean.add({"F1": batch_f1(network(images), targets)})
        return mean.means()["F1"]

    def _batches(self, patches: tuple[Tensor, Tensor]) -> list[tuple[Tensor, Tensor]]:
        images, targets = patches
        size = self.settings.batch
        starts = range(0, len(images), size)
        return [(images[i : i + size], targets[i : i + size]) for i in starts]

    def samples(
        self, networks: dict[NetworkName, UNet]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], dict[NetworkName, NDArray[np.uint8]]]:
        """The first fixed validation patches: images, targets, and each network's class indices."""
        images, targets = (t[: self.settings.samples] for t in self.data.fixed_val)
        masks = {}
        for name, network in networks.items():
            network.eval()
            with torch.inference_mode():
                found = batch_probabilities(network, images, self.place)
            masks[name] = class_indices(found.movedim(1, 0).cpu().numpy())
        return images[:, 0].cpu().numpy(), targets.cpu().numpy(), masks
