"""Alarms about masks of one class."""

import pytest

from napari_advseg.core.adversary.alarms import AlarmMonitor


@pytest.fixture
def watch():
    return AlarmMonitor()


def test_a_mask_of_one_class_is_told_at_its_validation_and_when_it_is_over(watch):
    good, bad = {"cell": 0.8, "membrane": 0.2}, {"cell": 0.999, "membrane": 0.001}
    assert watch.masks(10, {"S": good, "G/S": good}) == []
    (begun,) = watch.masks(20, {"S": good, "G/S": bad})
    assert (begun.kind, begun.since, begun.until) == ("one class G/S", 20, None)
    assert begun.text.startswith("The mask of G/S is cell almost everywhere since update 20")
    assert watch.masks(30, {"S": good, "G/S": bad}) == []
    (other,) = watch.masks(40, {"S": {"cell": 0.0, "membrane": 1.0}, "G/S": bad})
    assert "mask of S is membrane" in other.text
    (ended,) = watch.masks(50, {"S": {"cell": 0.0, "membrane": 1.0}, "G/S": good})
    assert (ended.kind, ended.until) == ("one class G/S", 50)
    assert watch.masks(60, {"S": {"cell": 0.997, "membrane": 0.003}})[0].until == 60


def test_a_network_that_has_only_begun_is_not_told_to_have_collapsed(watch):
    one_class, good = {"cell": 0.0, "membrane": 1.0}, {"cell": 0.8, "membrane": 0.2}
    assert watch.masks(20, {"S": one_class, "G/S": one_class}) == []
    (begun,) = watch.masks(40, {"S": good, "G/S": one_class})  # one has learned meanwhile
    assert (begun.kind, begun.since) == ("one class G/S", 20)
    assert "since update 20" in begun.text


def test_a_run_that_ends_with_masks_of_one_class_says_so(watch):
    (begun,) = watch.masks(20, {"S": {"cell": 1.0, "membrane": 0.0}}, last=True)
    assert (begun.kind, begun.since) == ("one class S", 20)


def test_no_mask_has_collapsed_early_in_a_run(watch):
    good, nothing = {"rest": 0.9, "object": 0.1}, {"rest": 1.0, "object": 0.0}
    assert watch.masks(10, {"S": good}, early=True) == []
    assert watch.masks(20, {"S": nothing}, early=True) == []
    assert watch.masks(30, {"S": nothing}, early=True) == []
    (begun,) = watch.masks(40, {"S": nothing})
    assert (begun.kind, begun.since) == ("one class S", 20)


def test_a_mask_that_holds_as_little_of_a_rare_class_as_there_is_has_not_collapsed(watch):
    truth = {"rest": 0.999, "object": 0.001}
    right, nothing = {"rest": 0.9992, "object": 0.0008}, {"rest": 0.99995, "object": 0.00005}
    assert watch.masks(10, {"S": right}, truth=truth) == []
    assert watch.masks(20, {"S": right}, truth=truth) == []
    (begun,) = watch.masks(30, {"S": nothing}, truth=truth)
    assert "mask of S is rest almost everywhere" in begun.text


def test_a_mask_without_a_class_that_the_slices_do_not_hold_has_not_collapsed(watch):
    """Validation slices that hold nothing of the object."""
    truth, nothing = {"rest": 1.0, "object": 0.0}, {"rest": 1.0, "object": 0.0}
    for update in (10, 20, 30):
        assert watch.masks(update, {"S": nothing}, truth=truth) == []
    assert watch.masks(40, {"S": nothing}, truth=truth, last=True) == []
