"""What all controllers share: the context they work in, and calls in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from napari_advseg.app.messages.run_messages import first_sentence
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.ports.viewer import Emit, TaskRunner, ViewerPort
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.errors import AdvSegError, Subject

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class AppContext:
    """The state and the ports of one application.

    Attributes
    ----------
    model : AppModel
        Written by the controllers.
    viewer : ViewerPort
        Shows images, annotations and masks.
    runner : TaskRunner
        Runs slow functions in the background.
    engine : Engine
        Trains, predicts, reads and writes.
    """

    model: AppModel
    viewer: ViewerPort
    runner: TaskRunner
    engine: Engine


class BaseController:
    """A controller with the application's context.

    Parameters
    ----------
    context : AppContext
    """

    def __init__(self, context: AppContext) -> None:
        self._model, self._viewer = context.model, context.viewer
        self._runner, self._engine = context.runner, context.engine

    def _in_background(
        self,
        work: Callable[[], Result],
        on_done: Callable[[Result], None] = lambda result: None,
        on_error: Callable[[BaseException], None] | None = None,
        *,
        subject: Subject | None = None,
    ) -> None:
        """Call `work` in the background, then `on_done` or `on_error` on the GUI thread.

        Without `on_error`, a failure becomes the problem of `subject`; without both it is logged.
        """

        def failed(error: BaseException) -> None:
            if subject is None:
                log.error("A background task failed.", exc_info=error)
            else:
                self._show_failure(subject, error)

        def task(emit: Emit) -> Result:
            return work()

        self._runner.start(
            task, on_event=lambda event: None, on_done=on_done, on_error=on_error or failed
        )

    def _show_failure(self, subject: Subject, error: BaseException) -> None:
        """Show why an action failed; unexpected errors are logged as well."""
        if not isinstance(error, AdvSegError | OSError):
            log.error("An action failed (%s).", subject.value, exc_info=error)
        self._model.set_problem(subject, first_sentence(error))
