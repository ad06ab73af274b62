"""Sums by currency among the sums of a portfolio, where money stands under `NAME:CURRENCY`; and their ratios."""

from collections.abc import Mapping


def by_currency(sums: Mapping[str, int], name: str) -> dict[str, int]:
    """The sums of a name, in the order of the currencies; zeros left out.

    Example:
        >>> by_currency({"mrr:USD": 5, "mrr:BRL": 9, "mrr_red:BRL": 1}, "mrr")
        {'BRL': 9, 'USD': 5}
    """
    start = f"{name}:"
    found = {key.removeprefix(start): amount for key, amount in sums.items() if key.startswith(start) and amount}
    return dict(sorted(found.items())) if len(found) > 1 else found


def together(*parts: Mapping[str, int]) -> dict[str, int]:
    """The sums of several names."""
    sums: dict[str, int] = {}
    for part in parts:
        for currency, amount in part.items():
            sums[currency] = sums.get(currency, 0) + amount
    return sums


def ratios(dividends: Mapping[str, int], divisors: Mapping[str, int]) -> dict[str, float]:
    """By currency, where there is something to divide by."""
    return {currency: dividends.get(currency, 0) / divisor for currency, divisor in divisors.items() if divisor}
