"""Settings of a run: frozen values, each with its range and unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_advseg.core.runtime.errors import SettingsError

from .classes import ClassMap

Method = Literal["standard", "adversarial", "paired"]
NormalisationKind = Literal["stack", "slice"]
Share = Annotated[float, Field(ge=0, le=1)]
Initialisation = Annotated[
    Literal["normal", "truncated"],
    Field(
        description="Convolutions start He-normal; ``truncated``: what lies beyond two standard "
        "deviations is drawn again, as in Keras."
    ),
]
DecayRate = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """A frozen group of settings that refuses unknown names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class NetworkSettings(Settings):
    """The U-Net S, and the S inside G."""

    width: int = Field(16, ge=1, le=512)
    """Channels of the first level; level k has width · 2^k."""
    depth: int = Field(4, ge=1, le=7)
    """Number of poolings; a patch side must be a multiple of 2^depth."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation after each convolution."""
    norm_momentum: float = Field(0.1, gt=0, le=1)
    """Share of each batch in the averages that batch normalisation predicts with; small batches ask for
    a small share."""
    norm_epsilon: float = Field(1e-5, gt=0, le=1)
    """Added to the variance in batch normalisation."""
    initialisation: Initialisation = "normal"
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of activations dropped between the two convolutions of a level."""
    image_channels: int = Field(1, ge=1, le=64)
    """Channels of the image; a run on a grey stack takes 1 and refuses others."""
    biases: bool = False
    """Whether convolutions that a normalisation follows have biases (without effect on what they can
    express)."""


class DiscriminatorSettings(Settings):
    """The network D that tells true masks from predicted ones."""

    head: Literal["patch", "dense"] = "patch"
    """``patch``: a map of logits, one for each position. ``dense``: the U-Net's encoder and one logit."""
    width: int | None = Field(24, ge=1, le=512)
    """Channels of the first level; None makes D as wide as the U-Net."""
    depth: int = Field(4, ge=1, le=7)
    """Number of levels that halve the resolution."""
    norm: Literal["spectral", "batch", "none"] = "spectral"
    """Normalisation after each convolution, or of its weights."""
    averages: bool = False
    """Whether batch normalisation keeps running averages and D scores with them, as in 2017; otherwise it
    uses the batch's own statistics always, so that D scores as G trains against it. Asks for block
    alternation."""
    norm_momentum: float = Field(0.1, gt=0, le=1)
    """Share of each batch in those averages."""
    norm_epsilon: float = Field(1e-5, gt=0, le=1)
    """Added to the variance in batch normalisation."""
    initialisation: Initialisation = "normal"
    regime: Literal["auto", "truth", "unannotated"] = "auto"
    """What D tells apart. ``truth``: true masks from predicted ones (Luc et al. 2016). ``unannotated``:
    masks predicted on annotated images from those on unannotated ones (Zhang et al. 2017). ``auto``: the
    second where there are unannotated images."""
    learns: bool = True
    """Whether D learns; one that keeps its random weights is the control of an experiment."""
    sees_image: bool = True
    """Whether D is shown the image beside the mask."""
    image_normalisation: Literal["patch", "stack"] = "patch"
    """How bright and how rich in contrast the images are that D is shown. ``patch``: each channel of each
    patch has mean 0 and standard deviation 1, so that D cannot tell annotated images from others by
    their brightness alone. ``stack``: as the networks see them."""
    product: bool = False
    """Whether D is shown each class map times each channel of the image instead of the mask itself (Luc's
    *product*)."""
    mask: Literal["hard", "probability", "scaled"] = "hard"
    """What D is shown of a prediction: 0/1 with a straight-through gradient, or the probabilities (Luc's
    *basic*). ``scaled``: the probabilities, and true masks softened by them (Luc's *scaling*)."""
    tau: float = Field(0.9, gt=0.5, le=1)
    """Scaling: least value of a softened true mask at its class."""
    objective: Literal["cross-entropy", "features"] = "cross-entropy"
    """What G minimises: D's cross-entropy, or the distance between what D's layers make of its masks and
    of those that D takes for real (feature matching; D itself learns by cross-entropy)."""
    gaps: float = Field(8.0, ge=0, le=1000)
    """Gaps that are cut into each real mask, on average, to make fake masks of a second kind, which teach
    D what a broken membrane is; 0 makes none. They count as much as G's masks."""
    biases: bool = False
    """Whether convolutions that a batch normalisation follows have biases."""
    real_target: float = Field(0.9, gt=0.5, le=1)
    """Target for true masks; below 1 it is one-sided label smoothing."""
    batches: Literal["separate", "shuffled"] = "separate"
    """``separate``: an update sees a batch of true masks and one of predicted masks. ``shuffled``: all
    masks of an epoch, true and predicted, are shuffled together; asks for block alternation."""

    @property
    def shows_truth(self) -> bool:
        """Whether these settings make sense only where D is shown true masks."""
        return self.regime == "truth" or self.mask == "scaled" or self.batches == "shuffled"


