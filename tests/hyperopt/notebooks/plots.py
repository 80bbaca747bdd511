"""Draw a search with `hyperopt.plotting`, and by hand from the trials."""

import matplotlib
import numpy as np
from report import report

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from hyperopt.plotting import main_plot_histogram, main_plot_history, main_plot_vars

from hyperopt import STATUS_FAIL, Trials, fmin, hp, rand
from hyperopt import plotting as by_name

space = {"x": hp.uniform("x", -1, 1), "k": hp.choice("k", [0, hp.loguniform("l", -1, 1)])}


def objective(p):
    return {"status": STATUS_FAIL} if p["x"] > 0.9 else p["x"] ** 2 + p["k"]


trials = Trials()
best = fmin(objective, space, rand.suggest, 40, trials=trials, verbose=False)
for draw in (main_plot_history, main_plot_histogram):
    plt.figure()
    draw(trials, do_show=False, title="Loss")
main_plot_vars(trials, fontsize=8, do_show=False, columns=2)
main_plot_vars(trials, do_show=False, colorize_best=5)
by_name.main_plot_history(trials)

f, axes = plt.subplots(nrows=1, ncols=2)
ys = [t["result"].get("loss", np.nan) for t in trials.trials]
axes[0].scatter([t["tid"] for t in trials.trials], ys)
axes[1].scatter([t["misc"]["vals"]["x"][0] for t in trials.trials], ys)

report(
    equal={
        "figures": len(plt.get_fignums()) > 1,
        "points": [len(c.get_offsets()) for axis in axes for c in axis.collections],
        "count": len(trials),
    },
    typed={"ys": ys, "best": {"x": best["x"], "k": best["k"]}},
)
