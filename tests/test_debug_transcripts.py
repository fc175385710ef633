"""The console word for word: what is typed and what comes back, in whole transcripts."""

from __future__ import annotations

import cmd
import io
import sys
from collections.abc import Callable
from math import nan

import pytest

from tests.holding import placed
from tinygrad_mlp import Value, functional
from tinygrad_mlp.debug import record_creation, worked_example
from tinygrad_mlp.debug._walking import whole_number
from tinygrad_mlp.debug.console import Console
from tinygrad_mlp.debug.session import Session
from tinygrad_mlp.errors import InvalidArgumentError


def small() -> Value:
    """z = 2 w x + b, L = (relu(z) - w)^2 / 4, at w = -2, x = 0.5, b = 3: z = 1, L = 9/4."""
    w, x, b = Value(-2.0, label="w"), Value(0.5, label="x"), Value(3.0, label="b")
    z = functional.dot([w, w], [x, x], b)
    z.label = "z"
    loss = (z.relu() - w).square() * 0.25
    loss.label = "L"
    return loss


def two_sums() -> Value:
    """Sums of products with names of several words and without a label; one relu is off."""
    w, x = [placed("net.w.0", 2.0), placed("net.w.1", -1.0)], [1.0, 4.0]
    first = functional.dot(w, x)
    second = functional.dot([Value(0.5, label="dead")], [first.relu()], Value(-1.0))
    second.label = "out"
    return second.exp()


def printed(text: str, loss: Value, width: int | None = None) -> str:
    """What a console prints if the commands of a transcript are typed."""
    commands = [line.removeprefix("(step) ") for line in text.splitlines() if line[:1] == "("]
    out = io.StringIO()
    stdin = io.StringIO("\n".join(commands))
    Console(Session(loss, names="code"), stdin=stdin, stdout=out, width=width).run()
    return out.getvalue()


THERE_AND_BACK = """\
(step) print
v0 constant   data = 0.25              grad = -
w  leaf       data = -2                grad = -
x  leaf       data = 0.5               grad = -
b  leaf       data = 3                 grad = -
z  dot        data = not computed yet  grad = -
v5 relu       data = not computed yet  grad = -
v6 sub        data = not computed yet  grad = -
v7 square     data = not computed yet  grad = -
L  mul        data = not computed yet  grad = -
(step) next
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) print z
z (dot): data = 1.0, dL/dz = -
(step) list 1
-> [ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
   [ 2/15] forward   v5 = max(z, 0) = max(1, 0) = 1
(step) next 20
[ 2/15] forward   v5 = max(z, 0) = max(1, 0) = 1
[ 3/15] forward   v6 = v5 - w = 1 - (-2) = 3
[ 4/15] forward   v7 = v6^2 = 3^2 = 9
[ 5/15] forward   L = v7 * 0.25 = 9 * 0.25 = 2.25
        the forward pass is over; the backward pass begins with dL/dL = 1
[ 6/15] backward  dL/dv7 += dL/dL * dL/dv7 = 1 * 0.25 = 0.25
[ 7/15] backward  dL/dv6 += dL/dv7 * dv7/dv6 = 0.25 * 6 = 1.5
[ 8/15] backward  dL/dv5 += dL/dv6 * dv6/dv5 = 1.5 * 1 = 1.5
[ 9/15] backward  dL/dw += dL/dv6 * dv6/dw = 1.5 * (-1) = -1.5
[10/15] backward  dL/dz += dL/dv5 * dv5/dz = 1.5 * 1 = 1.5
[11/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together -0.75
[12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
[13/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3
[14/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3, together -6
[15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
        the backward pass is over
(step) next
this is the end
(step) print
v0 constant   data = 0.25              grad = -
w  leaf       data = -2                grad = 0
x  leaf       data = 0.5               grad = -6
b  leaf       data = 3                 grad = 1.5
z  dot        data = 1                 grad = 1.5
v5 relu       data = 1                 grad = 1.5
v6 sub        data = 3                 grad = 1.5
v7 square     data = 9                 grad = 0.25
L  mul        data = 2.25              grad = 1
(step) start
at the start: only the leaves have numbers
(step) next
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) back
at the start: only the leaves have numbers
(step) back
this is the start
(step) to z
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) to z
[10/15] backward  dL/dz += dL/dv5 * dv5/dz = 1.5 * 1 = 1.5
(step) back 2
[ 9/15] backward  dL/dw += dL/dv6 * dv6/dw = 1.5 * (-1) = -1.5
[ 8/15] backward  dL/dv5 += dL/dv6 * dv6/dv5 = 1.5 * 1 = 1.5
(step) to w
[12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
(step) to w
line 16: w is complete already at this step; go back first
(step) to L
line 17: L is complete already at this step; go back first
(step) to v0
line 18: no gradient flows to v0: no step leads there
"""

