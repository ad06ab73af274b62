"""Alert rules of one's own as a profile writes them: defaults, and what is refused, with line and setting."""

from typing import Any

import pytest

from streams.alerts.own_policy import CHAPTERS, Comparison, OwnRule
from streams.catalogue.registry import catalogue
from streams.errors import ConfigurationError
from streams.metrics.profile import Profile, parse_profile

HEAD = "name = 'acme'\nversion = 1\n[[alerts.rule]]\n"


def profile(*lines: str) -> Profile:
    return parse_profile((HEAD + "\n".join(lines)).encode(), "acme.toml")


def refused(*lines: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        profile(*lines)
    return str(caught.value)


def test_a_rule_needs_a_name_a_figure_a_comparison_and_a_limit() -> None:
    (rule,) = profile("name = 'many_open'", "metric = 'tickets_open'", "when = 'above'", "limit = 10").alerts.rule
    assert rule == OwnRule(name="many_open", metric="tickets_open", when="above", limit=10)
    assert (rule.source, rule.back, rule.for_days, rule.severity, rule.cooldown_days) == (
        "support.tickets_open",
        0,
        1,
        "warning",
        7,
    )


def test_a_change_is_measured_over_the_figures_own_window_unless_it_is_said() -> None:
    rule = OwnRule(name="fell", metric="active_users_28d", when="falls_by_share", limit=0.3)
    assert (rule.measures, rule.back) == ("share", 28)
    assert OwnRule(name="fell", metric="mrr_minor", when="falls_by", limit=1, against_days=30).back == 30
    assert OwnRule(name="x", metric="revenue.plan", when="is_not", limit="gold").measures == "limit"


def test_what_a_rule_means_is_told_apart_from_how_it_is_told() -> None:
    rule: dict[str, Any] = {"name": "x", "metric": "tickets_open", "when": "above", "limit": 10}
    print_of = OwnRule(**rule).fingerprint
    assert (
        OwnRule(**rule, severity="info", cooldown_days=1, worse_by=2, ends_at=8, enabled=False).fingerprint == print_of
    )
    for other in ({"limit": 9}, {"for_days": 2}, {"segments": ("a",)}, {"stages": ("renewal",)}, {"paying": False}):
        assert OwnRule(**(rule | other)).fingerprint != print_of


@pytest.mark.parametrize(
    "lines, said",
    [
        (
            ["name = 'x'", "metric = 'ticket_open'", "when = 'above'", "limit = 10"],
            ":5, alerts.rule[0].metric: there is no figure ticket_open; did you mean tickets_open",
        ),
        (
            ["name = 'x'", "metric = 'qqqqqqqqqqqq'", "when = 'above'", "limit = 10"],
            ":5, alerts.rule[0].metric: there is no figure qqqqqqqqqqqq",
        ),
        (
            ["name = 'x'", "metric = 'adoption'", "when = 'below'", "limit = 0.1"],
            ":5, alerts.rule[0].metric: adoption is the id of several figures: expected usage.adoption or",
        ),
        (
            ["name = 'x'", "metric = 'churn_probability'", "when = 'above'", "limit = 0.5"],
            ":5, alerts.rule[0].metric: expected a figure every customer has by the end of a day",
        ),
        (
            ["name = 'x'", "metric = 'last_used_at'", "when = 'above'", "limit = 5"],
            ":5, alerts.rule[0].metric: expected a number, a name or a yes or no, usage.last_used_at is instant",
        ),
        (
            ["name = 'health_red'", "metric = 'tickets_open'", "when = 'above'", "limit = 10"],
            ":4, alerts.rule[0].name: expected one of your own, got that of a built-in rule: health_red",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'is'", "limit = 10"],
            ":6, alerts.rule[0].when: expected a comparison of numbers for support.tickets_open",
        ),
        (
            ["name = 'x'", "metric = 'payment_state'", "when = 'above'", "limit = 10"],
            ":6, alerts.rule[0].when: expected is, is_not for revenue.payment_state",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'over'", "limit = 10"],
            ":6, alerts.rule[0].when: invalid enum value 'over'",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "limit = true"],
            ":7, alerts.rule[0].limit: expected a number from -10^15 to 10^15 for support.tickets_open, got True",
        ),
        (
            ["name = 'x'", "metric = 'revenue.plan'", "when = 'is'", "limit = 3"],
            ":7, alerts.rule[0].limit: expected a name for revenue.plan, got 3",
        ),
        (
            ["name = 'x'", "metric = 'onboarding_overdue'", "when = 'is'", "limit = 'yes'"],
            ":7, alerts.rule[0].limit: expected true or false for usage.onboarding_overdue, got 'yes'",
        ),
        (
            ["name = 'x'", "metric = 'payment_state'", "when = 'is'", "limit = 'overdue'"],
            ":7, alerts.rule[0].limit: expected one of current, late, got 'overdue'",
        ),
        (
            ["name = 'x'", "metric = 'mrr_minor'", "when = 'falls_by_share'", "limit = 0.3"],
            ":3, alerts.rule[0].against_days: expected how far back, revenue.mrr_minor has no window of so many days",
        ),
        (
            ["name = 'x'", "metric = 'events_28d'", "when = 'falls_by'", "limit = 0"],
            ":7, alerts.rule[0].limit: expected by how much, above 0, got 0",
        ),
        (
            ["name = 'x'", "metric = 'events_28d'", "when = 'below'", "limit = 1", "against_days = 7"],
            ":8, alerts.rule[0].against_days: expected it with rises_by, falls_by, rises_by_share,",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open_by_priority'", "when = 'above'", "limit = 1"],
            ":3, alerts.rule[0].key: expected one of the names of support.tickets_open_by_priority, got none",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "key = 'urgent'", "when = 'above'", "limit = 1"],
            ":6, alerts.rule[0].key: support.tickets_open is one figure and has no names",
        ),
        (
            ["name = 'x'", "metric = 'payment_state'", "when = 'is'", "limit = 'late'", "worse_by = 1"],
            ":8, alerts.rule[0].worse_by: expected it with numbers alone, got it with is",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "limit = 10", "ends_at = 11"],
            ":8, alerts.rule[0].ends_at: expected it on the good side of the limit 10, got 11",
        ),
        (
            ["name = 'x'", "metric = 'nps'", "when = 'below'", "limit = 0", "ends_at = -5"],
            ":8, alerts.rule[0].ends_at: expected it on the good side of the limit 0, got -5",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "limit = 10", "for_days = 0"],
            ":8, alerts.rule[0].for_days: expected `int` >= 1",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "limit = 10", "stages = ['trial']"],
            ":8, alerts.rule[0].stages[0]: invalid enum value 'trial'",
        ),
        (
            ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "threshold = 10"],
            ":7, alerts.rule[0]: object contains unknown field `threshold`",
        ),
    ],
)
def test_what_does_not_hold_is_named_with_its_line(lines: list[str], said: str) -> None:
    assert refused(*lines).startswith(f"profile acme.toml{said}")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400", "99999999999999999999999", "1000000000000001"])