class LambdaSettings(Settings):
    """λ, the weight of the adversarial term, over a run."""

    kind: Literal["constant", "ramp", "steps", "balance"] = "ramp"
    """``balance``: a ramp of the ratio in which the gradients of the two terms of G's loss by its output
    stand; λ follows from it in each update."""
    value: float = Field(0.1, ge=0, le=1000)
    """λ at its full height; with ``balance`` the ratio of the norms, adversarial to segmentation."""
    most: float = Field(10.0, gt=0, le=1000)
    """Balance: largest λ, where D has next to no gradient."""
    start: Share = 0.2
    """Ramp and balance: share of the updates after which λ leaves 0. D learns from half of that time on."""
    rise: Share = 0.3
    """Ramp and balance: share of the updates over which λ rises to its full height."""
    steps: tuple[tuple[float, float], ...] = ((0.0, 0.1), (3.0, 1.0))
    """Steps: (epoch, λ from there on in parts of its full height), epochs counted from 0."""


class OptimizerSettings(Settings):
    """How one network's weights are moved."""

    name: Literal["adamw", "adam", "keras-adam", "rmsprop"] = "adamw"
    """``keras-adam``: `epsilon` is added before the bias correction."""
    rate: float = Field(3e-3, gt=0, le=10)
    """Learning rate at its peak."""
    schedule: Literal["constant", "one-cycle", "plateau", "keras-decay"] = "one-cycle"
    """``keras-decay``: rate / (1 + decay · t). ``plateau``: a tenth after `patience` validations without a
    better F1."""
    warmup: Share = 0.3
    """One-cycle: share of the updates on the way up."""
    decay: float = Field(1e-3, ge=0)
    """Keras' decay for each update."""
    patience: int = Field(5, ge=1)
    """Plateau: validations without a better F1 before the rate falls to a tenth."""
    betas: tuple[DecayRate, DecayRate] = (0.9, 0.999)
    """Adam's decay rates; RMSprop's ρ is the second."""
    epsilon: float = Field(1e-8, gt=0)
    """Added to the denominator of the step."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled with AdamW, an L2 term of the gradient with Adam, not used by RMSprop."""
    clip: float | None = Field(1.0, gt=0)
    """Largest norm of the gradient; None leaves it."""


class AlternationSettings(Settings):
    """The order in which S, G and D learn."""

    kind: Literal["step", "block"] = "step"
    """``step``: S, G and D once in each update. ``block``: a block of updates of each in turn, with a
    validation after each such epoch; the updates of the run are rounded up to whole epochs."""
    generator_updates: int = Field(500, ge=1)
    """Block: updates of S, then of G, in one epoch."""
    discriminator_updates: int = Field(1000, ge=1)
    """Block: updates of D in one epoch."""