LOOKING = """\
(step) to z
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) print w
w (leaf): data = -2.0, dL/dw = -
(step) where
z: not known (it was made before the recording)
(step) where w
w: not known (it was made before the recording)
(step) list
-> [ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
   [ 2/15] forward   v5 = max(z, 0) = max(1, 0) = 1
   [ 3/15] forward   v6 = v5 - w = 1 - (-2) = 3
   [ 4/15] forward   v7 = v6^2 = 3^2 = 9
   [ 5/15] forward   L = v7 * 0.25 = 9 * 0.25 = 2.25
   [ 6/15] backward  dL/dv7 += dL/dL * dL/dv7 = 1 * 0.25 = 0.25
(step) end
[15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
        the backward pass is over
(step) back 3
[14/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3, together -6
[13/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3
[12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
(step) where v5
v5: not known (it was made before the recording)
(step) print w
w (leaf): data = -2.0, dL/dw = 0.0
(step) print L
L (mul): data = 2.25, dL/dL = 1.0
(step) chain
dL/dw, the sum of 3 paths:
  L <- v7 <- v6 <- v5 <- z <- w
    dL/dv7 * dv7/dv6 * dv6/dv5 * dv5/dz * dz/dw
    = 0.25 * 6 * 1 * 1 * 0.5 = 0.75
  L <- v7 <- v6 <- v5 <- z <- w
    dL/dv7 * dv7/dv6 * dv6/dv5 * dv5/dz * dz/dw
    = 0.25 * 6 * 1 * 1 * 0.5 = 0.75
  L <- v7 <- v6 <- w
    dL/dv7 * dv7/dv6 * dv6/dw = 0.25 * 6 * (-1) = -1.5
dL/dw = 0.75 + 0.75 + (-1.5) = 0
(step) chain b
dL/db = dL/dv7 * dv7/dv6 * dv6/dv5 * dv5/dz * dz/db
    = 0.25 * 6 * 1 * 1 * 1 = 1.5
(step) chain L
dL/dL = dL/dL = 1
(step) chain z
dL/dz = dL/dv7 * dv7/dv6 * dv6/dv5 * dv5/dz
    = 0.25 * 6 * 1 * 1 = 1.5
(step) list
   [ 8/15] backward  dL/dv5 += dL/dv6 * dv6/dv5 = 1.5 * 1 = 1.5
   [ 9/15] backward  dL/dw += dL/dv6 * dv6/dw = 1.5 * (-1) = -1.5
   [10/15] backward  dL/dz += dL/dv5 * dv5/dz = 1.5 * 1 = 1.5
   [11/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together -0.75
-> [12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
   [13/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3
   [14/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3, together -6
   [15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
(step) list 0
line 16: '0' is no whole number of at least 1
(step) draw
line 17: there is nothing to draw with in this console
(step) help draw
draw [FILE]         draw this moment; without FILE step-N.svg. The ending may be
                    .svg, .png, .pdf, .dot, .tikz or .tex.
(step) help q
quit                leave. [q, exit]
(step) help nothing
line 20: there is no command 'nothing'
"""

SUMS = """\
(step) expand z
z: 2 products
(step) next
[ 1/15] forward   p1 = w * x = (-2) * 0.5 = -1
                  p2 = w * x = (-2) * 0.5 = -1
                  z = p1 + p2 + b = (-1) + (-1) + 3 = 1
(step) collapse z
z: one node
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) to L
[ 5/15] forward   L = v7 * 0.25 = 9 * 0.25 = 2.25
        the forward pass is over; the backward pass begins with dL/dL = 1
(step) expand
z: 2 products
(step) to w
[12/15] backward  p2 = w * x: dL/dp2 = dL/dz * dz/dp2 = 1.5 * 1 = 1.5
                  dL/dw += dL/dp2 * dp2/dw = 1.5 * 0.5 = 0.75, together 0
(step) collapse
z: one node
[12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
(step) expand v5
line 8: v5 is no sum of products; those are: z
"""

