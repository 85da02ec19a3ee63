"""Names of the classes of the next annotation: what is typed, offered and remembered."""

from __future__ import annotations

import pytest

from napari_advseg.app.state import looked_for
from napari_advseg.core.runtime.errors import ClassMapError


@pytest.mark.parametrize(
    "typed", ["vesicle, background", "vesicle / background", " vesicle;background,"]
)
def test_names_are_separated_by_commas_or_slashes(typed):
    assert looked_for.parse_names(typed) == ("vesicle", "background")


@pytest.mark.parametrize(
    ("typed", "said"), [("vesicle", "At least two"), ("a,a", "occurs twice"), ("a=b,c", "'a=b'")]
)
def test_names_that_cannot_be_used_are_refused(typed, said):
    with pytest.raises(ClassMapError) as caught:
        looked_for.parse_names(typed)
    assert said in str(caught.value)


def test_the_last_names_are_remembered_and_a_damaged_file_is_ignored():
    assert looked_for.remembered_names() == ()
    looked_for.remember_names(("vesicle", "background"))
    assert looked_for.remembered_names() == ("vesicle", "background")
    looked_for._path().write_text("{")
    assert looked_for.remembered_names() == ()


def test_a_new_annotation_takes_the_names_of_the_last_one(app):
    app.with_data()
    app.controller.data.new_annotation(("vesicle", "rest"))
    app.runner.flush()
    app.controller.data.new_annotation()
    assert str(app.viewer.carried["annotation"]) == "vesicle=1,rest=2"


def test_names_are_offered_once():
    of_run = ("synapse", "rest")
    assert looked_for.further_names(of_run, of_run) == (("As in this run", of_run),)
    assert looked_for.further_names(("cell", "membrane"), ()) == ()
