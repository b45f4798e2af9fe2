"""aggregates/query against the details: each rule with the section of docs/api.md it stands on."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.bare import DAY, Client, at, placed
from tests.inprocess import talk

AGGREGATES = "/api/v2/analytics/conversations/aggregates/query"
TIMES = ("tAcd", "tTalk", "tHandle", "tAnswered", "tAbandon", "tAcw")


def ask(client: Client, metrics: Any, interval: str = DAY, **more: Any) -> list[dict[str, Any]]:
    status, body, _ = client.ask(
        "POST", AGGREGATES, {"interval": interval, "metrics": metrics, **more}
    )
    assert status == 200, body
    return body.get("results", [])


def flat(results: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Statistics by group, interval and metric."""
    return {
        (tuple(sorted(result.get("group", {}).items())), data["interval"], each["metric"]): each[
            "stats"
        ]
        for result in results
        for data in result["data"]
        for each in data["metrics"]
    }


def emitted(client: Client, days: int = 12) -> list[tuple[str, str, int, str]]:
    """Every metric of the details around the day, as (moment, name, value, media type): another way to the same numbers."""
    found = []
    for day in range(11 - days, 11):
        interval = f"2023-10-{day:02d}T00:00Z/2023-10-{day + 1:02d}T00:00Z"
        rows = client.query(interval)[1]
        pages = [
            client.query(interval, number=number)[1]
            for number in range(1, rows["totalHits"] // 100 + 2)
        ]
        found += [
            (metric["emitDate"], metric["name"], metric["value"], session["mediaType"])
            for page in pages
            for row in page.get("conversations", [])
            for part in row["participants"]
            for session in part["sessions"]
            for metric in session.get("metrics", [])
        ]
    return found


def test_they_count_what_the_details_emitted() -> None:
    """3.6: per metric and media type, the values in the details whose emitDate falls in the interval, no more and no fewer."""
    client = Client(per_day=150)
    wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for moment, name, value, media in emitted(client, 10):
        if "2023-10-10T00:00:00.000Z" <= moment < "2023-10-11T00:00:00.000Z":
            wanted[media, name].append(value)
    found = flat(ask(client, [*TIMES, "nOffered", "nConnected"], groupBy=["mediaType"]))
    assert found
    for (media, name), values in wanted.items():
        key = ((("mediaType", media),), DAY, name)
        if name in TIMES:
            summed = {
                "max": max(values),
                "min": min(values),
                "count": len(values),
                "sum": sum(values),
            }
            assert found.pop(key) == summed
        elif name in ("nOffered", "nConnected"):
            assert found.pop(key) == {"count": len(values)}
    assert not found


def test_a_call_counts_where_its_parts_end() -> None:
    """3.6: a call from 09:16 to 09:32 has its talk in the half-hour from 09:30, and none before; its offer at once."""
    client = placed(at(10, 9 + 16 / 60, 16, 1))
    found = flat(ask(client, ["tTalkComplete", "nOffered", "tHandle"], granularity="PT30M"))
    early, late = (
        "2023-10-10T09:00:00.000Z/2023-10-10T09:30:00.000Z",
        "2023-10-10T09:30:00.000Z/2023-10-10T10:00:00.000Z",
    )
    assert {key[1:] for key in found} == {
        (early, "nOffered"),
        (late, "tTalkComplete"),
        (late, "tHandle"),
    }
    assert found[(), late, "tTalkComplete"]["sum"] > 10 * 60_000


def test_granularity_adds_up() -> None:
    """1.6: hours add up to the day, and without a granularity there is one bucket for the whole interval."""
    client = Client(per_day=200)
    hours = flat(ask(client, ["nOffered"], granularity="PT1H"))
    (day,) = flat(ask(client, ["nOffered"])).items()
    assert len(hours) > 10
    assert day[0][1] == DAY
    assert sum(stats["count"] for stats in hours.values()) == day[1]["count"]


def test_days_of_a_time_zone() -> None:
    """1.6: with a time zone, days are as long as they are there: 25 hours when the clocks go back."""
    client = placed(at(29, 0.5, 5, 1), at(29, 22.8, 5, 2), at(30, 0, 5, 3))
    client.wait(20 * 86_400)
    autumn = "2023-10-28T22:00:00.000Z/2023-10-30T23:00:00.000Z"
    found = flat(ask(client, ["nOffered"], autumn, granularity="P1D", timeZone="Europe/Berlin"))
    assert {key[1]: stats["count"] for key, stats in found.items()} == {
        "2023-10-28T22:00:00.000Z/2023-10-29T23:00:00.000Z": 2,
        "2023-10-29T23:00:00.000Z/2023-10-30T23:00:00.000Z": 1,
    }


@pytest.mark.parametrize(
    ("granularity", "edges"),
    [
        ("P1M", ["2023-08-31", "2023-09-30", "2023-10-31", "2023-11-30"]),
        ("P2W", ["2023-08-31", "2023-09-14", "2023-09-28"]),
    ],
)
def test_long_buckets(granularity: str, edges: list[str]) -> None:
    """1.6: weeks and months; a month later than the 31st is the last day of a shorter month."""
    client = placed(*(at(1, 24 * day, 5, 100 + day) for day in range(-31, 80)))
    client.wait(100 * 86_400)
    found = flat(
        ask(client, ["nOffered"], "2023-08-31T00:00Z/2023-12-01T00:00Z", granularity=granularity)
    )
    begins = sorted(key[1][:10] for key in found)
    assert begins[: len(edges)] == edges


def test_groups() -> None:
    """1.6: one result a combination of values; who has no value of a dimension is in a group without that key."""
    client = Client(per_day=200)
    groups = [
        result["group"]
        for result in ask(client, ["nConnected", "tTalk"], groupBy=["mediaType", "queueId"])
    ]
    assert {"mediaType", "queueId"} in [set(group) for group in groups]
    names = {entity["id"] for entity in client.ask("GET", "/api/v2/routing/queues")[1]["entities"]}
    assert {group["queueId"] for group in groups if "queueId" in group} == names
    menus = ask(client, ["tIvr"], groupBy=["mediaType", "queueId"])
    assert {tuple(result["group"]) for result in menus} == {("mediaType",)}


def test_several_values_are_several_groups() -> None:
    """1.6: a session with two wrap-up codes is in the groups of both, or in one named by both where that is asked for."""
    client = Client(per_day=400, late_wrap_up_share=1.0)
    apart, together = (
        {
            result["group"]["wrapUpCode"]: result["data"][0]["metrics"][0]["stats"]["count"]
            for result in ask(
                client, ["tTalk"], groupBy=["wrapUpCode"], flattenMultivaluedDimensions=flattened
            )
            if "group" in result
        }
        for flattened in (False, True)
    )
    assert not any("," in codes for codes in apart)
    assert any("," in codes for codes in together)
    for code, count in apart.items():
        assert count == sum(
            number for codes, number in together.items() if code in codes.split(",")
        )


def test_conversations_are_counted_once() -> None:
    """1.6, 3.6: nConversations counts a conversation where it began, however many sessions it has."""
    client = placed(*(at(10, 8 + hour, 30, hour, fate="transferred") for hour in range(1, 6)))
    (total,) = flat(ask(client, ["nConversations"])).values()
    assert total == {"count": 5}
    hours = flat(ask(client, ["nConversations"], granularity="PT1H"))
    assert [stats["count"] for stats in hours.values()] == [1] * 5


def test_filters() -> None:
    """1.6: predicates over a session's facts; groups with no data are missing, and so are all of them."""
    client = Client(per_day=200)
    voice = {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}]}
    everything = flat(ask(client, ["nConnected"], groupBy=["mediaType"]))
    only = flat(ask(client, ["nConnected"], groupBy=["mediaType"], filter=voice))
    key = ((("mediaType", "voice"),), DAY, "nConnected")
    assert len(everything) > 1
    assert only == {key: everything[key]}
    nobody = {
        "type": "or",
        "clauses": [{"type": "and", "predicates": [{"dimension": "userId", "value": "nobody"}]}],
    }
    status, body, _ = client.ask(
        "POST", AGGREGATES, {"interval": DAY, "metrics": ["nConnected"], "filter": nobody}
    )
    assert (status, body) == (200, {})
    assert Client(per_day=0, empty_answer="empty-list").ask(
        "POST", AGGREGATES, {"interval": DAY, "metrics": ["nConnected"]}
    )[1] == {"results": []}