BREAKPOINTS = """\
(step) break
no breakpoints
(step) break z
1: at z
(step) break op relu
1: at z
2: op relu
(step) break grad > 2.5
1: at z
2: op relu
3: grad above 2.5
(step) break nonfinite
1: at z
2: op relu
3: grad above 2.5
4: nonfinite
(step) watch w
1: at z
2: op relu
3: grad above 2.5
4: nonfinite
5: watch w
(step) continue
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
                  stop: at z
(step) continue
[ 2/15] forward   v5 = max(z, 0) = max(1, 0) = 1
                  stop: in relu (v5)
(step) continue
[ 9/15] backward  dL/dw += dL/dv6 * dv6/dw = 1.5 * (-1) = -1.5
                  stop: w changes
(step) continue
[10/15] backward  dL/dz += dL/dv5 * dv5/dz = 1.5 * 1 = 1.5
                  stop: at z
                  stop: in relu (v5)
(step) c
[11/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together -0.75
                  stop: w changes
(step) c
[12/15] backward  dL/dw += dL/dz * dz/dw = 1.5 * 0.5 = 0.75, together 0
                  stop: w changes
(step) c
[13/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3
                  stop: the gradient of x is -3, above 2.5
(step) c
[14/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3, together -6
                  stop: the gradient of x is -6, above 2.5
(step) c
[15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
        the backward pass is over
(step) rc
[14/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3, together -6
                  stop: the gradient of x is -6, above 2.5
(step) clear 7
line 17: there is no breakpoint 7; 'break' lists them
(step) clear 0
line 18: there is no breakpoint 0; 'break' lists them
(step) clear x
line 19: there is no breakpoint x; 'break' lists them
(step) clear 2
1: at z
2: grad above 2.5
3: nonfinite
4: watch w
(step) clear 4
1: at z
2: grad above 2.5
3: nonfinite
(step) rcontinue
[13/15] backward  dL/dx += dL/dz * dz/dx = 1.5 * (-2) = -3
                  stop: the gradient of x is -3, above 2.5
(step) clear
no breakpoints
(step) rc
at the start: only the leaves have numbers
(step) continue
[15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
        the backward pass is over
(step) break op
line 26: unknown node 'op'; known: L, b, v0, v5, v6, v7, w, x, z
(step) break label
line 27: unknown node 'label'; known: L, b, v0, v5, v6, v7, w, x, z
(step) break layer
line 28: unknown node 'layer'; known: L, b, v0, v5, v6, v7, w, x, z
(step) break grad x
line 29: 'x' is no number; write it as 0.45
(step) watch
line 30: give the name of a node; 'print' lists them
"""

CHANGING = """\
(step) set x 0.25
L: 2.25 -> 4
(step) next
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.25 + (-2) * 0.25 + 3 = 2
(step) set x 0.5
L: 4 -> 2.25
[ 1/15] forward   z = w * x + w * x + b = (-2) * 0.5 + (-2) * 0.5 + 3 = 1
(step) end
[15/15] backward  dL/db += dL/dz * dz/db = 1.5 * 1 = 1.5
        the backward pass is over
(step) set x 0.25
L: 2.25 -> 4
[15/15] backward  dL/db += dL/dz * dz/db = 2 * 1 = 2
        the backward pass is over
(step) print
v0 constant   data = 0.25              grad = -
w  leaf       data = -2                grad = -1
x  leaf       data = 0.25              grad = -8
b  leaf       data = 3                 grad = 2
z  dot        data = 2                 grad = 2
v5 relu       data = 2                 grad = 2
v6 sub        data = 4                 grad = 2
v7 square     data = 16                grad = 0.25
L  mul        data = 4                 grad = 1
(step) set w
line 7: give a leaf and a number: set w5 0.45
(step) set z 1
line 8: z was computed from others; change a leaf, such as w
(step) set w x
line 9: 'x' is no number; write it as 0.45
(step) set nobody 1
line 10: unknown node 'nobody'; known: L, b, v0, v5, v6, v7, w, x, z
(step) check
dL/dw = -1, finite differences -1: agrees
dL/dx = -8, finite differences -8: agrees
dL/db = 2, finite differences 2: agrees
(step) check z
dL/dz = 2, finite differences 2: agrees
(step) check v0
line 13: v0 is a plain number of a formula, to which no gradient flows here
(step) check nobody
line 14: unknown node 'nobody'; known: L, b, v0, v5, v6, v7, w, x, z
"""

