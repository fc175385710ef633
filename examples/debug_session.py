"""A walked session: what a person types into the debuggers, and what they answer.

Three ways into one and the same backward pass, that of the worked example (2-2-2 network, sigmoid):
the terminal of this project, the Python debugger, and a program that stops where it is told to.
Each transcript below is what one sees, but for the numbers of lines, which change with the version;
running this file types it again and shows the answers.
"""

# %% The terminal: ``python -m tinygrad_mlp step``. What stands after ``(step)`` is typed.
from __future__ import annotations

import io
import pdb  # noqa: T100 - what this file shows
import sys

from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import (
    break_when,
    compare,
    detect_anomaly,
    health,
    record_creation,
    trace_backward,
    trace_forward,
    worked_example,
)
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.losses import mean_squared_error
from tinygrad_mlp.nn import MLP

TERMINAL = """\
(step) next 2
[ 1/49] forward   net_h1 = w1 * i1 + w2 * i2 + b1
                    = 0.15 * 0.05 + 0.2 * 0.1 + 0.35 = 0.3775
[ 2/49] forward   out_h1 = 1 / (1 + exp(-net_h1)) = 1 / (1 + exp(-0.3775))
                    = 0.5933
(step) to L
[15/49] forward   L = E_o1 + E_o2 = 0.2748 + 0.0236 = 0.2984
        the forward pass is over; the backward pass begins with dL/dL = 1
(step) break w5
1: at w5
(step) continue
[33/49] backward  dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822
                  stop: at w5
(step) expand net_o1
net_o1: 2 products
[33/49] backward  p1 = w5 * out_h1: dL/dp1 = dL/dnet_o1 * dnet_o1/dp1
                    = 0.1385 * 1 = 0.1385
                  dL/dw5 += dL/dp1 * dp1/dw5 = 0.1385 * 0.5933 = 0.0822
                  stop: at w5
(step) back 3
[32/49] backward  dL/dnet_o1 += dL/dout_o1 * dout_o1/dnet_o1 = 0.7414 * 0.1868
                    = 0.1385
[31/49] backward  dL/dout_o1 += dL/ddiff_o1 * ddiff_o1/dout_o1
                    = (-0.7414) * (-1) = 0.7414
[30/49] backward  dL/dt1 += dL/ddiff_o1 * ddiff_o1/dt1 = (-0.7414) * 1 = -0.7414
(step) chain w5
dL/dw5 = dL/dE_o1 * dE_o1/dsq_o1 * dsq_o1/ddiff_o1 * ddiff_o1/dout_o1
  * dout_o1/dnet_o1 * dnet_o1/dw5
    = 1 * 0.5 * (-1.4827) * (-1) * 0.1868 * 0.5933 = 0.0822
(step) check w5
dL/dw5 = 0.08216704056, finite differences 0.08216704056: agrees
(step) where net_o1
net_o1: worked_example.py:68 in _neuron
(step) set w5 0.5
L: 0.2984 -> 0.3065
[30/49] backward  dL/dt1 += dL/ddiff_o1 * ddiff_o1/dt1 = (-0.7523) * 1 = -0.7523
(step) print w5
w5 (leaf): data = 0.5, dL/dw5 = -
(step) quit
"""


def typed(transcript: str, prompt: str) -> str:
    """What a person typed: the lines after the prompt."""
    lines = transcript.splitlines()
    return "".join(f"{line.removeprefix(prompt)}\n" for line in lines if line.startswith(prompt))


with record_creation():  # for the command ``where``
    session = Session(worked_example())
    Console(session, stdin=io.StringIO(typed(TERMINAL, "(step) ")), width=80).run()

# %% The Python debugger: ``backward`` is one plain loop, to be walked through with ``next``.
# ``until`` leaves a loop, ``p`` prints. In VS Code it is the same with F10 and F11, or with a
# breakpoint on the line ``contribution = ...`` and the condition ``parent.label == "w5"``.
PYTHON_DEBUGGER = """\
>>> pdb.runcall(loss.backward)
> engine.py(171)backward()
-> seed = as_float(gradient)
(Pdb) next
> engine.py(172)backward()
-> if open_blocks and observed_backward(self, seed):
(Pdb) next
> engine.py(172)backward()
-> order, reached = orders_of(self)
(Pdb) next
> engine.py(173)backward()
-> for node in order:
(Pdb) next
> engine.py(174)backward()
-> if node.parents or node.grad is None:
(Pdb) until
> engine.py(175)backward()
-> node.grad = 0.0
(Pdb) until
> engine.py(176)backward()
-> if reached is not order:
(Pdb) next
> engine.py(178)backward()
-> self.grad = seed if self.parents else self.grad + seed
(Pdb) next
> engine.py(179)backward()
-> for node in reversed(reached):
(Pdb) next
> engine.py(180)backward()
-> if node.parents:
(Pdb) next
> engine.py(180)backward()
-> upstream = node.grad
(Pdb) next
> engine.py(181)backward()
-> for parent, partial in zip(node.parents, node.partials):
(Pdb) next
> engine.py(182)backward()
-> contribution = upstream * partial
(Pdb) p node.label, parent.label
('L', 'E_o1')
(Pdb) p upstream, partial
(1.0, 1.0)
(Pdb) next
> engine.py(183)backward()
-> parent.grad += contribution
(Pdb) p contribution, parent.grad
(1.0, 0.0)
(Pdb) next
> engine.py(181)backward()
-> for parent, partial in zip(node.parents, node.partials):
(Pdb) p parent.grad
1.0
(Pdb) next
> engine.py(182)backward()
-> contribution = upstream * partial
(Pdb) p node.label, parent.label
('L', 'E_o2')
(Pdb) continue
"""


class Typed(io.StringIO):
    """Lines that show when they are read, as if somebody typed them."""

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """The next line, shown."""
        line = super().readline(size)
        print(line, end="")
        return line


class Debugger(pdb.Pdb):
    """The Python debugger, which is given what stands after its prompt."""

    def __init__(self, transcript: str) -> None:
        super().__init__(stdin=Typed(typed(transcript, "(Pdb) ")), stdout=sys.stdout)
        self.use_rawinput = False


loss = worked_example()
print(">>> pdb.runcall(loss.backward)")
Debugger(PYTHON_DEBUGGER).runcall(loss.backward)

# %% A program that stops where it is told to, and opens the debugger there
AT_A_BREAKPOINT = """\
>>> trace_backward(worked_example(), break_when(label="w5", on_hit=breakpoint))
> _stopping.py(67)stopped_by()
-> for point in breakpoints:
(Pdb) p step.equation()
'dL/dw5 += dL/dnet_o1 * dnet_o1/dw5 = 0.1385 * 0.5933 = 0.0822'
(Pdb) p hit.reason
'at w5'
(Pdb) p step.parent.grad
0.08216704056423078
(Pdb) continue
BackwardTrace(34 steps, 31 nodes)
"""


def opened_here() -> None:
    """What ``breakpoint()`` does in this file."""
    Debugger(AT_A_BREAKPOINT).set_trace(sys._getframe(1))


sys.breakpointhook = opened_here
print('>>> trace_backward(worked_example(), break_when(label="w5", on_hit=breakpoint))')
print(trace_backward(worked_example(), break_when(label="w5", on_hit=breakpoint)))
sys.breakpointhook = sys.__breakpointhook__

# %% Without a debugger: the log stops at the first gradient above a limit, and goes on
trace = trace_backward(worked_example(), break_when(op="sigmoid", grad_above=0.1))
print(trace.hit)
print(trace[-1])
while trace.resume():
    print(trace.hit)

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