def test_numbers_without_end_are_refused(number: str) -> None:
    one = ["name = 'x'", "metric = 'tickets_open'", "when = 'below'"]
    expected = "expected a number from -10^15 to 10^15"
    assert refused(*one, f"limit = {number}").startswith(f"profile acme.toml:7, alerts.rule[0].limit: {expected} for")
    assert refused(*one, "limit = 1", f"ends_at = {number}").startswith(
        f"profile acme.toml:8, alerts.rule[0].ends_at: {expected}, got "
    )
    assert refused(*one, "limit = 1", f"worse_by = {number}").startswith(
        "profile acme.toml:8, alerts.rule[0].worse_by: expected "
    )
    (rule,) = profile(*one, "limit = 1_000_000_000_000_000", "ends_at = 1e15", "worse_by = 1e15").alerts.rule
    assert (rule.limit, rule.ends_at, rule.worse_by) == (10**15, 1e15, 1e15)


def test_the_second_rule_is_named_as_such_and_names_are_unique() -> None:
    one = ["name = 'x'", "metric = 'tickets_open'", "when = 'above'", "limit = 10"]
    assert refused(*one, "[[alerts.rule]]", *one[:3], "limit = 'ten'").startswith(
        "profile acme.toml:12, alerts.rule[1].limit: expected a number"
    )
    assert refused(*one, "[[alerts.rule]]", *one).endswith("alerts.rule: expected each name once, got x twice")


def test_every_figure_a_rule_may_be_about_can_be_compared_or_says_why_not() -> None:
    for metric in catalogue().metrics:
        if metric.domain not in CHAPTERS:
            continue
        key = "a" if metric.unit in ("tickets by name", "money by currency") else None
        words = metric.unit in ("name", "text")
        limit = metric.one_of[0] if metric.one_of else "a" if words else metric.unit == "yes or no" or 1
        when: Comparison = "is" if isinstance(limit, bool | str) else "above"
        if metric.unit in ("instant", "answer", "answers"):
            with pytest.raises(ValueError, match="metric: expected a number"):
                OwnRule(name="x", metric=metric.name, key=key, when=when, limit=limit)
        else:
            assert OwnRule(name="x", metric=metric.name, key=key, when=when, limit=limit).figure == metric
