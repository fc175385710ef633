"""Make the pictures at the top of the README.

Run it as ``python examples/gallery.py OUT``; it writes its pictures into the folder OUT, or,
without one, into ``examples/gallery``, where the README shows them from.
"""

from __future__ import annotations

# %% Two crescents and a network that tells them apart; the smallest network for XOR; a neuron
import os
import shutil
import subprocess
import sys
from pathlib import Path

import viz
from tinygrad_mlp import MLP, Value, fit
from tinygrad_mlp.data import make_moons, make_spirals
from tinygrad_mlp.debug import worked_example
from tinygrad_mlp.losses import binary_cross_entropy_with_logits

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "gallery"
folder.mkdir(parents=True, exist_ok=True)
os.chdir(folder)  # the lines that make a picture are those of the README

X, y = make_moons(200, noise=0.25, rng=0)
model = MLP(2, [8, 1], activation="tanh", rng=1)
fit(  # only so long that the network is not yet sure everywhere
    model,
    X,
    y,
    epochs=30,
    batch_size=20,
    optimizer="adam",
    learning_rate=0.05,
    l2=1e-4,
    rng=0,
    log_every=None,
)

corners, parities = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
xor = MLP(2, [2, 1], activation="tanh", rng=2)
fit(
    xor,
    corners,
    parities,
    epochs=400,
    optimizer="adam",
    learning_rate=0.05,
    rng=0,
    log_every=None,
)

x1, x2, w1, w2, b = (
    Value(number, label=name)
    for name, number in {"x1": 0.5, "x2": -1.0, "w1": 0.8, "w2": 0.3, "b": 0.1}.items()
)
out = (w1 * x1 + w2 * x2 + b).tanh()
loss = (out - 1.0) ** 2
loss.backward()

# %% Circles and lines: the trained network with its weights
viz.draw(xor, "circles.svg")

# %% The computation graph of a loss, with all values, gradients and local derivatives
viz.draw(loss, "graph.svg", parameters=[w1, w2, b])

# %% The regions of the plane that the network gives to each class, shaded by probability
viz.plots.decision_boundary(model, X, y, "boundary.svg")

# %% Two optimizers on the same data, from the same weights
runs = {}
for name in ("sgd", "adam"):
    other = MLP(2, [16, 16, 1], activation="tanh", rng=0)
    runs[name] = fit(other, X, y, epochs=60, batch_size=20, optimizer=name, rng=0, log_every=None)
viz.plots.loss_curve(runs, "curves.svg")

# %% Gradients of a deep network of sigmoids: the first layers learn nothing
deep = MLP(2, [16, 16, 16, 1], activation="sigmoid", rng=0)
binary_cross_entropy_with_logits([deep(x) for x in X[:50]], y[:50]).backward()
viz.plots.gradient_histograms(deep, "gradients.svg")

# %% Two pages: one plays a backward pass, one a training; a browser takes a picture of each
viz.replay(worked_example(), "backprop.html")
spirals = make_spirals(200, turns=1.25, noise=0.01, rng=0)
learner = MLP(2, [8, 8, 1], activation="tanh", rng=0)
viz.record(learner, *spirals, "training.html", epochs=300, optimizer="adam", batch_size=20, rng=0)

browsers = ("chromium", "chromium-browser", "google-chrome")
browser = next(filter(None, map(shutil.which, browsers)), None)
pages = [("backprop.html#step=27", "replay.png", "1100,700")]
pages += [("training.html#step=3000", "training.png", "1280,800")]
for page, image, size in pages:
    file, _, step = page.partition("#")
    if browser is None:
        print(f"no {image}: there is no Chromium")
    else:
        from PIL import Image

        address = f"{Path(file).resolve().as_uri()}#{step}"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--window-size={size}", f"--screenshot={image}"]
        subprocess.run([browser, *options, address], check=True, capture_output=True, timeout=120)
        Image.open(image).quantize(64).save(image, optimize=True)
    Path(file).unlink()

# %% All of them
for picture in sorted(Path().iterdir()):
    print(f"{picture}: {picture.stat().st_size / 1000.0:.0f} kB")