def test_views() -> None:
    """1.6: a view counts the values of a range; ranges that touch add up to the metric."""
    client = Client(per_day=200)
    views = [
        {"target": "tTalk", "name": "short", "function": "rangeBound", "range": {"lt": 60_000}},
        {"target": "tTalk", "name": "long", "function": "rangeBound", "range": {"gte": 60_000}},
        {"target": "tTalk", "name": "endless", "function": "rangeBound", "range": {"gte": 10**12}},
    ]
    ((data,),) = [result["data"] for result in ask(client, ["tTalk"], views=views)]
    counts = {view["name"]: view["stats"] for view in data["views"]}
    whole = data["metrics"][0]["stats"]
    assert set(counts) == {"short", "long"}
    assert counts["short"]["max"] < 60_000 <= counts["long"]["min"]
    assert counts["short"]["count"] + counts["long"]["count"] == whole["count"]
    assert counts["short"]["sum"] + counts["long"]["sum"] == whole["sum"]


def test_the_service_level() -> None:
    """1.6: oServiceLevel has ratio, numerator, denominator, target; of all that were answered or given up. 5.7: tWait is of those that flowed out, too."""
    client = Client(per_day=200, service_level_s=30)
    found = {
        key[2]: stats
        for key, stats in flat(
            ask(client, ["oServiceLevel", "tAnswered", "tAbandon", "tFlowOut", "tWait"])
        ).items()
    }
    level = found["oServiceLevel"]
    ends = found["tAnswered"]["count"] + found["tAbandon"]["count"]
    assert level["denominator"] == ends
    assert found["tWait"]["count"] == ends + found["tFlowOut"]["count"] > ends
    in_time = {
        "target": "tAnswered",
        "name": "x",
        "function": "rangeBound",
        "range": {"lt": 30_001},
    }
    view = ask(client, ["tAnswered"], views=[in_time])[0]["data"][0]["views"][0]
    assert 0 < level["numerator"] == view["stats"]["count"] < level["denominator"]
    assert level["ratio"] == level["numerator"] / level["denominator"]
    assert level["target"] == 0.8