TWO_SUMS = """\
(step) print
dead    leaf       data = 0.5               grad = -
v1      leaf       data = -1                grad = -
net.w.0 leaf       data = 2                 grad = -
net.w.1 leaf       data = -1                grad = -
v4      constant   data = 1                 grad = -
v5      constant   data = 4                 grad = -
v6      dot        data = not computed yet  grad = -
v7      relu       data = not computed yet  grad = -
out     dot        data = not computed yet  grad = -
v9      exp        data = not computed yet  grad = -
(step) expand
v6: 2 products
out: 1 product
(step) next 4
[ 1/11] forward   p1 = net.w.0 * v4 = 2 * 1 = 2
                  p2 = net.w.1 * v5 = (-1) * 4 = -4
                  v6 = p1 + p2 = 2 + (-4) = -2
[ 2/11] forward   v7 = max(v6, 0) = max(-2, 0) = 0
[ 3/11] forward   p1 = dead * v7 = 0.5 * 0 = 0
                  out = p1 + v1 = 0 + (-1) = -1
[ 4/11] forward   v9 = exp(out) = exp(-1) = 0.3679
        the forward pass is over; the backward pass begins with dv9/dv9 = 1
(step) chain net.w.0
dv9/d(net.w.0) = dv9/dout * dout/dv7 * dv7/dv6 * dv6/d(net.w.0)
    = 0.3679 * 0.5 * 0 * 1 = 0
(step) break dead
1: dead relu
(step) break label dead
1: dead relu
2: at dead
(step) break layer net
1: dead relu
2: at dead
3: layer net
(step) break layer 0
line 8: unknown layer 0; known: net
(step) next
[ 5/11] backward  dv9/dout += dv9/dv9 * dv9/dout = 1 * 0.3679 = 0.3679
(step) next
[ 6/11] backward  p1 = dead * v7: dv9/dp1 = dv9/dout * dout/dp1 = 0.3679 * 1 = 0.3679
                  dv9/ddead += dv9/dp1 * dp1/ddead = 0.3679 * 0 = 0
                  stop: at dead
(step) c
[ 9/11] backward  dv9/dv6 += dv9/dv7 * dv7/dv6 = 0.1839 * 0 = 0
                  stop: relu v7 is off (its input is -2)
                  stop: in layer net (v7)
(step) c
[10/11] backward  p1 = net.w.0 * v4: dv9/dp1 = dv9/dv6 * dv6/dp1 = 0 * 1 = 0
                  dv9/d(net.w.0) += dv9/dp1 * dp1/d(net.w.0) = 0 * 1 = 0
                  stop: in layer net (v6)
(step) c
[11/11] backward  p2 = net.w.1 * v5: dv9/dp2 = dv9/dv6 * dv6/dp2 = 0 * 1 = 0
                  dv9/d(net.w.1) += dv9/dp2 * dp2/d(net.w.1) = 0 * 4 = 0
                  stop: in layer net (v6)
        the backward pass is over
(step) check
dv9/ddead = 0, finite differences 0: agrees
dv9/dv1 = 0.3678794412, finite differences 0.3678794412: agrees
dv9/d(net.w.0) = 0, finite differences 0: agrees
dv9/d(net.w.1) = 0, finite differences 0: agrees
(step) collapse
v6: one node
out: one node
[11/11] backward  dv9/d(net.w.1) += dv9/dv6 * dv6/d(net.w.1) = 0 * 4 = 0
                  stop: in layer net (v6)
        the backward pass is over
"""

