"""What D sees and how its answers are scored."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator_input import Masks, straight_through
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import DiscriminatorSettings
from napari_advseg.core.models.losses import probabilities


def adversary(**settings):
    return AdversarialLoss(DiscriminatorSettings(**settings))


def batch(channels=1, count=3, side=8):
    draws = torch.Generator().manual_seed(channels)
    images = torch.randn(count, 1, side, side, generator=draws)
    logits = 2 * torch.randn(count, channels, side, side, generator=draws)
    targets = torch.randint(max(channels, 2), (count, side, side), generator=draws).byte()
    return images, logits, targets


# --- Luc et al. 2016 ---------------------------------------------------------------------------


def test_the_losses_are_lucs():
    a = torch.tensor([0.2, 0.7, 0.9]).view(3, 1, 1, 1)  # D's answer on a true mask
    b = torch.tensor([0.4, 0.1, 0.8]).view(3, 1, 1, 1)  # and on a predicted one
    targets = torch.zeros(3, 4, 4, dtype=torch.uint8)
    luc = adversary(real_target=1.0)
    d_loss = luc.discriminator_loss(a.logit(), b.logit(), targets)
    assert float(d_loss) == pytest.approx(float(-(a.log() + (1 - b).log()).mean() / 2))
    g_loss = luc.generator_loss(b.logit(), targets)
    assert float(g_loss) == pytest.approx(float(-b.log().mean()))


def test_smoothing_acts_on_true_masks_alone():
    a, b = torch.tensor(0.6).view(1, 1, 1, 1), torch.tensor(0.3).view(1, 1, 1, 1)
    targets = torch.zeros(1, 4, 4, dtype=torch.uint8)
    smooth = adversary(real_target=0.9)
    expected = -(0.9 * a.log() + 0.1 * (1 - a).log() + (1 - b).log()) / 2
    found = smooth.discriminator_loss(a.logit(), b.logit(), targets)
    assert float(found) == pytest.approx(float(expected))
    assert float(smooth.generator_loss(b.logit(), targets)) == pytest.approx(float(-b.log()))


@pytest.mark.parametrize("target", [0.6, 0.9, 1.0])
def test_the_decision_point_is_the_best_answer_at_even_odds(target):
    chosen = adversary(real_target=target)
    labels = torch.zeros(1, 1, 1, dtype=torch.uint8)
    grid = torch.linspace(-4, 4, 801)
    losses = [
        chosen.discriminator_loss(z.view(1, 1, 1, 1), z.view(1, 1, 1, 1), labels) for z in grid
    ]
    assert float(grid[torch.stack(losses).argmin()]) == pytest.approx(
        chosen.decision_point, abs=2e-2
    )
    assert adversary(real_target=1.0).decision_point == 0


def test_masks_above_the_decision_point_are_called_real():
    chosen = adversary(real_target=0.9)
    logits = chosen.decision_point + torch.tensor([-0.01, 0.01, 1.0, -1.0]).view(1, 1, 2, 2)
    assert chosen.called_real(logits, torch.zeros(1, 8, 8, dtype=torch.uint8)) == 0.5


def test_extreme_logits_stay_finite_and_still_teach():
    logits = torch.tensor([-15_000.0, 15_000.0]).view(2, 1, 1, 1).requires_grad_()
    targets = torch.zeros(2, 4, 4, dtype=torch.uint8)
    loss = adversary().generator_loss(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert float(logits.grad[0]) == pytest.approx(-0.5)  # −(1 − σ(z)) / 2 positions


# --- masks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_hard_mask_is_exactly_0_and_1_and_as_the_likeliest_class(channels):
    _, logits, _ = batch(channels, 8, 32)
    hard = straight_through(probabilities(logits))
    assert hard.unique().tolist() == [0, 1]
    expected = logits >= 0 if channels == 1 else F.one_hot(logits.argmax(1), 3).movedim(-1, 1)
    assert torch.equal(hard, expected.float())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_hard_mask_has_the_gradient_of_the_probabilities(channels):
    _, logits, _ = batch(channels)
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(9))
    gradients = []
    for view in (lambda p: p, straight_through):
        leaf = logits.clone().requires_grad_()
        (view(probabilities(leaf)) * weights).sum().backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)
    assert gradients[0].abs().min() > 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_perfect_prediction_looks_exactly_like_the_truth(channels):
    images, _, targets = batch(channels)
    targets[0, :3] = UNLABELLED
    one_hot = torch.stack([targets == c for c in range(channels)], 1).float()
    logits = 20 * (2 * one_hot - 1)
    chosen = adversary(image_normalisation="stack")
    truth = chosen.view.of_truth(images, targets, logits)
    assert torch.equal(chosen.view.of_prediction(Masks(images, targets, logits)), truth)
    assert truth.shape == (3, channels + 1, 8, 8)
    assert torch.equal(truth[:, -1:], images)


def test_d_may_be_shown_the_mask_alone_and_the_probabilities():
    images, logits, targets = batch()
    chosen = adversary(sees_image=False, mask="probability")
    assert torch.equal(chosen.view.of_prediction(Masks(images, targets, logits)), logits.sigmoid())
    assert torch.equal(
        chosen.view.of_truth(images, targets, logits), (targets == 0)[:, None].float()
    )


# --- unlabelled pixels -------------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["hard", "probability"])
@pytest.mark.parametrize("channels", [1, 3])
def test_d_sees_nothing_of_a_mask_where_nobody_labelled(channels, mask):
    images, logits, targets = batch(channels)
    targets[:, 2:5, 1:7] = UNLABELLED
    chosen = adversary(mask=mask)
    hidden = (targets == UNLABELLED)[:, None]
    seen = chosen.view.of_prediction(Masks(images, targets, logits))
    flipped = chosen.view.of_prediction(
        Masks(images, targets, torch.where(hidden, -logits, logits))
    )
    assert torch.equal(seen, flipped)
    for view in (seen, chosen.view.of_truth(images, targets, logits)):
        assert (view[:, :channels][hidden.expand(-1, channels, -1, -1)] == 0).all()
    leaf = logits.clone().requires_grad_()
    chosen.view.of_prediction(Masks(images, targets, leaf)).sum().backward()
    assert (leaf.grad[hidden.expand_as(leaf)] == 0).all()


def test_positions_without_a_label_have_no_say():
    chosen = adversary(real_target=1.0)
    targets = torch.full((1, 8, 8), UNLABELLED, dtype=torch.uint8)
    targets[0, 0, 0] = 1
    targets[0, 7, 4] = 0  # of the 2×2 positions, the upper left and the lower right have labels
    real = torch.tensor([1.0, 50, 50, -1.0]).view(1, 1, 2, 2)
    fake = torch.tensor([-1.0, 50, 50, 2.0]).view(1, 1, 2, 2)
    expected = F.softplus(torch.tensor([-1.0, 1.0, -1.0, 2.0])).sum() / 4
    assert float(chosen.discriminator_loss(real, fake, targets)) == pytest.approx(float(expected))
    expected = F.softplus(torch.tensor([1.0, -2.0])).mean()
    assert float(chosen.generator_loss(fake, targets)) == pytest.approx(float(expected))
    assert chosen.called_real(real, targets) == 0.5
    assert chosen.called_real(fake, targets) == 0.5


def test_nothing_labelled_costs_nothing():
    targets = torch.full((2, 8, 8), UNLABELLED, dtype=torch.uint8)
    logits = torch.ones(2, 1, 2, 2)
    assert adversary().generator_loss(logits, targets) == 0
    assert adversary().discriminator_loss(logits, logits, targets) == 0