def test_the_wait_of_a_callback_that_calls_the_customer_first() -> None:
    """5.7: its offer and tWait are all that there is of it under callback; under voice it was offered and answered."""
    client = Client(per_day=0)
    client.box.world.add(
        talk(1, datetime(2023, 10, 10, 9, tzinfo=UTC), 9, media="callback", fate="customer first")
    )
    metrics = ["nOffered", "tAnswered", "tAbandon", "tAcd", "tWait"]
    found = flat(ask(client, metrics, groupBy=["mediaType"]))
    assert {(key[0][0][1], key[2]): stats["count"] for key, stats in found.items()} == {
        ("callback", "nOffered"): 1,
        ("callback", "tWait"): 1,
        ("voice", "nOffered"): 1,
        ("voice", "tAnswered"): 1,
        ("voice", "tAcd"): 1,
        ("voice", "tWait"): 1,
    }


def test_the_top() -> None:
    """1.6: topN and bottomN keep the groups with the most, or the least, of a metric."""
    client = Client(per_day=300)
    counts = Counter(
        {
            result["group"]["userId"]: result["data"][0]["metrics"][0]["stats"]["count"]
            for result in ask(client, ["tTalk"], groupBy=["userId"])
            if "group" in result
        }
    )
    top = ask(
        client,
        ["tTalk"],
        groupBy=["userId"],
        queryType="topN",
        limit=3,
        sortMetric={"name": "tTalk", "function": "count"},
    )
    bottom = ask(
        client,
        ["tTalk"],
        groupBy=["userId"],
        queryType="bottomN",
        limit=1,
        sortMetric={"name": "tTalk", "function": "count"},
    )
    assert [counts[result["group"]["userId"]] for result in top] == [
        count for _, count in counts.most_common(3)
    ]
    assert counts[bottom[0]["group"]["userId"]] == min(counts.values())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"metrics": ["nOffered"]}, "invalid.date"),
        ({"interval": DAY}, "bad.request"),
        ({"interval": DAY, "metrics": []}, "bad.request"),
        ({"interval": DAY, "metrics": "nOffered"}, "bad.request"),
        ({"interval": DAY, "metrics": ["nUnheard"]}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "groupBy": ["shoeSize"]}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "granularity": "1h"}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "granularity": "PT0H"}, "invalid.value"),
        ({"interval": "2023-01-01T00:00Z/2023-12-31T00:00Z", "metrics": ["nOffered"], "granularity": "PT1M"}, "bad.request"),
        ({"interval": "2013-01-01T00:00Z/2023-12-31T00:00Z", "metrics": ["nOffered"]}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "timeZone": "Europe/Atlantis"}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "timeZone": "../etc/passwd"}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "filter": {"predicates": []}}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "filter": {"type": "and", "predicates": [{"value": "x"}]}}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "filter": {"type": "and", "predicates": [{"dimension": "queueId"}]}}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "filter": {"type": "and", "predicates": [{"dimension": "shoe", "value": "x"}]}}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "views": [{"name": "x"}]}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "views": [{"name": "x", "target": "tTalk", "function": "rangeBound"}]}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "queryType": "topN"}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "queryType": "best"}, "invalid.value"),
        ({"interval": DAY, "metrics": ["nOffered"], "limit": 0}, "bad.request"),
        ({"interval": DAY, "metrics": ["nOffered"], "alternateTimeDimension": "tea"}, "invalid.value"),
    ],
)  # fmt: skip
def test_bad_questions(body: dict[str, Any], code: str) -> None:
    """1.8: what is malformed is a 400 with the API's code."""
    status, answer, _ = Client(per_day=5).ask("POST", AGGREGATES, body)
    assert (status, answer["code"]) == (400, code)


def test_the_permission() -> None:
    """7: aggregates have a permission of their own."""
    client = Client(permissions=frozenset({"analytics:conversationDetail:view"}))
    status, body, _ = client.ask("POST", AGGREGATES, {"interval": DAY, "metrics": ["nOffered"]})
    assert status == 403
    assert "analytics:conversationAggregate:view" in body["message"]