HELP = """\
(step) help
next [N]            do the next step, or N steps. [n, s, step]
back [N]            undo the last step, or N steps; old values come back
                    exactly. [b]
continue            go on to the next breakpoint, or to the end. [c, cont]
rcontinue           go back to the last breakpoint, or to the start. [rc]
to NODE             go on until the node is computed, or, backward, its gradient
                    complete.
start               go back to the start.
end                 go to the end, past all breakpoints.
break NODE | op NAME | layer N | grad NUMBER | nonfinite | dead
                    stop there.
watch NODE          stop at every step that changes the node, its number or its
                    gradient.
clear [N]           remove breakpoint N, or all of them.
quiz [on | off]     hide the number of each step that comes, and ask for it.
hint                say more about the open question: the formula, its numbers,
                    all but the last step.
answer [NUMBER]     show the answer and do the step; with a number, be judged.
skip                leave the open question out, and go on to the next.
score [FILE]        how the quiz goes; with FILE keep the counts there from now
                    on.
print [NODE]        the number and gradient of a node, or of all nodes, at this
                    moment. [p]
list [N]            the steps around this one, N on either side (5). [l]
where [NODE]        the file and line that made a node, or the node of this
                    step. [w]
chain [NODE]        the whole way from a node to the loss as products, with
                    numbers.
latex [NODE]        this step in LaTeX, or the whole way from a node to the
                    loss.
expand [NODE]       show the products of a sum of products (of all, without
                    NODE).
collapse [NODE]     show sums of products as one node again.
draw [FILE]         draw this moment; without FILE step-N.svg.
set LEAF NUMBER     change a leaf and run both passes again, to this same step.
check [NODE]        compare the gradient of a node with finite differences, or
                    of the leaves.
help [COMMAND]      what the commands do. [h, ?]
quit                leave. [q, exit]
Enter alone does the last next, back, continue or rcontinue again, Tab completes
commands and names, Ctrl-C breaks a command off, Ctrl-D leaves.
"""

HELP_50 = """\
(step) help
next [N]            do the next step, or N steps.
                    [n, s, step]
back [N]            undo the last step, or N
                    steps; old values come back
                    exactly. [b]
continue            go on to the next breakpoint,
                    or to the end. [c, cont]
rcontinue           go back to the last
                    breakpoint, or to the start.
                    [rc]
to NODE             go on until the node is
                    computed, or, backward, its
                    gradient complete.
start               go back to the start.
end                 go to the end, past all
                    breakpoints.
break NODE | op NAME | layer N | grad NUMBER |
    nonfinite | dead
                    stop there.
watch NODE          stop at every step that
                    changes the node, its number
                    or its gradient.
clear [N]           remove breakpoint N, or all of
                    them.
quiz [on | off]     hide the number of each step
                    that comes, and ask for it.
hint                say more about the open
                    question: the formula, its
                    numbers, all but the last
                    step.
answer [NUMBER]     show the answer and do the
                    step; with a number, be
                    judged.
skip                leave the open question out,
                    and go on to the next.
score [FILE]        how the quiz goes; with FILE
                    keep the counts there from now
                    on.
print [NODE]        the number and gradient of a
                    node, or of all nodes, at this
                    moment. [p]
list [N]            the steps around this one, N
                    on either side (5). [l]
where [NODE]        the file and line that made a
                    node, or the node of this
                    step. [w]
chain [NODE]        the whole way from a node to
                    the loss as products, with
                    numbers.
latex [NODE]        this step in LaTeX, or the
                    whole way from a node to the
                    loss.
expand [NODE]       show the products of a sum of
                    products (of all, without
                    NODE).
collapse [NODE]     show sums of products as one
                    node again.
draw [FILE]         draw this moment; without FILE
                    step-N.svg.
set LEAF NUMBER     change a leaf and run both
                    passes again, to this same
                    step.
check [NODE]        compare the gradient of a node
                    with finite differences, or of
                    the leaves.
help [COMMAND]      what the commands do. [h, ?]
quit                leave. [q, exit]
Enter alone does the last next, back, continue or
rcontinue again, Tab completes commands and names,
Ctrl-C breaks a command off, Ctrl-D leaves.
(step) help break
break NODE | op NAME | layer N | grad NUMBER |
    nonfinite | dead
                    stop there. At a node it stops
                    when its number is computed,
                    and when its gradient is
                    complete. Without an argument
                    it lists the breakpoints. Of a
                    node that is called "dead",
                    say label dead.
"""

