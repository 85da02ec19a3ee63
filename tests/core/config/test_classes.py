"""Class maps: names, values, merging, and what is said of values that have no meaning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import ClassMapError, Subject

ISSUE = "cell=255,membrane=0+32+64+96+128"


def test_merged_values_are_one_class_and_the_first_class_is_index_0():
    classes = ClassMap.parse(ISSUE)
    labels = np.array([[255, 0, 32], [64, 96, 128]], np.uint8)
    assert classes.encode(labels).tolist() == [[0, 1, 1], [1, 1, 1]]
    assert classes.names == ("cell", "membrane")


def test_the_names_are_the_persons_own():
    classes = ClassMap.parse(" mitochondrion = 255 , background=0 ")
    assert classes.names == ("mitochondrion", "background")
    assert str(classes) == "mitochondrion=255,background=0"


def test_a_new_annotation_has_0_unlabelled_1_cell_2_membrane():
    assert NEW_ANNOTATION.names == ("cell", "membrane")
    assert NEW_ANNOTATION.encode(np.array([0, 1, 2])).tolist() == [UNLABELLED, 0, 1]


def test_zero_is_a_class_where_it_is_named():
    classes = ClassMap.of(cell=1, membrane=0)
    assert classes.encode(np.array([0, 1])).tolist() == [1, 0]


def test_three_classes_are_no_obstacle():
    classes = ClassMap.parse("cell=1,membrane=2,mitochondrion=3+4")
    assert classes.encode(np.array([0, 4, 3, 2, 1])).tolist() == [UNLABELLED, 2, 2, 1, 0]


def test_a_mask_is_written_with_the_first_value_of_each_class():
    classes = ClassMap.parse("membrane=32+0,cell=255")
    written = classes.decode(np.array([[0, 1, UNLABELLED]], np.uint8))
    assert written.tolist() == [[32, 255, 0]]
    assert written.dtype == np.uint8


@pytest.mark.parametrize("value", [-1, 300])
def test_values_beyond_a_byte_survive(value):
    classes = ClassMap.of(cell=value, membrane=7)
    labels = np.array([value, 7, value], np.int16)
    assert (classes.decode(classes.encode(labels)) == labels).all()


def test_values_that_the_labels_cannot_hold_are_just_absent():
    assert ClassMap.of(a=1000, b=1).encode(np.array([1, 0], np.uint8)).tolist() == [1, UNLABELLED]


def test_any_word_can_be_a_name():
    assert ClassMap.of(cls=1, self=2).names == ("cls", "self")


names = st.text(
    st.characters(exclude_characters="=,+\n", codec="utf-8"), min_size=1, max_size=8
).filter(lambda name: name == name.strip() and name)


@given(
    st.dictionaries(
        names, st.sets(st.integers(-(2**15), 2**16), min_size=1, max_size=4), min_size=2, max_size=4
    )
)
def test_text_and_class_map_round_trip(drawn):
    seen: set[int] = set()
    kept = {}
    for name, values in drawn.items():
        if values - seen:
            kept[name] = tuple(sorted(values - seen))
        seen |= values
    if len(kept) < 2:
        return
    classes = ClassMap.of(**kept)
    assert ClassMap.parse(str(classes)) == classes
    assert ClassMap.model_validate_json(classes.model_dump_json()) == classes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least two"),
        ("cell=1", "at least two"),
        ("cell=1,cell=2", "'cell' stands for two"),
        ("cell=1,membrane=0+1", "1 stands for two"),
        ("cell,membrane=0", "'cell' is not of the form name=value"),
        ("cell=x,membrane=0", "'cell=x'"),
        ("cell=1+,membrane=0", "'cell=1+'"),
        ("cell=1.5,membrane=0", "'cell=1.5'"),
        ("=1,membrane=0", "empty"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_word_in_question(text, said):
    with pytest.raises(ClassMapError) as caught:
        ClassMap.parse(text)
    assert said in str(caught.value)
    assert caught.value.subject is Subject.CLASSES


def test_a_value_that_no_class_names_is_refused_with_what_to_add():
    with pytest.raises(ClassMapError) as caught:
        ClassMap.of(cell=255, membrane=0).encode(np.array([0, 32, 64, 255]))
    assert "2 labels (32, 64)" in str(caught.value)
    assert "membrane=0+32" in str(caught.value)


def test_an_instance_segmentation_is_named_as_such():
    with pytest.raises(ClassMapError, match=r"400 labels.*instance segmentation"):
        ClassMap.of(cell=1, membrane=0).encode(np.arange(402).reshape(6, 67))


def test_a_class_map_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        NEW_ANNOTATION.classes = ()


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30])
def test_a_value_that_no_mask_can_have_is_refused(value):
    with pytest.raises(ClassMapError, match=f"The label value {value} is out of range"):
        ClassMap.of(cell=value, membrane=0)


def test_too_many_classes_are_refused():
    assert len(ClassMap.of(**{f"c{n}": n for n in range(254)})) == 254
    with pytest.raises(ClassMapError, match="255 classes were named: name at most 254"):
        ClassMap.of(**{f"c{n}": n for n in range(255)})


def test_no_class_is_too_few():
    with pytest.raises(ClassMapError, match="No classes were named"):
        ClassMap.parse("")


# ---- instance labels


INSTANCES = np.array(
    [
        [0, 5, 5, 5, 9, 9],
        [0, 5, 5, 5, 9, 9],
        [0, 5, 5, 5, 0, 0],
        [0, 0, 0, 0, 0, 3],
    ]
)


def test_all_labels_but_the_named_ones_are_objects():
    found = ClassMap.parse("mitochondrion=objects,background=0+3").encode(INSTANCES)
    assert (found == np.where((INSTANCES == 5) | (INSTANCES == 9), 0, 1)).all()


def test_zero_is_unlabelled_beside_objects_if_no_class_names_it():
    found = ClassMap.parse("mitochondrion=objects,background=3").encode(INSTANCES)
    assert found[3].tolist() == [UNLABELLED] * 5 + [1]


@pytest.mark.parametrize(
    ("word", "of_row_0"), [("borders", [0, 2, 1, 2, 2, 1]), ("touching", [0, 1, 1, 2, 2, 1])]
)
def test_borders_of_objects_are_a_class_of_their_own(word, of_row_0):
    found = ClassMap.parse(f"outside=0,cell=objects,membrane={word}").encode(INSTANCES)
    assert found[0].tolist() == of_row_0


def test_borders_of_objects_can_be_background():
    found = ClassMap.parse("cell=objects,background=0+touching").encode(INSTANCES)
    assert found[0].tolist() == [1, 0, 0, 1, 1, 0]


def test_a_mask_of_objects_has_a_label_for_each_class():
    classes = ClassMap.parse("cell=objects,membrane=borders,outside=0+1")
    assert classes.mask_values == (2, 3, 0)
    assert classes.decode(np.array([0, 1, 2], np.uint8)).tolist() == [2, 3, 0]
    assert str(classes.of_masks) == "cell=2,membrane=3,outside=0+1"
    assert NEW_ANNOTATION.of_masks is NEW_ANNOTATION


@pytest.mark.parametrize(
    "text", ["cell=objects,background=0", "cell=7+objects,a=0+borders2", "a=0,b=objects,c=touching"]
)
def test_classes_of_objects_round_trip(text):
    classes = ClassMap.parse(text)
    assert str(classes) == text
    assert ClassMap.model_validate_json(classes.model_dump_json()) == classes


def test_plain_classes_are_written_as_earlier_versions_did():
    assert ClassMap.of(cell=1, membrane=2).model_dump(mode="json") == {
        "classes": [{"name": "cell", "values": [1]}, {"name": "membrane", "values": [2]}]
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=objects,b=objects", "The word objects stands for two classes"),
        ("a=objects,b=borders+touching", "borders and touching: keep one"),
        ("a=1,b=borders", "borders are borders of objects, and no class has objects"),
        ("a=object,b=0", "'a=object' is not of the form"),
    ],
)
def test_words_that_do_not_fit_are_refused(text, said):
    with pytest.raises(ClassMapError) as caught:
        ClassMap.parse(text)
    assert said in str(caught.value)
