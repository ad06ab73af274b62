"""The end of a day for many customers of one partition: CPU time of every part, and the longest piece.

    python -m bench.day_close                           # 100,000 customers, about 3 minutes, 3 GB
    python -m bench.day_close --customers 20000 --only usage support

A typical customer has had four weeks of the generated product stream (bench/product_stream.py), the day that closes
included. Two hundred of them are folded and scored for real; the tables are then filled with copies of their stored
states, as a recovery fills them. The product's own machines, codecs and partitions do the work, in pieces of the size
the settings say; there is no broker. Parts:

 usage .. account    a domain closes the day: everybody's values, encoded
 values taken        the scoring table takes these values in, from bytes, all five domains
 scores              the aligned day is scored: health and upsell of everybody; on Sundays churn observations
 live scores         everybody's newest health and churn scores, which go out behind that once

Domains close by turns, a piece of each, as the agents of a worker do, so a card that the values of one have touched is
mostly still decoded when those of the next come; `--apart` is the worst case, in which it never is. What a part saves
to its changelog is in its time. With 29 days the last is a Sunday, with 33 one that prunes.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from time import process_time
from typing import Any

from bench.day_tables import DOMAINS, PIECE, READ, SAVE_EVERY, Part, Table, beat, prepared
from bench.product_stream import BEGIN_DAY
from schemas.envelope import CLOCK_CUSTOMER
from streams.engine.allocator import keep_freed_memory
from streams.engine.collector import calm_collector
from streams.engine.outbox import Output

TARGET_SECONDS, TARGET_PIECE_MS = 5.0, 200.0
TAKEN, SCORES, LIVE = "values taken", "scores", "live scores"
_PER = 100_000  # customers the target speaks of


def measure(closing: dict[str, Table], scoring: Table | None, days: int, apart: bool = False) -> dict[str, Part]:
    """Closes the last of so many days in all these tables, by turns or apart, and scores it if there is a table."""
    found = {name: Part() for name in closing}
    work = [closing[name].piece_by_piece(beat(BEGIN_DAY + days - 1), part) for name, part in found.items()]
    taken, last = Part(), list[Output]()
    for sent in chain(*work) if apart else _by_turns(work):
        last = [] if scoring is None else _taken(scoring, [*last, *sent], taken)
    if scoring is not None:
        (marker,) = last
        found |= {TAKEN: taken, SCORES: Part(), LIVE: Part()}
        for _ in scoring.piece_by_piece(READ(marker.value), found[SCORES]):
            pass
        _publish(scoring, found[LIVE])
    return found


def _by_turns(work: Iterable[Iterator[list[Output]]]) -> Iterator[list[Output]]:
    """A piece of each in turn, as the agents of a worker take turns."""
    waiting = deque(work)
    while waiting:
        one = waiting.popleft()
        for sent in one:
            waiting.append(one)
            yield sent
            break


def _taken(scoring: Table, sent: list[Output], spent: Part) -> list[Output]:
    """The scoring table takes values in by batches; gives back the marker of the last domain, which scores the day."""
    closes = bool(sent) and sent[-1].key == CLOCK_CUSTOMER.encode() and len(scoring.part.meta.closed) == len(DOMAINS)
    ready = closes and len(scoring.part.meta.ready(*_marker(sent[-1]))) > 0
    since = process_time()
    for output in sent[:-1] if ready else sent:
        scoring.step(READ(output.value))
    if scoring.part.sizes[1] >= SAVE_EVERY:
        scoring.part.take_state()
    spent.spent(process_time() - since)
    return sent[-1:] if ready else []


def _marker(output: Output) -> tuple[Any, int]:
    message: Any = READ(output.value)
    return message.domain, message.day


def _publish(scoring: Table, spent: Part) -> None:
    while scoring.part.marks:
        since = process_time()
        scoring.part.render_marked(PIECE)
        spent.outputs += len(scoring.part.take_outputs(marked=False))
        spent.spent(process_time() - since)


def lines(found: dict[str, Part], customers: int) -> list[str]:
    """A table of the parts, and all together."""
    total = Part(
        sum(part.seconds for part in found.values()),
        max(part.longest_seconds for part in found.values()),
        sum(part.outputs for part in found.values()),
    )
    head = ("us/customer", "s/100,000", "customers/s", "longest ms", "sent")
    widths = (12, 10, 12, 11, 10)
    titles = " ".join(f"{title:>{width}}" for title, width in zip(head, widths, strict=True))
    return [
        f"{'CPU of one core':15} {titles}",
        *(_line(name, part, customers) for name, part in {**found, "all": total}.items()),
    ]


def _line(name: str, part: Part, customers: int) -> str:
    each = part.seconds / customers
    rate = 1 / each if each else float("inf")
    return (
        f"{name:15} {each * 1e6:12.1f} {each * _PER:10.2f} {rate:12,.0f} "
        f"{part.longest_seconds * 1e3:11.1f} {part.outputs:10,}"
    )


def faults(found: dict[str, Part], customers: int) -> list[str]:
    """What misses the targets: each part in under 5 s per 100,000 customers, no piece over 200 ms.

    Example:
        >>> faults({"usage": Part(6.0, 0.1), "support": Part(3.0, 0.2)}, 100_000)
        ['usage takes 6.0 s for 100,000 customers, wanted under 5']
        >>> faults({"support": Part(3.0, 0.3)}, 100_000)
        ['a piece of support takes 300 ms, wanted at most 200']
    """
    slow = [
        f"{name} takes {part.seconds / customers * _PER:.1f} s for 100,000 customers, wanted under {TARGET_SECONDS:g}"
        for name, part in found.items()
        if part.seconds / customers * _PER >= TARGET_SECONDS
    ]
    return slow + [
        f"a piece of {name} takes {part.longest_seconds * 1e3:.0f} ms, wanted at most {TARGET_PIECE_MS:g}"
        for name, part in found.items()
        if part.longest_seconds * 1e3 > TARGET_PIECE_MS
    ]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--customers", type=int, default=100_000, help="(default %(default)s)")
    options.add_argument("--days", type=int, default=28, help="of history; the last closes (default %(default)s)")
    options.add_argument("--only", nargs="+", choices=DOMAINS, default=DOMAINS, help="domains; all for the scores")
    options.add_argument("--apart", action="store_true", help="one domain after the other instead of by turns")
    options.add_argument("--json", action="store_true", help="the parts as JSON")
    chosen = options.parse_args()
    keep_freed_memory()
    tables = prepared(chosen.customers, chosen.days, chosen.only)
    calm_collector()
    scoring = tables[1]
    before = scoring.bytes_each if scoring is not None else 0.0
    found = measure(*tables, chosen.days, chosen.apart)
    if chosen.json:
        print(json.dumps({name: {f: getattr(part, f) for f in part.__struct_fields__} for name, part in found.items()}))
        return 0
    print("\n".join([*lines(found, chosen.customers), *faults(found, chosen.customers)]))
    if scoring is not None:
        print(f"a scoring card: {before:,.0f} bytes before the day closes, {scoring.bytes_each:,.0f} when it is scored")
    return 1 if faults(found, chosen.customers) else 0


if __name__ == "__main__":
    sys.exit(main())
