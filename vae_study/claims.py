"""The table of the 2018 tutorial's claims, and what the records say of each."""

import csv
from pathlib import Path

from .records import RECORDS, differences, t_interval, values

VERDICTS = ("holds", "does not hold", "open", "not tested")


def read_claims(path=RECORDS / "claims.csv"):
    """The rows of ``claims.csv``: a list of dicts; ``threshold`` a float, or None."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            {**row, "threshold": float(row["threshold"]) if row["threshold"] else None}
            for row in rows
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} must have a column threshold of numbers: {error!r}") from error


def judge(row, records):
    """Hold one row of the table of claims against the records.

    Returns
    -------
    numbers : {seed: number}, the measure or the difference
    interval : (low, high), or None
    verdict : "holds", if the whole interval lies where the row expects it; "does not hold", if the
        whole interval lies elsewhere; "open", if it lies on both sides; "not tested"
    """
    if not row["measure"]:
        return {}, None, "not tested"
    if row["expected"] not in ("above", "below", "within"):
        raise ValueError(f"row must expect above, below or within, not {row['expected']!r}")
    if row["minus"]:
        numbers = differences(records, row["run"], row["minus"], row["data"], row["measure"])
    else:
        numbers = values(records, row["run"], row["data"], row["measure"])
    interval = t_interval(numbers.values())
    if interval is None:
        return numbers, None, "not tested"
    (low, high), threshold = interval, row["threshold"]
    inside, outside = {
        "above": (low > threshold, high <= threshold),
        "below": (high < threshold, low >= threshold),
        "within": (-threshold < low and high < threshold, low >= threshold or high <= -threshold),
    }[row["expected"]]
    return numbers, interval, "holds" if inside else "does not hold" if outside else "open"


def verdict(verdicts):
    """One word for a claim from the verdicts of its rows.

    What all of them say; "depends" if some hold and others do not; otherwise "open".
    """
    verdicts = list(verdicts)
    if not verdicts or any(one not in VERDICTS for one in verdicts):
        raise ValueError(f"verdicts must be some of {', '.join(VERDICTS)}, not {verdicts}")
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return "depends" if {"holds", "does not hold"} <= kinds else "open"
