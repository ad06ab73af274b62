"""Every message of every rule in three languages, word for word, against the files in `alerts/`.

Read the difference as a customer success manager would, then rewrite the files with
`PYTHONPATH=.:tests python tests/golden/test_alert_golden.py --rewrite`.
"""

import json
import sys
from pathlib import Path

import msgspec
import pytest
from alert_samples import DETRACTOR, Rig, daily

from schemas.scores import HealthScore
from streams.alerts.texts import LOCALES

GOLDEN = Path(__file__).parent / "alerts"
CURRENCIES = {"pt": "BRL", "es": "CLP", "en": "KWD"}  # two, no and three digits


def scores(locale: str) -> list[HealthScore]:
    """Customers whose alerts take every step and every ending."""
    short = msgspec.structs.replace(DETRACTOR, reason=None, generated=True)
    better = msgspec.structs.replace(DETRACTOR, score=8, nps_class="passive")
    told = {"locale": locale, "currency": CURRENCIES[locale]}
    falls = told | {"customer_id": "c-fell"}
    leaves = told | {"customer_id": "c-left", "owner": None, "name": None}
    answers = told | {"customer_id": "c-answered"}
    expires = told | {"customer_id": "c-silent"}
    return [
        daily(0, "red", 44.44, "yellow", previous_score=61.0, **falls),
        daily(1, "red", 30.0, "red", previous_score=44.44, **falls),
        daily(7, "yellow", 58.25, "red", **falls),
        daily(0, "red", 40.0, "green", previous_score=None, **leaves),
        daily(1, "unknown", None, "red", paying=False, **leaves),
        daily(0, "green", 80.0, "green", answers=[short], **answers),
        daily(1, "green", 80.0, "green", answers=[DETRACTOR], **answers),
        daily(2, "green", 80.0, "green", answers=[better], **answers),
        daily(0, "green", 80.0, "green", answers=[DETRACTOR], **expires),
        daily(14, "green", 80.0, "green", answers=[DETRACTOR], **expires),
    ]


def messages(locale: str) -> str:
    """The file of a language."""
    rig = Rig()
    rig.take(*scores(locale))
    told = [
        {
            "alert": f"{alert.rule} {alert.facts.get('ended', alert.status)}",
            "text": alert.text,
            "blocks": alert.blocks,
        }
        for alert in rig.alerts
    ]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("locale", LOCALES)
def test_messages_are_those_of_the_golden_file(locale: str) -> None:
    assert messages(locale) == (GOLDEN / f"{locale}.json").read_text(encoding="utf-8")


if __name__ == "__main__" and sys.argv[1:] == ["--rewrite"]:
    for language in LOCALES:
        (GOLDEN / f"{language}.json").write_text(messages(language), encoding="utf-8")
