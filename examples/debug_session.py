"""A walked session: what a person types into the terminal debugger, and what it answers.

At a terminal, ``python -m tinygrad_mlp step`` opens the same console on the same network. The
second half does the same from Python: breakpoints, the Python debugger, the first nan.
"""

# %% Typed into the console: ``(step)`` is its prompt
from __future__ import annotations

import io

from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    break_when,
    compare,
    detect_anomaly,
    health,
    trace_backward,
    trace_forward,
    worked_example,
)
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP

COMMANDS = """\
next 2
to L
break w5
continue
expand net_o1
back
chain w5
check w5
set w5 0.5
print w5
quit
"""
Console(Session(worked_example()), stdin=io.StringIO(COMMANDS)).run()

# %% From Python: the log stops at the first gradient above a limit, and goes on
trace = trace_backward(worked_example(), breakpoints=[break_when(op="sigmoid", grad_above=0.1)])
print(trace.hit)
print(trace[-1])
while trace.resume():
    print(trace.hit)
# on_hit=breakpoint opens pdb, or the debugger of the editor, at the step instead:
#   trace_backward(loss, breakpoints=[break_when(label="w5", on_hit=breakpoint)])
#   (Pdb) p step.equation()
#   'dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822'

# %% Where do two runs part?
first, second = ((Value(x, label="x") * 2.0).exp() for x in (1.0, 1.5))
print(compare(trace_forward(first), trace_forward(second)))

# %% The first nan, where it is made: the branch that ``where`` did not choose
x = Value(0.0, label="x")
try:
    with detect_anomaly():
        functional.where(x > 0.0, functional.sqrt(x), x).backward()
except NonFiniteError as error:
    print(error)

# %% A deep sigmoid network: its gradients vanish
model = MLP(2, [4] * 8 + [1], activation="sigmoid", init="normal", rng=0)
samples = [[0.5, -1.0], [1.0, 0.25], [-0.5, 0.75]]
loss = mean_squared_error([model(sample) for sample in samples], [0.0, 1.0, 0.5])
print(health(model, loss, learning_rate=0.1))
