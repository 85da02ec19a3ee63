"""The first event of a run with its notes, and the sentences of the last one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_advseg.core.data.normalisation import padding_sentence
from napari_advseg.core.data.split import without_measure
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.devices import failure_sentence
from napari_advseg.core.runtime.events import (
    SHORT,
    FinalScores,
    Outcome,
    RunStarted,
    Validated,
)

from .trainer import Trainer


def run_started(
    trainer: Trainer,
    folder: Path | None,
    first_update: int,
    marks: tuple[tuple[int, float], ...],
    history: tuple[Validated, ...],
) -> RunStarted:
    """The event that starts a run, or the part of it that is resumed."""
    s, compute = trainer.settings, trainer.compute
    return RunStarted(
        folder=folder,
        networks=s.networks,
        updates=s.updates or 0,
        updates_per_epoch=s.epoch or 1,
        first_update=first_update,
        device=str(compute.device),
        precision=compute.precision,
        threads=compute.threads,
        classes=trainer.data.annotation.classes.names,
        lambda_marks=marks,
        history=history,
    )


def closing_sentence(
    outcome: Outcome,
    update: int,
    updates: int,
    unwritten: Path | None,
    scores: Iterable[str],
) -> str:
    """The sentence of `RunFinished`.

    Parameters
    ----------
    outcome : Outcome
    update, updates : int
        Updates made, and those that were planned.
    unwritten : Path or None
        A folder that could not be written.
    scores : iterable of str
        Sentences about scores; empty ones are left out.
    """
    if outcome is Outcome.FAILED:
        return "The run failed."
    ended = "Finished" if outcome is Outcome.COMPLETED else "Stopped"
    sentences = [f"{ended} after {update} of {updates} updates."]
    if unwritten is not None:
        sentences.append(f"The end of it could not be written to {unwritten}.")
    return " ".join([*sentences, *(one for one in scores if one)])


def final_sentence(final: FinalScores | None) -> str:
    """Mean F1 of each network on what the final scores were measured on; empty without any.

    Runs whose F1 is that of batches have no mean: it is theirs.
    """
    if final is None:
        return ""
    found = {short: final.scores.of(name) for name, short in SHORT.items()}
    scores = {short: one.mean_f1_val for short, one in found.items()}
    measure = "Mean F1"
    if all(f1 is None for f1 in scores.values()):
        scores, measure = {short: one.f1_val for short, one in found.items()}, "F1"
    parts = ", ".join(f"{short} {f1:.3f}" for short, f1 in scores.items() if f1 is not None)
    return f"{measure} on {final.measured_on}: {parts}."


def failed_sentence(problem: Exception, trained: bool, has_checkpoint: bool) -> str:
    """What went wrong and what to do; `trained` says whether all updates had been made."""
    if trained:
        return failure_sentence(problem, "Predicting the whole stack", "apply the run again")
    way_out = "the last checkpoint is kept, start again or resume"
    return failure_sentence(problem, "Training", way_out if has_checkpoint else "start again")


def starting_notes(name: str, data: TrainingData) -> list[str]:
    """What is to be known of the stack `name` and its annotation before the first update."""
    padding = padding_sentence(name, data.normalisation)
    return [*data.annotation.notes, *without_measure(data.split), *([padding] if padding else [])]
