"""The verbs that hand conversations to the caller: as dicts, page by page, or as Arrow.

What can be refused is refused at the call, before the first row is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from lastpage.api.names import Directory
from lastpage.connection import Connection
from lastpage.keywords import Asked, Wanted, When, kept_from, need_from
from lastpage.progress import LOG

if TYPE_CHECKING:
    import pyarrow as pa

    from lastpage.extraction.run import Fetching
    from lastpage.reading import FetchedPage

Conversation = dict[str, Any]


class Iterating(Connection):
    """What hands over every conversation of an interval, with bounded memory."""

    def conversations(self, interval: When, **keywords: Unpack[Asked]) -> Iterator[Conversation]:
        """Every conversation that starts in the interval, once, as the API's own record, a dict.

        Memory is one page. Raises `UsageError` and `ApiError`, and `ShortError` at the end when
        evidence says that rows are missing.

        Example::

            for conversation in cloud.conversations("2023-10-10", media="voice"):
                print(conversation["conversationId"], conversation["conversationStart"])
        """
        from lastpage.reading import handed, records

        return handed(self._reading(interval, keywords), records)

    def fetch_all(self, interval: When, **keywords: Unpack[Asked]) -> list[Conversation]:
        """The same as a list, which is held in memory: for hours or days, not for months.

        Raises as `conversations` does, and then returns nothing.

        Example::

            print(len(cloud.fetch_all("2023-10-10T08:00Z/2023-10-10T12:00Z")))
        """
        return list(self.conversations(interval, **keywords))

    def pages(self, interval: When, **keywords: Unpack[Asked]) -> Iterator[FetchedPage]:
        """The same conversations page by page, with what the API said of each page.

        Raises as `conversations` does.

        Example::

            for page in cloud.pages("2023-10-10", paginate="pages"):
                print(page.slice.number, page.count, page.total_hits, len(page.conversations))
        """
        from lastpage.reading import fetched_pages, handed

        return handed(self._reading(interval, keywords), fetched_pages)

    def tables(
        self, interval: When, **keywords: Unpack[Wanted]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The same conversations as Arrow: pairs of a table's name and a batch (docs/tables.md).

        The organisation's lists come first, unless `names=False`; a list that cannot be read is a
        warning in the log. Then batches come page by page; those of a page stand together. Raises
        as `conversations` does.

        Example::

            for table, batch in cloud.tables("2023-10-10", tables="segments"):
                print(table, batch.num_rows)
        """
        from lastpage.reading import batches, handed
        from lastpage.tables.build import Shredder
        from lastpage.tables.derived import NO_NAMES, names_of

        shredder = Shredder.from_env(kept_from(keywords))
        directory, need = Directory(self.client), need_from(keywords)

        def listed(run: Fetching) -> Iterator[tuple[str, pa.RecordBatch]]:
            names = NO_NAMES
            if keywords.get("names", True):
                names = names_of(directory.lists(shredder.selection.lists, LOG.warning))
            for name, table in names.lists.items():
                yield from ((name, batch) for batch in table.to_batches())
            yield from batches(run, replace(shredder, names=names))

        return handed(self._reading(interval, keywords, directory=directory, need=need), listed)
