"""The verbs in Python: an organisation behind one OAuth client, and what one can do with it.

    cloud = Cloud.from_env()
    for conversation in cloud.conversations("2023-10-01", media="voice"):
        ...
    summary = cloud.fetch("2023-10", to="conversations")

    what one wants                         verbs                                    in
    -------------------------------------  ---------------------------------------  ---------------
    to know whether it works               doctor                                   here
    conversations in files or a database   fetch, sync, verify                      landing.py
    conversations in the program           conversations, fetch_all, pages, tables  iterating.py
    … in several processes                 plan, read                               slicing.py

The command line has the same verbs; their keywords are in `keywords.py`. Every error is one of
`errors.py`: `UsageError` before anything is sent, `ApiError` where the API refuses or stays
unavailable. A verb imports what it needs when it is called: Arrow takes longer to import than the
doctor takes to run.
"""

from __future__ import annotations

from lastpage.api.patience import SHORT_PATIENCE
from lastpage.api.transport import Urllib3Transport
from lastpage.checkup import Finding, examine
from lastpage.iterating import Iterating
from lastpage.landing import Landing
from lastpage.slicing import Slicing

#: Seconds of silence after which the doctor has seen enough.
DOCTOR_READ_S = 15.0


class Cloud(Landing, Iterating, Slicing):
    """One organisation, through one OAuth client; its verbs share a token, connections and a pace.

    `credentials` are an id and a secret; or a token that was obtained elsewhere, which cannot be
    renewed; or the official SDK's `ApiClient` once it has logged in. `environment` is a region
    (`eu-central-1`), a domain or a URL; `us-east-1` by default. `requests_per_minute` is a share of
    the API's allowance of 300 a client, all of it by default; `threads` is how many requests are
    under way at once. The other options are for tests: the network, time, chance, files.

    Raises `UsageError` for an environment or a number that makes no sense; nothing is sent yet.
    """

    def doctor(self) -> list[Finding]:
        """Check whether a fetch can work here: environment, network, credentials, role, allowance …

        One `Finding` a check, its state `ok`, `warning` or `failed`, its text with what to do; the
        first that failed is the last. Sends about ten requests and reads no conversation. Errors
        are findings; none is raised.

        Example::

            for finding in cloud.doctor():
                print(finding.state, finding.check, finding.text)
        """
        transport = None if self._transport_given else Urllib3Transport(read_s=DOCTOR_READ_S)
        return list(examine(self.client.with_patience(SHORT_PATIENCE, transport), self._doubt))
