"""The application in one object: the window calls it, it calls the engine and writes the model."""

from __future__ import annotations

from contextlib import suppress

from napari_advseg.app.controllers.acceptance import AcceptanceController
from napari_advseg.app.controllers.base import AppContext
from napari_advseg.app.controllers.classes import ClassController
from napari_advseg.app.controllers.compare import CompareController
from napari_advseg.app.controllers.data import DataController
from napari_advseg.app.controllers.files import FilesController
from napari_advseg.app.controllers.image_files import ImageFilesController
from napari_advseg.app.controllers.keep import KeepController
from napari_advseg.app.controllers.kept_masks import KeptMasksController
from napari_advseg.app.controllers.mask_look import MaskLookController
from napari_advseg.app.controllers.run import RunController
from napari_advseg.app.controllers.run_time import RunTimeController
from napari_advseg.app.core_engine import CoreEngine
from napari_advseg.app.messages.threshold_messages import scores_at
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.ports.viewer import TaskRunner, ViewerPort
from napari_advseg.app.projects.controller import ProjectController
from napari_advseg.app.state.best_threshold import BestThreshold
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.config.settings import Method
from napari_advseg.core.runtime.errors import AdvSegError


class Controller:
    """What a person can ask for, grouped as the window's sections are.

    Parameters
    ----------
    viewer : ViewerPort
        Where images, annotations and masks are shown.
    runner : TaskRunner
        Runs what takes time elsewhere.
    engine : Engine, optional
        Trains, predicts, reads and writes; by default `CoreEngine`.
    model : AppModel, optional
        The state to write to.

    Attributes
    ----------
    classes : ClassController
    data, run, keep, compare : DataController, RunController, KeepController, CompareController
    images : ImageFilesController
    run_time : RunTimeController
    look : MaskLookController
    project : ProjectController
    model : AppModel
    context : AppContext
        The model with the viewer, the runner and the engine.
    """

    def __init__(
        self,
        viewer: ViewerPort,
        runner: TaskRunner,
        engine: Engine | None = None,
        model: AppModel | None = None,
    ) -> None:
        self.model = AppModel() if model is None else model
        engine = CoreEngine() if engine is None else engine
        self.context = context = AppContext(self.model, viewer, runner, engine)
        self.data = DataController(context)
        self.images = ImageFilesController(context, self.data)
        self.classes = ClassController(context, self.data)
        self.compare = CompareController(context)
        self.look = MaskLookController(context)
        self.run = RunController(context, self.data, self.compare, self.look)
        self.run_time = RunTimeController(context)
        self.keep = KeepController(context, self.data)
        self.kept_masks = KeptMasksController(context, self.run, self.compare)
        self.project = ProjectController(
            context, self.data, self.keep, bring_back_masks=self.kept_masks.bring_back
        )
        self.accept = AcceptanceController(context)
        self.files = FilesController(context, self.run)

    def choose_preset(self, preset: str) -> None:
        """Take a preset, and say how long it would take here."""
        self.data.choose(preset=preset)
        self.run.estimate()

    def choose_method(self, method: Method) -> None:
        """Choose which networks are trained, and say how long the preset would take now."""
        self.data.choose(method=method)
        self.run.estimate()

    def set_threshold(self, threshold: float) -> None:
        """Move the masks to another threshold at once; nothing is predicted."""
        self.model.threshold = threshold
        self.context.viewer.set_threshold(threshold)

    def use_best_threshold(self, best: BestThreshold) -> None:
        """Move the masks to the threshold that scored best on the validation slices, and say so."""
        self.set_threshold(best.choice.threshold)
        self.model.status = scores_at(best)

    def set_side_by_side(self, on: bool) -> None:
        """Show image, annotation and masks beside each other, or put everything back."""
        image, annotation = self.model.image, self.model.annotation
        if on and image is None:
            return
        with suppress(AdvSegError):  # a layer that went is simply not shown beside the others
            self.context.viewer.set_side_by_side(
                on,
                "" if image is None else image.name,
                None if annotation is None else annotation.name,
            )

    def answer_save_offer(self, *, predict_rest: bool) -> None:
        """Predict the slices that masks lack and save them then, or save the predicted ones only."""
        offer, self.model.save_offer = self.model.save_offer, None
        if offer is None:
            return
        if predict_rest:
            self.kept_masks.predict_rest(lambda: self.keep.save_masks(offer.folder))
        else:
            self.keep.save_masks(offer.folder, predicted_only=True)

    def go_to_slice(self, z: int) -> None:
        """Show slice `z`."""
        self.context.viewer.go_to_slice(z)

    def set_slice_in_view(self, z: int) -> None:
        """The viewer shows slice `z` now."""
        self.model.slice_in_view = z

    def shutdown(self, seconds: float = 10.0) -> bool:
        """Save what was painted, stop what is going on and wait; return whether all has ended."""
        self.project.close()
        return self.run.shutdown(seconds)
