"""Tune a network of PyTorch: the number of layers decides which widths there are.

Run it with: pip install torch scikit-learn; python examples/pytorch.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sparktune import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, tpe

X, y = load_digits(return_X_y=True)
parts = train_test_split(X / 16, y, random_state=0, stratify=y)
X_train, X_valid = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
y_train, y_valid = (torch.tensor(part) for part in parts[2:])

SPACE = {
    "lr": hp.loguniform("lr", -9, -2),
    "dropout": hp.uniform("dropout", 0, 0.6),
    "widths": hp.choice(
        "layers",
        [
            [hp.qloguniform("only", 2, 5, 1)],
            [hp.qloguniform("first", 2, 5, 1), hp.qloguniform("second", 2, 5, 1)],
        ],
    ),
}


def train(params, epochs=30):
    """Return the cross-entropy on the validation part."""
    torch.manual_seed(0)
    layers, width = [], X_train.shape[1]
    for following in map(int, params["widths"]):
        layers += [nn.Linear(width, following), nn.ReLU(), nn.Dropout(params["dropout"])]
        width = following
    network = nn.Sequential(*layers, nn.Linear(width, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=params["lr"])
    for _ in range(epochs):
        for chosen in torch.randperm(len(X_train)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X_train[chosen]), y_train[chosen]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(X_valid), y_valid).item()
    if loss != loss:  # it diverged
        return {"status": STATUS_FAIL}
    return {"loss": loss, "status": STATUS_OK}


def main(max_evals=30):
    """Search in this process, whose threads PyTorch uses."""
    trials = Trials()
    fmin(train, SPACE, tpe.suggest, max_evals, trials=trials, rstate=0)
    print(f"Best: {trials.best_trial['result']['loss']:.3f} with {trials.best_params}")
    return trials.best_trial["result"]["loss"]


if __name__ == "__main__":
    main()
