"""D's health, in numbers: against numpy, in the mode that G learns against, and as it is kept."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.adversary.discriminator_statistics import layer_health, logit_health
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import DiscriminatorSettings, NetworkSettings
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.runtime.scores import DiscriminatorStatistics, measured
from napari_advseg.core.storage.history import health_csv
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.storage.score_names import HEALTH, statistics_as_text
from napari_advseg.core.training.engine import train

ALWAYS = {"kind": "constant", "value": 0.5}
BLOCK = {"kind": "block", "generator_updates": 3, "discriminator_updates": 4}
OF_2017 = {
    "head": "dense", "norm": "batch", "averages": True, "norm_momentum": 0.01, "norm_epsilon": 1e-3,
    "sees_image": False, "mask": "probability", "biases": True, "real_target": 1.0,
}  # fmt: skip


def test_logits_are_described_as_numpy_would_where_there_is_a_label():
    draws = torch.Generator().manual_seed(0)
    real = 3 * torch.randn(4, 1, 2, 2, generator=draws) + 1
    fake = 2 * torch.randn(6, 1, 2, 2, generator=draws) - 1
    targets = torch.zeros(6, 8, 8, dtype=torch.uint8)
    targets[0, :4] = UNLABELLED  # two of D's positions
    fake[0, 0, 0] = 1000.0
    real_targets = torch.zeros(4, 8, 8, dtype=torch.uint8)
    found = logit_health(
        AdversarialLoss(DiscriminatorSettings(real_target=0.8)), real, fake, targets, real_targets
    )
    r = real.numpy().ravel().astype(float)
    f = np.delete(fake.numpy().astype(float), np.s_[0:2])
    point = np.log(0.4 / 0.6)
    expected = DiscriminatorStatistics(
        real_mean=r.mean(),
        real_spread=r.std(),
        fake_mean=f.mean(),
        fake_spread=f.std(),
        fake_magnitude=np.abs(f).mean(),
        largest=max(np.abs(r).max(), np.abs(f).max()),
        called_real=((r > point).mean() + (f > point).mean()) / 2,
        right=((r > point).mean() + (f <= point).mean()) / 2,
    )
    assert measured(found.map(float)) == pytest.approx(measured(expected), rel=1e-5)


def test_nothing_labelled_gives_zeros():
    nothing = torch.full((1, 8, 8), UNLABELLED, dtype=torch.uint8)
    logits = torch.ones(1, 1, 2, 2)
    found = logit_health(AdversarialLoss(DiscriminatorSettings()), logits, logits, nothing, nothing)
    assert all(torch.isfinite(value) for value in measured(found).values())
    assert float(found.largest) == 0


@pytest.mark.parametrize("head", ["patch", "dense"])
@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_the_last_layer_is_the_one_that_gives_the_logits(head, norm):
    settings = DiscriminatorSettings(head=head, norm=norm, width=2, depth=2)
    D = build_discriminator(
        settings, NetworkSettings(), 2, 16, torch.Generator().manual_seed(0)
    ).eval()
    x = torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = D(x)
        D.last_layer.bias += 2.5
        assert torch.allclose(D(x), before + 2.5, atol=1e-5)
        kept = {key: tensor.clone() for key, tensor in D.state_dict().items()}
        found = layer_health(D)
    assert float(found.last_bias) == pytest.approx(2.5)
    weight = D.last_layer.weight.detach().numpy().astype(float)
    assert float(found.last_weight) == pytest.approx(np.sqrt((weight**2).sum()), rel=1e-5)
    assert all(torch.equal(tensor, kept[key]) for key, tensor in D.state_dict().items())


def answers(it, D, real):
    """Logits of D on the fixed training patches, by batches of two, as G meets it."""
    images, targets = it.data.fixed_train
    found = []
    with torch.no_grad():
        for i in range(0, len(images), it.settings.batch):
            x, t = images[i : i + 2], targets[i : i + 2]
            if real:
                mask = (t == 0)[:, None].float()
            else:
                mask = it.optimizers["adversarial"].network.eval()(x).sigmoid()
            found.append(D(mask).flatten())
    return torch.cat(found).numpy().astype(float)


def test_health_is_measured_in_the_mode_that_g_learns_against(small, stack, annotation):
    """With averages, as in 2017, G meets the statistics of its own batch, not D's averages."""
    result = train(
        small(
            updates=3, network={"depth": 2}, discriminator={**OF_2017, "depth": 2}, alternation=BLOCK,
            adversarial_weight=ALWAYS,
        ),
        stack, annotation,
    )  # fmt: skip
    it, found = result.training, result.history[-1].health
    kept = {key: tensor.clone() for key, tensor in it.discriminator_in_g.state_dict().items()}
    averages = answers(it, it.discriminator_in_g.eval(), real=False)
    own = answers(it, it.discriminator_in_g.train(), real=False)
    it.discriminator_in_g.load_state_dict(kept)
    real = answers(it, it.discriminator_in_g.train(), real=True)
    assert found.fake_mean == pytest.approx(own.mean(), rel=1e-4)
    assert found.fake_spread == pytest.approx(own.std(), rel=1e-3, abs=1e-6)
    assert found.real_mean == pytest.approx(real.mean(), rel=1e-4)
    assert found.fake_mean != pytest.approx(averages.mean(), rel=1e-2)
    assert found.called_real == pytest.approx(((own > 0).mean() + (real > 0).mean()) / 2)
    assert found.right == pytest.approx(((own <= 0).mean() + (real > 0).mean()) / 2)


