"""What tests look for in charts."""

from trials_kit import doc, searched, trials_of

from sparktune._views.chart import Points
from sparktune._views.trial_data import read_trials


def layers(chart, kind, panel=0):
    return [layer for layer in chart.panels[panel].layers if isinstance(layer, kind)]


def by_label(chart, kind, panel=0):
    return {layer.label: layer for layer in layers(chart, kind, panel)}


def star(chart, panel=0):
    (found,) = [each for each in layers(chart, Points, panel) if each.symbol == "star"]
    return found


def data_of(losses, **more):
    return read_trials(trials_of([doc(i, loss, **more) for i, loss in enumerate(losses)]))


MIXED = read_trials(searched())