HELP_39 = """\
(step) help list
list [N]
    the steps around this one, N on
    either side (5). [l]
(step) help break
break NODE | op NAME | layer N |
    grad NUMBER | nonfinite | dead
    stop there. At a node it stops when
    its number is computed, and when
    its gradient is complete. Without
    an argument it lists the
    breakpoints. Of a node that is
    called "dead", say label dead.
(step) help start
start
    go back to the start.
"""

HELP_40 = """\
(step) help list
list [N]            the steps around
                    this one, N on
                    either side (5). [l]
(step) help back
back [N]            undo the last step,
                    or N steps; old
                    values come back
                    exactly. [b]
"""

HELP_55 = """\
(step) help break
break NODE | op NAME | layer N | grad NUMBER |
    nonfinite | dead
                    stop there. At a node it stops when
                    its number is computed, and when
                    its gradient is complete. Without
                    an argument it lists the
                    breakpoints. Of a node that is
                    called "dead", say label dead.
"""

NARROW = """\
(step) next
[ 1/49] forward   net_h1 = w1 * i1 + w2 * i2
                    + b1
                    = 0.15 * 0.05
                    + 0.2 * 0.1 + 0.35
                    = 0.3775
(step) to w5
[33/49] backward  dL/dw5 += dL/dnet_o1
                    * dnet_o1/dw5
                    = 0.1385 * 0.5933
                    = 0.0822
(step) chain w5
dL/dw5 = dL/dE_o1 * dE_o1/dsq_o1
  * dsq_o1/ddiff_o1 * ddiff_o1/dout_o1
  * dout_o1/dnet_o1 * dnet_o1/dw5
    = 1 * 0.5 * (-1.4827) * (-1) * 0.1868
      * 0.5933
      = 0.0822
(step) expand
net_h1: 2 products
net_h2: 2 products
net_o1: 2 products
net_o2: 2 products
[33/49] backward  p1 = w5 * out_h1: dL/dp1
                    = dL/dnet_o1
                    * dnet_o1/dp1
                    = 0.1385 * 1 = 0.1385
                  dL/dw5 += dL/dp1 * dp1/dw5
                    = 0.1385 * 0.5933
                    = 0.0822
(step) list 1
-> [33/49] backward  dL/dw5 += dL/dnet_o1
                      * dnet_o1/dw5
                      = 0.1385 * 0.5933
                      = 0.0822
   [34/49] backward  dL/dw6 += dL/dnet_o1
                      * dnet_o1/dw6
                      = 0.1385 * 0.5969
                      = 0.0827
"""


@pytest.mark.parametrize(
    ("transcript", "build", "width"),
    [
        (THERE_AND_BACK, small, None),
        (LOOKING, small, None),
        (SUMS, small, None),
        (BREAKPOINTS, small, None),
        (CHANGING, small, None),
        (TWO_SUMS, two_sums, None),
        (HELP, worked_example, None),
        (HELP_50, worked_example, 50),
        (HELP_39, worked_example, 39),
        (HELP_40, worked_example, 40),
        (HELP_55, worked_example, 55),
        (NARROW, worked_example, 44),
    ],
)
def test_the_console_answers_word_for_word(
    transcript: str, build: Callable[[], Value], width: int | None
) -> None:
    assert printed(transcript, build(), width) == transcript


class Longer(Console):
    """Commands whose usage is as wide as the column, nearly so, or not said."""

    def do_nineteen(self, argument: str) -> None:
        """nineteen WORD WORD_: one."""

    def do_twenty(self, argument: str) -> None:
        """twenty WORD WORD WOR: two.

        More of it.
        """

    def do_silent(self, argument: str) -> None:
        pass

    def do_broad(self, argument: str) -> None:
        """broad: twenty of them in a word twenty of them in a word three for."""

    def do_broader(self, argument: str) -> None:
        """broader: twenty of them in a word twenty of them in a word three four."""


