"""Who learns when: the order in which S, G and D take their turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import ceil

from napari_advseg.core.config.schedules import discriminator_learns
from napari_advseg.core.config.settings import RunSettings


@dataclass(frozen=True)
class Block:
    """A turn's place in a block: the epoch and the number of the update in it, both from 0."""

    epoch: int
    update: int


@dataclass(frozen=True)
class Turn:
    """One batch and who learns from it.

    Attributes
    ----------
    networks : frozenset of {"standard", "adversarial", "discriminator"}
    batch : int
        Number of the batch, which decides its patches, augmentation and dropout.
    update : int
        Updates of S (and G) that the run counts after this turn.
    validate : bool
        Whether a validation follows.
    block : Block or None
        Where in a block of updates of one network the turn stands.
    """

    networks: frozenset[str]
    batch: int
    update: int
    validate: bool
    block: Block | None = None

    @property
    def opens_block(self) -> bool:
        """Whether it is the first of a block."""
        return self.block is not None and self.block.update == 0


def scheduled_turns(settings: RunSettings, first: int = 0) -> Iterator[Turn]:
    """The turns of a run from turn number `first` on.

    `settings.updates` and, with per-step alternation, `settings.validate_every` are resolved numbers.
    """
    yield from current_turns(lambda: settings, first)


def current_turns(current: Callable[[], RunSettings], first: int = 0) -> Iterator[Turn]:
    """The turns of a run whose number of updates may change between two turns.

    Parameters
    ----------
    current : callable
        Returns the settings with the number of updates as planned now; nothing else may change.
    first : int
        Number of the first turn.
    """
    by_kind = _step_turns if current().alternation.kind == "step" else _block_turns
    yield from by_kind(current, first)


def _step_turns(current: Callable[[], RunSettings], first: int) -> Iterator[Turn]:
    settings = current()
    networks: frozenset[str] = frozenset(settings.networks)
    if "adversarial" in networks:
        networks |= {"discriminator"}
    every = settings.validate_every or 1
    for batch in count(first):
        updates, update = current().updates or 0, batch + 1
        if update > updates:
            return
        yield Turn(networks, batch, update, update % every == 0 or update == updates)


def _block_turns(current: Callable[[], RunSettings], first: int) -> Iterator[Turn]:
    """S's block, G's block on the same batches, D's block; a validation after each epoch."""
    settings = current()
    block = settings.alternation.generator_updates
    blocks: list[tuple[str, int]] = [(network, block) for network in settings.networks]
    if "adversarial" in settings.networks:
        blocks.append(("discriminator", settings.alternation.discriminator_updates))
    number = 0
    for epoch in count():
        if epoch >= block_epochs(current()):
            return
        for place, (learner, length) in enumerate(blocks):
            for i in range(length):
                if number >= first:
                    last = place == len(blocks) - 1 and i == length - 1
                    # the run has come as far as its first network
                    update = epoch * block + (i + 1 if place == 0 else block)
                    batch = epoch * block + i % block
                    yield Turn(frozenset({learner}), batch, update, last, Block(epoch, i))
                number += 1


def number_of_turns(settings: RunSettings) -> int:
    """All turns of a run."""
    if settings.alternation.kind == "step":
        return settings.updates or 0
    networks = len(settings.networks) * settings.alternation.generator_updates
    discriminator = settings.alternation.discriminator_updates * (
        "adversarial" in settings.networks
    )
    return block_epochs(settings) * (networks + discriminator)


def block_epochs(settings: RunSettings) -> int:
    """Whole epochs of block alternation that hold `settings.updates`."""
    return ceil((settings.updates or 0) / settings.alternation.generator_updates)


def discriminator_updates(settings: RunSettings) -> int:
    """Updates that D makes in the whole run."""
    if settings.alternation.kind == "block":
        return block_epochs(settings) * settings.alternation.discriminator_updates
    updates = settings.updates or 0
    return sum(
        discriminator_learns(settings.adversarial_weight, update, updates)
        for update in range(updates)
    )