@pytest.mark.parametrize(
    ("discriminator", "alternation"),
    [
        (OF_2017, BLOCK),
        ({"norm": "spectral"}, {"kind": "step"}),
        ({"norm": "batch"}, {"kind": "step"}),
    ],
)
def test_measuring_leaves_d_as_it_is(small, stack, annotation, discriminator, alternation):
    settings = small(
        updates=6, validate_every=6, samples=0, discriminator=discriminator, alternation=alternation,
        adversarial_weight=ALWAYS,
    )  # fmt: skip
    result = train(settings, stack, annotation)
    it = result.training
    validator = Validator(it.settings, stack, it.data, it.compute)
    networks = {
        "D": it.optimizers["discriminator"].network,
        "in G": it.discriminator_in_g,
        "G": it.networks["adversarial"],
    }
    before = {n: {k: t.clone() for k, t in net.state_dict().items()} for n, net in networks.items()}
    twice = [
        validator.discriminator_scores(
            networks["G"], networks["D"], it.discriminator_in_g, it.adversary
        )
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    for name, network in networks.items():
        for key, tensor in network.state_dict().items():
            assert torch.equal(tensor, before[name][key]), (name, key)


# ---- discriminator.csv


@pytest.mark.parametrize("kind", ["constant", "balance"])
def test_discriminator_csv_holds_each_validation(small, stack, annotation, tmp_path, kind):
    weight = {"kind": kind, "value": 0.25, "start": 0.0, "rise": 0.0}
    result = train(small(adversarial_weight=weight), stack, annotation, tmp_path / "run")
    text = (tmp_path / "run" / "discriminator.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["update", "λ", *HEALTH]
    assert [int(row["update"]) for row in rows] == [4, 8, 12]
    for row, validated in zip(rows, result.history, strict=True):
        health = statistics_as_text(validated.health)
        assert health.keys() == set(HEALTH)
        for name in HEALTH:
            assert float(row[name]) == pytest.approx(health[name], rel=1e-5)
        if kind == "constant":
            assert float(row["λ"]) == 0.25
        else:
            assert float(row["λ"]) > 0
            assert float(row["gradient ratio"]) == pytest.approx(0.25, rel=1e-4)
    kept = load_run(tmp_path / "run").history
    assert health_csv(kept) == text


def test_before_g_learns_from_d_there_is_no_ratio_of_gradients(small, stack, annotation):
    late = {"kind": "ramp", "start": 0.9, "rise": 0.1}
    history = train(small(adversarial_weight=late, samples=0), stack, annotation).history
    assert history[0].health.gradient_ratio is None
    row = health_csv(history).splitlines()[1].split(",")
    assert (row[:2], row[-1]) == (["4", "0"], "")


def test_a_run_without_d_has_no_such_file(small, stack, annotation, tmp_path):
    train(small(method="standard", updates=1), stack, annotation, tmp_path / "run")
    assert not (tmp_path / "run" / "discriminator.csv").exists()
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["alarms"] == []
