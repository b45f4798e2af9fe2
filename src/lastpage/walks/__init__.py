"""The two routes through the API, each as a walk that can be asked what comes next.

    Slice ─▶ first ─▶ Request ─▶ call ─▶ (sent) ─▶ Answer ─▶ after ─▶ Request …
                                                               └────▶ Done | Narrow | Again

`ROUTES` finds a walk by the name of its route; a third route is a third row.
"""

from __future__ import annotations

from collections.abc import Mapping

from lastpage.walks.cursor import CursorWalk
from lastpage.walks.pages import PagesWalk

ROUTES: Mapping[str, type[PagesWalk | CursorWalk]] = {"pages": PagesWalk, "cursor": CursorWalk}