class AugmentationSettings(Settings):
    """Random changes to training patches, drawn anew for each."""

    flip: bool = True
    quarter_turns: bool = True
    brightness: float = Field(0.2, ge=0)
    """Standard deviation of an added offset, in units of the image's standard deviation."""
    contrast: float = Field(0.2, ge=0)
    """Standard deviation of the logarithm of a factor."""
    noise: float = Field(0.1, ge=0)
    """Upper end of the standard deviation of added Gaussian noise, in image standard deviations."""
    gamma: float = Field(0.0, ge=0)
    """Standard deviation of the logarithm of a gamma exponent."""
    blur: float = Field(0.0, ge=0)
    """Upper end of the standard deviation of a Gaussian blur, in pixels."""
    rotation: float = Field(0.0, ge=0, le=180)
    """Largest rotation in degrees."""
    scale: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of size."""
    elastic: float = Field(0.0, ge=0)
    """Standard deviation of an elastic displacement, in pixels."""
    geometric: Share = 1.0
    """Share of patches that are rotated, scaled and displaced. Interpolation makes those smoother than the
    image is; the others keep its texture."""


class PlanSettings(Settings):
    """What a run in minutes decided while it ran; with it, a run repeats that one and measures no time."""

    changes: tuple[tuple[int, int], ...] = ()
    """(updates made, updates of the whole run as planned from there on)."""
    validations: tuple[int, ...] = ()
    """Updates after which a validation followed; one follows the last update in any case."""
    crops: int | None = Field(None, ge=1)
    """Validation crops that each of them measured; None measures all."""
    patches: int | None = Field(None, ge=1)
    """Fixed patches that each of them measured; None measures all."""


class RunSettings(Settings):
    """Everything that decides a run, beside the image and the annotation."""

    preset: str = "quick"
    method: Method = "paired"
    seed: int = Field(0, ge=0, lt=2**32)
    """Of every random draw (weights, patches, augmentation, dropout): the same seed repeats a run."""
    updates: int | None = Field(None, ge=1)
    """Updates of S (and of G); None takes the minutes or the preset's own number."""
    epochs: int | None = Field(None, ge=1)
    """Length of the run in epochs, instead of updates."""
    minutes: float | None = Field(None, gt=0)
    """Time of the whole run: reading, training, validation and writing. The number of updates follows
    from the time that they take, and is corrected during the run."""
    plan: PlanSettings | None = None
    """What a run in minutes decided; written into its ``config.json``."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = Field(None, ge=1)
    """CPU threads; None takes all cores, in the window all but one."""
    patch: int = Field(128, ge=8)
    """Side of a training patch in pixels."""
    batch: int = Field(8, ge=1)
    """Patches in an update."""
    scale: int | None = Field(None, ge=1, le=16)
    """Pixels of the stack along a side of one pixel that the networks see; None chooses by the size of
    the annotated objects. Masks and F1 val are of the stack's own pixels."""
    class_balance: Share = 0.0
    """Share of training patches that lie around a pixel of a class picked at random, each class equally
    often; the others lie anywhere."""
    dice: float | None = Field(0.0, ge=0, le=100)
    """Weight of the soft Dice loss beside the cross-entropy; None takes 1 where the networks see few objects
    (few labels, or a coarser image), 0.3 otherwise."""
    average: DecayRate = 0.0
    """Decay, in each update, of the average of each network's weights that validations, masks and files are
    of; 0 takes the weights of the last update themselves."""
    train: tuple[int, ...] | None = None
    """Training slices; None takes the default split."""
    val: tuple[int, ...] | None = None
    """Validation slices."""
    unannotated: tuple[int, ...] | None = None
    """Slices whose images D may be shown without their annotation; None takes those that have none."""
    classes: ClassMap | None = None
    """Class map; None takes the annotation's own."""
    threshold: Share = 0.5
    """Probability of the first class from which a pixel of a written mask belongs to it (two classes);
    F1 while training is always taken at 0.5."""
    validations: int = Field(10, ge=1)
    """Validations in a run, evenly spread, if `validate_every` is None."""
    validate_every: int | None = Field(None, ge=1)
    """Updates between validations."""
    epoch: int | None = Field(None, ge=1)
    """Updates in an epoch; None takes as many as have together as many pixels in their patches as the
    training slices have labelled ones: with dense labels each is shown once on average."""
    keep: Literal["best", "last"] = "best"
    """Which weights the masks are of once training has ended, and when the run is applied: those of the
    best validation, by mean F1, or those of the last update. Both are written, and resume goes on from the
    last."""
    calibrate: bool = False
    """Whether the probabilities of two classes are shifted, before the last validation, so that 0.5 is the
    threshold with the best mean F1 on patches of the training slices. Learning is not changed."""
    normalisation: NormalisationKind = "stack"
    """Whether grey values are normalised by the mean and the standard deviation of the tissue of the whole
    stack, or of each slice, for stacks whose brightness drifts."""
    predict_padding: bool = False
    """Whether masks also say something of pixels that are no tissue, such as black frames and empty
    slices; otherwise these are of no class there."""
    fixed_patches: int = Field(32, ge=1)
    """Patches, drawn once, on which F1 train and the accuracies of D are measured."""
    scores: Literal["slices", "batches"] = "slices"
    """``slices``: F1 pools the pixels of whole validation slices; the train scores are of fixed patches.
    ``batches``, as in 2017: F1 val is the mean over batches of the fixed validation patches, the train
    scores are means over the epoch's own batches, each as the network answers before it learns from it."""
    samples: int = Field(10, ge=0)
    """Validation samples drawn in a figure, at most `fixed_patches`; 0 draws none."""
    samples_every: int = Field(1, ge=1)
    """Validations between two such figures."""
    tensorboard: bool = False
    """Whether curves and histograms of D's weights are written for TensorBoard into the run folder."""
    shared_draws: bool = True
    """Whether S and the S in G start from the same weights and get the same dropout and the same order
    of batches, so that the adversarial term alone tells them apart."""
    probability_clip: float | None = Field(None, gt=0, lt=0.5)
    """Cross-entropies see probabilities between this and 1 minus this, and pass no gradient beyond, as in
    Keras (1e-7); None computes them from logits."""
    tile: int = Field(512, ge=16)
    """Side of a tile in prediction, in pixels."""
    network: NetworkSettings = NetworkSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
    adversarial_weight: LambdaSettings = LambdaSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    discriminator_optimizer: OptimizerSettings = OptimizerSettings(
        name="adam", rate=4e-4, schedule="constant", betas=(0.5, 0.99), weight_decay=0.0, clip=None
    )
    alternation: AlternationSettings = AlternationSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @model_validator(mode="after")
    def _check_together(self) -> RunSettings:
        d = self.discriminator
        if self.alternation.kind == "step" and (d.averages or d.batches == "shuffled"):
            name = "averages" if d.averages else "batches"
            raise SettingsError(
                f"discriminator.{name} = {getattr(d, name)!r} needs blocks: set alternation.kind to "
                '"block".'
            )
        if d.mask == "scaled" and d.batches == "shuffled":
            raise SettingsError(
                "discriminator.mask = 'scaled' softens true masks by predicted ones of the same patches, and "
                "discriminator.batches = 'shuffled' shows them apart: choose \"separate\" or another mask."
            )
        if d.regime == "unannotated" and d.shows_truth:
            name = "mask" if d.mask == "scaled" else "batches"
            raise SettingsError(
                f"discriminator.{name} = {getattr(d, name)!r} is about true masks, which D is not shown "
                'with discriminator.regime = "unannotated": choose "truth".'
            )
        return self

    @property
    def networks(self) -> tuple[Literal["standard", "adversarial"], ...]:
        """The networks that this method trains."""
        return {
            "standard": ("standard",),
            "adversarial": ("adversarial",),
            "paired": ("standard", "adversarial"),
        }[self.method]  # type: ignore[return-value]