def test_what_help_says_of_a_usage_of_any_length() -> None:
    out = io.StringIO()
    commands = "help nineteen\nhelp twenty\nhelp silent\nhelp broad\nhelp broader\n"
    console = Longer(Session(small()), stdin=io.StringIO(commands), stdout=out)
    console.run()
    assert out.getvalue() == (
        "(step) help nineteen\n"
        "nineteen WORD WORD_ one.\n"
        "(step) help twenty\n"
        "twenty WORD WORD WOR\n"
        "                    two. More of it.\n"
        "(step) help silent\n"
        "silent              \n"
        "(step) help broad\n"
        "broad               twenty of them in a word twenty of them in a word three for.\n"
        "(step) help broader\n"
        "broader             twenty of them in a word twenty of them in a word three\n"
        "                    four.\n"
    )


def test_help_without_docstrings_names_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Console.commands():
        monkeypatch.setattr(getattr(Console, f"do_{name}"), "__doc__", None)
    monkeypatch.setattr(cmd.Cmd.do_help, "__doc__", None)
    lines = printed("(step) help\n", small()).splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == Console.commands()
    assert lines[1] == "next                [n, s, step]"


def leaves(n: int) -> Value:
    return functional.sum([Value(0.0, label=f"x{i}") for i in range(n)])


@pytest.mark.parametrize(
    ("n", "checked", "apart"),
    [(60, 60, None), (61, 31, 2), (120, 60, 2), (121, 41, 3), (180, 60, 3)],
)
def test_up_to_60_leaves_are_checked(n: int, checked: int, apart: int | None) -> None:
    lines = printed("(step) check\n", leaves(n)).splitlines()[1:]
    if apart is not None:
        assert lines.pop(0) == (
            f"{n} leaves; checking {checked} of them, one in {apart} (check NODE checks any other)"
        )
    assert lines == [
        f"dv{n}/dx{i} = 1, finite differences 1: agrees" for i in range(0, n, apart or 1)
    ]


def test_very_many_leaves_are_counted_with_commas() -> None:
    text = printed("(step) check\n", leaves(1234))
    assert "1,234 leaves; checking 59 of them, one in 21 (check NODE" in text


@pytest.mark.parametrize(
    ("slope", "wrong", "agrees"),
    [
        (2.0, 2.0 + 1.9e-6, True),
        (2.0, 2.0 + 2.1e-6, False),
        (0.25, 0.25 + 0.9e-6, True),
        (0.25, 0.25 + 1.1e-6, False),
        (-3.0, 3.0, False),
        (3.0, -3.0, False),
        (1.0, nan, False),
    ],
)
def test_a_gradient_agrees_to_6_digits(slope: float, wrong: float, agrees: bool) -> None:
    x = Value(1.0, label="x")
    loss = slope * x
    loss.partials = (1.0, wrong)
    out = io.StringIO()
    console = Console(Session(loss), stdin=io.StringIO("next\ncheck x\nlist 1\n"), stdout=out)
    console.run()
    assert console.failures == (0 if agrees else 1)
    assert ("agrees" in out.getvalue()) == agrees
    assert console.session.position == 1


def test_a_number_with_a_label_can_be_checked() -> None:
    loss = Value(3.0, label="x") * 0.5
    loss.parents[1].label = "half"
    expected = "dv2/dhalf = 3, finite differences 3: agrees"
    assert printed("(step) check half\n", loss).splitlines()[1:] == [expected]


def test_all_gradients_that_do_not_agree_are_named() -> None:
    loss = Value(2.0, label="x") * Value(3.0, label="y") * Value(1.0, label="z")
    loss.partials = (1.0, 0.0)
    inner = loss.parents[0]
    inner.partials = (3.0, 7.0)
    text = printed("(step) check\n", loss)
    assert text.splitlines()[-1] == (
        "line 1: the gradient does not agree with finite differences at: z, y"
    )


