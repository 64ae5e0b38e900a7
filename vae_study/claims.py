"""The table of the 2018 tutorial's claims, and what the records say of each."""

import csv
from pathlib import Path

import numpy as np
from scipy import stats

from .records import RECORDS, differences, t_interval, values

OTHER_WAY = "the other way round"
SMALLER = "right direction, smaller than would matter"
NO_DIFFERENCE = "no difference"
# What a row can say that speaks against its claim; the last is for a value that is no difference.
AGAINST = (OTHER_WAY, SMALLER, NO_DIFFERENCE, "does not hold")
VERDICTS = ("holds", *AGAINST, "open", "not tested")


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
    verdict : "holds", if the whole interval lies where the row expects it; "open", if it lies on both
        sides of the threshold; "not tested". If the whole interval lies elsewhere, it is one of
        ``AGAINST``: for a difference "the other way round", if all of the interval is on the other
        side of zero; "right direction, smaller than would matter", if all of it is on the claim's
        side; "no difference", if zero is in it. Where a claim is that there is no difference, a
        difference is the other way round. A value by itself "does not hold".
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
    if inside or not outside:
        return numbers, interval, "holds" if inside else "open"
    if not row["minus"]:
        return numbers, interval, "does not hold"
    if row["expected"] == "within":
        return numbers, interval, OTHER_WAY
    if row["expected"] == "below":  # turned over, so that what was claimed is above
        low, high = -high, -low
    said = OTHER_WAY if high < 0 else SMALLER if low > 0 else NO_DIFFERENCE
    return numbers, interval, said


def verdict(verdicts):
    """One word for a claim from the verdicts of its rows.

    What all of them say; "does not hold" if all speak against it, but not in the same way; "depends"
    if some hold and some speak against it; otherwise "open".
    """
    verdicts = list(verdicts)
    if not verdicts or any(one not in VERDICTS for one in verdicts):
        raise ValueError(f"verdicts must be some of {', '.join(VERDICTS)}, not {verdicts}")
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= set(AGAINST):
        return "does not hold"
    return "depends" if "holds" in kinds and kinds & set(AGAINST) else "open"


def holm(p_values, level=0.05):
    """Which of many differences are clear of zero together: [n], True or False.

    The k-th smallest of n p-values must be at most level / (n − k + 1), and so must all that are
    smaller. Then the probability that any true zero is called a difference is at most ``level``,
    however the tests hang together. Source: Holm (1979). Pitfall: what it drops may be there all the
    same; with few seeds it drops much.

    Parameters
    ----------
    p_values : [n]
    """
    p_values = np.asarray(p_values, "float64")
    order = np.argsort(p_values)
    steps = level / np.arange(len(p_values), 0, -1)
    passed = np.logical_and.accumulate(p_values[order] <= steps)
    clear = np.zeros(len(p_values), bool)
    clear[order[passed]] = True
    return clear


def clear_of_zero(rows, records):
    """The rows that compare two models and are clear of zero: by themselves, and after ``holm``.

    Returns
    -------
    alone, together : lists of rows, the second a part of the first
    n : how many were compared
    """
    rows = [row for row in rows if row["measure"] and row["minus"]]
    p_values = [stats.ttest_1samp(list(judge(row, records)[0].values()), 0).pvalue for row in rows]
    alone = [row for row, p in zip(rows, p_values, strict=True) if p < 0.05]
    together = [row for row, clear in zip(rows, holm(p_values), strict=True) if clear]
    return alone, together, len(rows)
