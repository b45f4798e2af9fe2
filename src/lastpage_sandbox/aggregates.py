"""`POST …/conversations/aggregates/query`, computed from the records: each metric in the bucket in
which it was emitted.

So a call that crosses a bucket's edge has its talk in the later one (docs/api.md, 3.6). Groups,
buckets and metrics without data are missing (1.6). Whether buckets begin with the interval or with
the clock is not known; here it is the interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from lastpage_sandbox.buckets import Buckets
from lastpage_sandbox.emissions import Emissions, Emitter
from lastpage_sandbox.filters import meets
from lastpage_sandbox.library import Library
from lastpage_sandbox.question import Group, Question, Top
from lastpage_sandbox.replies import Asked, Reply
from lastpage_sandbox.summary import Summary

Json = dict[str, Any]
#: Summaries by metric, by bucket, by group.
Cells = dict[str, dict[str, Summary]]
Table = dict[Group, Cells]
#: What a waiting in a queue ends with, which `tWait` is made of (beside what `emissions.py` finds
#: of it); and what of that `oServiceLevel` is made of.
WAITS = ("tAnswered", "tAbandon", "tFlowOut")
LEVELS = ("tAnswered", "tAbandon")


class AggregatesQuery:
    """Answers from what the records' sessions emitted."""

    def __init__(self, library: Library) -> None:
        self._settings = library.settings
        self._emissions = Emissions(library)

    def answer(self, asked: Asked, now_ms: int) -> Reply:
        question = Question.of(asked.json, self._settings)
        table = self._table(question, now_ms)
        groups = sorted(table) if question.top is None else _ranked(table, question.top)
        results = [
            result for group in groups if (result := self._result(group, table[group], question))
        ]
        if not results and self._settings.empty_answer == "absent":
            return Reply(200, {})
        return Reply(200, {"results": results})

    def _table(self, question: Question, now_ms: int) -> Table:
        buckets = question.buckets
        table: Table = defaultdict(lambda: defaultdict(lambda: defaultdict(Summary)))
        emitters = [
            emitter
            for emitter in self._emissions.during(buckets.start_ms, buckets.end_ms, now_ms)
            if meets(question.filter, emitter.facts)
        ]
        for emitter in emitters:
            for group in question.groups(emitter.facts):
                self._add(table[group], emitter, buckets)
        _count_conversations(table, emitters, question)
        return table

    def _add(self, cells: Cells, emitter: Emitter, buckets: Buckets) -> None:
        for moment, name, value in emitter.metrics:
            if (bucket := buckets.of(moment)) is None:
                continue
            cells[bucket][name].values.append(value)
            if name in WAITS:
                cells[bucket]["tWait"].values.append(value)
            if name in LEVELS:
                in_time = name == "tAnswered" and value <= self._settings.service_level_s * 1000
                cells[bucket]["oServiceLevel"].values.append(int(in_time))

    def _result(self, group: Group, cells: Cells, question: Question) -> Json | None:
        data = []
        for bucket, summaries in sorted(cells.items()):
            metrics = [
                {"metric": name, "stats": self._stats(name, summaries[name])}
                for name in question.metrics
                if name in summaries
            ]
            views = list(_viewed(question.views, summaries))
            if metrics or views:
                data.append(
                    {"interval": bucket, "metrics": metrics, **({"views": views} if views else {})}
                )
        return {**({"group": dict(group)} if group else {}), "data": data} if data else None

    def _stats(self, name: str, summary: Summary) -> Json:
        return (
            summary.level(self._settings.service_level_target)
            if name == "oServiceLevel"
            else summary.stats(name)
        )


def _count_conversations(table: Table, emitters: Iterable[Emitter], question: Question) -> None:
    """A conversation counts once in a group: where its first session of that group began."""
    first: dict[tuple[str, Group], int] = {}
    for emitter in emitters:
        for group in question.groups(emitter.facts):
            key = emitter.conversation, group
            first[key] = min(first.get(key, emitter.began_ms), emitter.began_ms)
    for (_, group), began in first.items():
        if bucket := question.buckets.of(began):
            table[group][bucket]["nConversations"].values.append(1)


def _viewed(views: Iterable[Json], summaries: dict[str, Summary]) -> Iterator[Json]:
    for view in views:
        target = view["target"]
        found = summaries[target].within(view["range"]) if target in summaries else Summary()
        if found.values:
            yield {"name": view["name"], "stats": found.stats(target)}


def _ranked(table: Table, top: Top) -> list[Group]:
    """The groups that have the metric, by how much; the same much by name."""
    totals = {}
    for group, cells in table.items():
        values = [
            value
            for summaries in cells.values()
            if top.metric in summaries
            for value in summaries[top.metric].values
        ]
        if values:
            totals[group] = Summary(values).total(top.function)
    ranked = sorted(
        totals, key=lambda group: (-totals[group] if top.most else totals[group], group)
    )
    return ranked[: top.limit]
