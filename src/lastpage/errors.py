"""One family of errors: whose fault it is decides the class, and the class decides the exit code.

    LastpageError
    ├── UsageError           2    the request is wrong; no conversation was asked for
    ├── ShortError           3    evidence says that rows are missing
    ├── ApiError                  an answer, with endpoint, status, code and correlation id
    │   ├── RejectedError    2    the API rejects this request, however often it is sent
    │   ├── RefusedError     4    the API refuses the credentials or the role
    │   └── UnavailableError 5    the API did not answer, or not in time, or with nonsense
    ├── DestinationError     6    the destination cannot be written
    │   ├── ForeignError     6    lastpage did not make what is there
    │   ├── DamagedError     6    what is there cannot be read any more
    │   └── InUseError       7    another run writes to the destination
    └── Interrupted        130    the run was stopped; running it again goes on

Every message says what happened, whose fault it is, and what to do next. No message holds a secret,
or anything that a terminal would obey (`outside.py`).

A new kind of API error is a class here, and the rules of `api/responses.py` that raise it.
"""

from __future__ import annotations

from lastpage.outside import shown


class LastpageError(Exception):
    """The root of the family; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))

    def __reduce__(self) -> tuple[object, ...]:
        """As it stands, whatever its class is made of: an error of another process comes whole."""
        return _unpickled, (type(self), self.args, self.__dict__)


def _unpickled(
    kind: type[LastpageError], arguments: tuple[object, ...], facts: dict[str, object]
) -> LastpageError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(facts)
    return error


class UsageError(LastpageError):
    """The request is wrong: an argument, a variable, a file. No conversation was asked for."""

    exit_code = 2


class ShortError(LastpageError):
    """The rows are there, but evidence says that some are missing."""

    exit_code = 3


class ApiError(LastpageError):
    """An answer of the API that ends a request.

    `endpoint` is the method and the path without ids, `status` the HTTP status (None when there was
    no answer), `code` the API's own word for the fault, `correlation_id` what the vendor's support
    asks for, `permission` what the role lacks; each is empty where it is not known. `too_large`
    says that a page with fewer rows might come.
    """

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        endpoint: str = "",
        status: int | None = None,
        code: str = "",
        correlation_id: str = "",
        permission: str = "",
        too_large: bool = False,
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.status = status
        self.code = shown(code)
        self.correlation_id = shown(correlation_id)
        self.permission = shown(permission)
        self.too_large = too_large


class RejectedError(ApiError):
    """The API rejects this request, however often it is sent (400, 404, 413, 415)."""

    exit_code = 2


class RefusedError(ApiError):
    """The API refuses the credentials or the role (401, 403, a login)."""

    exit_code = 4


class UnavailableError(ApiError):
    """No sensible answer, after all tries (429, 5xx, the network)."""

    exit_code = 5


class DestinationError(LastpageError):
    """The destination is full, read-only, not ours, or of another shape."""

    exit_code = 6


class ForeignError(DestinationError):
    """Lastpage did not make what is there; `what` says so, without the advice for who writes."""

    def __init__(self, what: str, advice: str = "give another destination, or remove it") -> None:
        super().__init__(f"{what}; {advice}")
        self.what = what


class DamagedError(DestinationError):
    """What was written cannot be read any more: `path` is what, `remove` what makes room for it."""

    def __init__(self, path: object, problem: object, remove: object) -> None:
        super().__init__(
            f"{path} cannot be read ({problem}): it is damaged, or lastpage did not make it; put "
            f"back a copy, or remove {remove} and run the same command again: it is fetched anew"
        )


class InUseError(DestinationError):
    """Another run writes to the destination."""

    exit_code = 7


class Interrupted(LastpageError):
    """The run was stopped from outside. What was committed stays; the same command goes on."""

    exit_code = 130
