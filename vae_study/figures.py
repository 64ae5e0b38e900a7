"""Figures of many trainings. Arrays in, matplotlib Axes out."""

import matplotlib.pyplot as plt


def plot_seeds(values, intervals, ax=None, thresholds=()):
    """Every training as a point, one row for each run, with the interval of its mean behind.

    Introduced in chapter 7.

    Parameters
    ----------
    values : {name: numbers, one a seed}
    intervals : {name: (low, high) or None}, as ``t_interval`` gives them
    thresholds : [k], where to draw dashed lines

    Returns
    -------
    Axes
    """
    ax = ax or plt.subplots(figsize=(6, 0.5 + 0.4 * len(values)))[1]
    for row, (name, numbers) in enumerate(values.items()):
        if intervals[name] is not None:
            ax.plot(intervals[name], [row, row], color="#88ccee", linewidth=7, zorder=1)
        ax.scatter(numbers, [row] * len(numbers), s=22, color="#332288", zorder=2)
    for threshold in thresholds:
        ax.axvline(threshold, color="#882255", linestyle="--", linewidth=1, zorder=0)
    ax.set_yticks(range(len(values)), values)
    ax.set_ylim(len(values) - 0.5, -0.5)
    return ax
