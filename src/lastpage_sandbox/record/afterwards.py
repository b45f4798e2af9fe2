"""What is embedded in a record days or weeks after its end: evaluations, surveys, resolutions
(docs/api.md, 3.4).
"""

from __future__ import annotations

from lastpage_sandbox.moments import HOUR_MS, stamp
from lastpage_sandbox.record.draft import Draft
from lastpage_sandbox.record.shape import Evaluation, Resolution, Survey

#: They became visible with a night's run and were made in the working day before it.
MADE_BEFORE_MS = 12 * HOUR_MS
SURVEY_FORM = "How was it"


def evaluations(draft: Draft) -> list[Evaluation]:
    if _not_yet(draft, draft.later.evaluated_ms):
        return []
    form, score = draft.skeleton.agent % 3, 60 + draft.skeleton.wait_ms % 41
    return [
        Evaluation(
            assignee_applicable=False,
            context_id=draft.name("form context", form),
            deleted=False,
            evaluation_id=draft.id(),
            evaluation_status=("Finished", "Finished", "InReview")[draft.skeleton.lead_ms % 3],
            evaluator_id=draft.user(0),
            event_time=_made(draft.later.evaluated_ms),
            form_id=draft.name("form", form),
            form_name=("Call quality", "Courtesy", "Compliance")[form],
            queue_id=draft.queue_id,
            released=True,
            rescored=score < 65,
            user_id=draft.user(draft.skeleton.agent),
            o_total_critical_score=min(score + 5, 100),
            o_total_score=score,
        )
    ]


def surveys(draft: Draft) -> list[Survey]:
    if _not_yet(draft, draft.later.surveyed_ms):
        return []
    promoter = draft.skeleton.wait_ms % 11
    return [
        Survey(
            event_time=_made(draft.later.surveyed_ms),
            queue_id=draft.queue_id,
            survey_completed_date=_made(draft.later.surveyed_ms),
            survey_form_context_id=draft.name("survey form context"),
            survey_form_id=draft.name("survey form"),
            survey_form_name=SURVEY_FORM,
            survey_id=draft.id(),
            survey_partial_response=False,
            survey_promoter_score=promoter,
            survey_status="Finished",
            survey_type="Voice" if draft.skeleton.media == "voice" else "Web",
            user_id=draft.user(draft.skeleton.agent),
            o_survey_total_score=promoter * 10,
        )
    ]


def resolutions(draft: Draft) -> list[Resolution]:
    if _not_yet(draft, draft.later.resolved_ms):
        return []
    return [
        Resolution(
            event_time=_made(draft.later.resolved_ms),
            queue_id=draft.queue_id,
            user_id=draft.user(draft.skeleton.agent),
            n_next_contact_avoided=draft.skeleton.wait_ms % 2,
        )
    ]


def _not_yet(draft: Draft, moment: int | None) -> bool:
    return (
        moment is None
        or moment > draft.at_ms
        or draft.skeleton.fate in ("abandoned", "unreached", "personal")
    )


def _made(moment: int | None) -> str:
    return stamp((moment or 0) - MADE_BEFORE_MS)