def test_where_a_graph_was_built_is_told_whole() -> None:
    with record_creation():
        a = Value(2.0, label="a")
        loss = (a * 3.0).exp()
        line = sys._getframe().f_lineno - 1
        out = io.StringIO()
        commands = "where a\nnext\nwhere\nnext\nwhere\nwhere v2\n"
        commands += "draw\ndraw a folder/with a long name.svg\n"
        console = Console(
            Session(loss),
            draw=lambda session, path: None,
            stdin=io.StringIO(commands),
            stdout=out,
            width=20,
        )
        console.run()
    lines = [line for line in out.getvalue().splitlines() if ": /" in line or "drawn" in line]
    name = "test_where_a_graph_was_built_is_told_whole"
    assert lines == [
        f"a: {__file__}:{line - 1} in {name}",
        f"v2: {__file__}:{line} in {name}",
        f"v3: {__file__}:{line} in {name}",
        f"v2: {__file__}:{line} in {name}",
        "drawn: step-2.svg",
        "drawn: a folder/with a long name.svg",
    ]
    out = io.StringIO()
    built = Console(
        Session(Value(2.0, label="a") * 3.0),
        stdin=io.StringIO("where\nwhere a\n"),
        stdout=out,
        width=30,
        built_from="a folder/with a long name/net.npz and data.csv",
    )
    built.run()
    assert built.failures == 1
    assert out.getvalue().splitlines()[-1] == (
        "a: built from a folder/with a long name/net.npz and data.csv"
    )


def test_a_name_of_up_to_32_characters_widens_the_column() -> None:
    def columns(n: int) -> list[int]:
        loss = Value(2.0, label="x" * n) * Value(3.0, label="y")
        lines = printed("(step) print\n", loss).splitlines()[1:]
        return [line.index(" leaf ") for line in lines[:2]]

    for n, found in ((1, [2, 2]), (31, [31, 31]), (32, [32, 32]), (33, [33, 32]), (50, [50, 32])):
        assert columns(n) == found


def test_completion_goes_on_where_a_name_of_several_words_stands() -> None:
    loss = Value(1.0, label="petal width") * Value(2.0, label="petal length")
    console = Console(Session(loss), stdin=io.StringIO(), stdout=io.StringIO())
    line = "print  petal w and more"
    assert console.completedefault("w", line, 13, 14) == ["width"]
    assert console.completedefault("", "print petal ", 12, 12) == ["width", "length"]
    assert console.completedefault("petal", "to petal", 3, 8) == ["petal width", "petal length"]
    assert console.completedefault("q", "to q", 3, 4) == []
    assert console.completenames("e") == ["end", "expand"]
    assert console.completenames("") == Console.commands()


def test_a_title_stands_before_the_greeting() -> None:
    console = Console(Session(small()), title="a title", stdout=io.StringIO())
    greeting = (
        "9 nodes, 5 steps forward and 10 backward. Type help for the commands, next for a step."
    )
    assert console.greeting == f"a title: {greeting}"
    assert Console(Session(small()), stdout=io.StringIO()).greeting == greeting


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("next 0", "'0' is no whole number of at least 1"),
        ("next -1", "'-1' is no whole number of at least 1"),
        ("next 1.5", "'1.5' is no whole number of at least 1"),
        ("break", None),
        ("back w", "back takes a number of steps; to stop at w: break w"),
        ("back q", "'q' is no whole number of at least 1"),
        ("set w 1e-3", None),
        ("set w", "give a leaf and a number: set w5 0.45"),
        ("check v5", None),
        ("expand w", "w is no sum of products; those are: z"),
        ("break grad", "unknown node 'grad'; known: L, b, v0, v5, v6, v7, w, x, z"),
        ("break grad abc", "'abc' is no number; write it as 0.45"),
        ("break layer 0", "unknown layer 0; known: (none)"),
        ("break op nothing", None),
        ("chain", "give the name of a node; 'print' lists them"),
        ("where", "give the name of a node; 'print' lists them"),
    ],
)
def test_what_an_argument_may_be(text: str, message: str | None) -> None:
    out = io.StringIO()
    session = Session(small(), names="code")
    console = Console(session, stdin=io.StringIO(f"{text}\n"), stdout=out)
    console.run()
    if message is not None:
        assert out.getvalue().splitlines()[1:] == [f"line 1: {message}"]
    assert console.failures == (message is not None or "nothing" in text)


def test_whole_numbers_from_a_least_one() -> None:
    assert whole_number("0") == 0
    assert whole_number("3", least=3) == 3
    for text, least in (("-1", 0), ("2", 3), ("x", 0)):
        with pytest.raises(InvalidArgumentError, match=f"is no whole number of at least {least}"):
            whole_number(text, least=least)
