"""What the window says of the adversary: pure functions from what a run told of D to words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics

WARNING = "⚠"
"""Stands before an alarm, which is told by more than a colour."""
_OVER = {
    "collapsed": "D had collapsed",
    "saturated": "D was saturated",
    "undecided": "D told real and fake masks apart no better than by chance",
    "weak": "the adversarial term hardly moved G/S",
    "strong": "the adversarial term moved G/S more than the annotation did",
    "one class S": "the mask of S was of one class",
    "one class G/S": "the mask of G/S was of one class",
}
_JUMP = "jump"


def shows_adversary(model: AppModel) -> bool:
    """Whether there is an adversary in the run that is shown, or else in the one that is chosen."""
    if model.run is not None and model.run.networks:
        return "adversarial" in model.run.networks
    return model.choices.method != "standard"


def active_alarms(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Those that last, the newest first."""
    return sorted((one for one in alarms if one.until is None), key=lambda one: -one.since)


def alarm_line(alarms: Sequence[Alarm]) -> str:
    """The newest alarm that lasts, and how many more there are; empty without one."""
    lasting = active_alarms(alarms)
    if not lasting:
        return ""
    more = f" And {len(lasting) - 1} more." if len(lasting) > 1 else ""
    return f"{WARNING} {lasting[0].text}{more}"


def health_line(model: AppModel) -> str:
    """How D does where nothing is wrong; empty where an alarm says it, or nothing is known of a D."""
    if not (shows_adversary(model) and health_now(model).known) or active_alarms(model.alarms):
        return ""
    if weight_now(model) > 0:
        acted = any(one.adversarial_weight > 0 for one in model.history)
        return (
            "D: healthy" if acted else "D acts on G/S now; its health shows at the next validation."
        )
    rises = next((update for update, weight in model.lambda_marks if weight == 0), None)
    if rises is None:
        return "D does not act on G/S yet: λ is 0."
    return f"D does not act on G/S yet: λ rises from update {rises:,} on."


def health_now(model: AppModel) -> DiscriminatorStatistics[float]:
    """The last known value of each statistic: the update at work before the last validation."""
    if not model.history:
        return model.health
    return model.history[-1].health | model.health


def weight_now(model: AppModel) -> float:
    """λ of the last update that is known of."""
    if model.health.weight is not None:
        return model.health.weight
    return model.history[-1].adversarial_weight if model.history else 0.0


def health_numbers(model: AppModel) -> list[str]:
    """D's numbers for who wants them, a line each."""
    if not shows_adversary(model):
        return []
    health = health_now(model)
    lines = [f"logits on {side} masks {words}" for side, words in logits(health).items()]
    if health.broken_mean is not None:
        lines.append(f"logits on real masks with gaps {signed(health.broken_mean, 2)}")
    if health.called_real is not None:
        right = "" if health.right is None else f", {percent(health.right)} right"
        lines.append(f"answers: {percent(health.called_real)} “real”{right}")
    if health.last_bias is not None:
        weight = "" if health.last_weight is None else f", weights {health.last_weight:.3g}"
        lines.append(f"last layer: bias {signed(health.last_bias, 3)}{weight}")
    if health.gradient_ratio is not None:
        lines.append(f"gradients, adversarial to annotation: {health.gradient_ratio:.2g}")
    if health.known:
        lines.append(f"λ {weight_now(model):.3g}")
    return lines


def logits(health: DiscriminatorStatistics[float]) -> dict[str, str]:
    """``+2.10 ± 0.45``: mean and spread of D's logits on ``real`` and on ``fake`` masks, if measured."""
    sides = {
        "real": (health.real_mean, health.real_spread),
        "fake": (health.fake_mean, health.fake_spread),
    }
    return {
        side: signed(mean, 2) + ("" if spread is None else f" ± {spread:.2f}")
        for side, (mean, spread) in sides.items()
        if mean is not None
    }


def signed(value: float, decimals: int) -> str:
    """A number with its sign, the minus as wide as the plus."""
    return f"{value:+.{decimals}f}".replace("-", "−")


def percent(share: float) -> str:
    """``48 %``."""
    return f"{share * 100:.0f} %"


def past_alarms(alarms: Sequence[Alarm]) -> list[str]:
    """Alarms that are over, the newest first: since when, until when, what it was."""
    over = [one for one in alarms if one.until is not None]
    return [_past(one) for one in sorted(over, key=lambda one: -one.since)]


def _past(alarm: Alarm) -> str:
    if alarm.kind == _JUMP:
        return f"At update {alarm.since:,}: the bias of D's last layer jumped."
    words = _OVER.get(alarm.kind, alarm.text.rstrip("."))
    return f"Since update {alarm.since:,} until {alarm.until:,}: {words}."


def alarms_at(alarms: Sequence[Alarm], update: float) -> list[Alarm]:
    """The alarms that lasted at an update, the newest first."""
    there = [
        one for one in alarms if one.since <= update and (one.until is None or update <= one.until)
    ]
    return sorted(there, key=lambda one: -one.since)
