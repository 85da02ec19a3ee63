"""Averaged weights: the numbers of an average, and a network that jumps about its best weights less."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.core.models.weight_average import follow_weights


def test_it_is_the_exponential_average_of_what_it_has_followed():
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    values = torch.randn(60, generator=torch.Generator().manual_seed(0)).tolist()
    expected = average.weight.item()
    for update, value in enumerate(values, 1):
        nn.init.constant_(network.weight, value)
        follow_weights(average, network, update, 0.8)
        kept = min(0.8, update / (update + 9))
        expected = kept * expected + (1 - kept) * value
    assert average.weight.item() == pytest.approx(expected, rel=1e-5)
    assert update / (update + 9) > 0.8  # both sides of the minimum were taken


def test_averages_of_batch_normalisation_are_averaged_too():
    network, average = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    network(torch.full((1, 2, 4, 4), 5.0))
    follow_weights(average, network, 1, 0.99)
    share = 9 / 10
    expected = (1 - share) * torch.zeros(2) + share * network.running_mean
    torch.testing.assert_close(average.running_mean, expected)
    assert int(average.num_batches_tracked) == 1


def test_the_average_is_nearer_to_the_best_weights_than_those_that_jump_around_them():
    draws = torch.Generator().manual_seed(0)
    network, average = nn.Linear(20, 1, bias=False), nn.Linear(20, 1, bias=False)
    average.load_state_dict(network.state_dict())
    for update in range(1, 400):
        with torch.no_grad():
            network.weight.copy_(3 + torch.randn(1, 20, generator=draws))
        follow_weights(average, network, update, 0.95)
    with torch.no_grad():
        assert (average.weight - 3).norm() < 0.4 * (network.weight - 3).norm()
