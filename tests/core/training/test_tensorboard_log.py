"""What a run writes for TensorBoard, as TensorBoard's own reader finds it."""

from __future__ import annotations

import threading

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from napari_advseg.core.runtime.errors import SettingsError
from napari_advseg.core.storage.score_names import HEALTH, scores_as_text
from napari_advseg.core.training import tensorboard_log
from napari_advseg.core.training.engine import resume, train


def read(folder):
    found = EventAccumulator(str(folder / tensorboard_log.FOLDER))
    found.Reload()
    return found


def scalars(found, tag):
    return {one.step: one.value for one in found.Scalars(tag)}


def test_curves_are_those_of_the_validations_and_histograms_show_ds_layers(
    small, stack, annotation, tmp_path
):
    before = threading.active_count()
    two = small(tensorboard=True, discriminator={"depth": 2})
    result = train(two, stack, annotation, tmp_path / "run")
    assert threading.active_count() == before
    found, tags = read(tmp_path / "run"), read(tmp_path / "run").Tags()
    for score in ("S F1 val", "G/S F1 val", "D Accuracy train"):
        expected = {v.update: scores_as_text(v.scores)[score] for v in result.history}
        assert scalars(found, f"scores/{score}") == pytest.approx(expected, rel=1e-6)
    assert {f"D/{name}" for name in HEALTH} | {"D/λ"} <= set(tags["scalars"])
    expected = {v.update: v.health.fake_mean for v in result.history}
    assert scalars(found, "D/fake mean") == pytest.approx(expected, rel=1e-6)
    D = result.training.optimizers["discriminator"].network
    layers = 3  # two that halve, and the head
    names = {f"D/layer {i} {kind}" for i in range(1, layers + 1) for kind in ("weights", "biases")}
    assert set(tags["histograms"]) == names
    last = found.Histograms(f"D/layer {layers} weights")[-1]
    assert last.step == 12
    assert last.histogram_value.num == D.last_layer.weight.numel()


def test_a_resumed_run_goes_on_in_the_same_folder(small, stack, annotation, tmp_path, stop_at):
    settings = small(tensorboard=True)
    train(settings, stack, annotation, tmp_path / "run", control=stop_at(16))
    result = resume(tmp_path / "run", stack)
    found = scalars(read(tmp_path / "run"), "scores/S F1 val")
    expected = {v.update: v.scores.standard.f1_val for v in result.history}
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_standard_run_has_curves_alone(small, stack, annotation, tmp_path):
    train(small(method="standard", tensorboard=True), stack, annotation, tmp_path / "run")
    tags = read(tmp_path / "run").Tags()
    assert "scores/S F1 val" in tags["scalars"]
    assert not tags["histograms"]
    assert not [tag for tag in tags["scalars"] if tag.startswith("D/")]


def test_without_tensorboard_it_is_refused_before_anything_is_written(
    small, stack, annotation, tmp_path, monkeypatch
):
    monkeypatch.setattr(tensorboard_log, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install \"napari-advseg\[tensorboard\]\""):
        train(small(tensorboard=True), stack, annotation, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_writing_changes_nothing_and_without_being_asked_there_is_nothing(
    small, stack, annotation, tmp_path, same_run
):
    plain = train(small(), stack, annotation, tmp_path / "plain")
    assert not (tmp_path / "plain" / tensorboard_log.FOLDER).exists()
    assert same_run(train(small(tensorboard=True), stack, annotation, tmp_path / "run"), plain)
