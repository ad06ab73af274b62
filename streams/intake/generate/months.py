"""Months after an instant, as billing counts them."""

from datetime import UTC, datetime

_LAST_DAY = 28  # a month that would begin later in a month begins then


def months_later(at: int, months: int) -> int:
    """The instant so many calendar months (UTC) after another, epoch ms; on the 28th at the latest.

    Example:
        >>> from datetime import datetime
        >>> later = months_later(1_706_659_200_000, 1)  # 2024-01-31
        >>> datetime.fromtimestamp(later // 1000, UTC).date().isoformat()
        '2024-02-28'
    """
    if months == 0:
        return at
    begin = datetime.fromtimestamp(at // 1000, UTC)
    years, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    later = begin.replace(year=years, month=month + 1, day=min(begin.day, _LAST_DAY))
    return int(later.timestamp()) * 1000 + at % 1000
