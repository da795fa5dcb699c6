"""What an audit is going to send, and what that costs at most, before anything is sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chatcontract.probe import Context, Level, Probe

CATALOGUED_MODEL = "m" * 32
"""Stands for a model whose name is not known yet."""


class Budget(NamedTuple):
    """How often an unsure probe is tried, and the most that may be spent; None is no bound."""

    repeat: int = 3
    requests: int | None = None
    tokens: int | None = None


class Cost(NamedTuple):
    """Requests and tokens, at most."""

    requests: int = 0
    tokens: int = 0

    def plus(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(self.requests + other.requests, self.tokens + other.tokens)


class Plan(NamedTuple):
    """The probes to be run, in their order; `left_out` says of each other one why."""

    probes: tuple[Probe, ...]
    left_out: Mapping[str, str]
    cost: Cost


def cost(probe: Probe, context: Context, repeat: int) -> Cost:
    """What a probe costs at most."""
    tries = repeat if probe.uncertain else 1
    return Cost(tries * probe.turns, tries * probe.turns * probe.request.tokens(context))


def plan(probes: Iterable[Probe], context: Context, budget: Budget, *, discovers: bool = False) -> Plan:
    """Take probes as long as the budget allows: the sections in turn, of each first what a server must do.

    Args:
        probes: the selected ones.
        context: what goes into every request.
        budget: what may be spent.
        discovers: one more request finds the model.
    """
    spent, left_out, chosen = Cost(1 if discovers else 0, 0), {}, tuple(probes)
    for probe in in_turn(chosen):
        total = spent.plus(cost(probe, context, budget.repeat))
        if budget.requests is not None and total.requests > budget.requests:
            left_out[probe.id] = f"left out: it would exceed {budget.requests} requests"
        elif budget.tokens is not None and total.tokens > budget.tokens:
            left_out[probe.id] = f"left out: it would exceed {budget.tokens} tokens"
        else:
            spent = total
    taken = tuple(probe for probe in chosen if probe.id not in left_out)
    told = {probe.id: left_out[probe.id] for probe in chosen if probe.id in left_out}
    return Plan(taken, told, spent)


def in_turn(probes: Iterable[Probe]) -> list[Probe]:
    """The first probe, then one of every section after the other, those of a section by level."""
    first, *rest = probes
    levels = list(Level)
    places: Counter[str] = Counter()
    ranked: list[tuple[int, Probe]] = []
    for probe in sorted(rest, key=lambda probe: levels.index(probe.level)):
        places[probe.section] += 1
        ranked.append((places[probe.section], probe))
    return [first, *(probe for _, probe in sorted(ranked, key=lambda one: one[0]))]
