/* The interpreter: runs a list of records; read once for each kind of `real`.
 *
 * Elementwise results may lie where an operand lies, element on element, so that no round of a loop
 * depends on another; the compiler may take several rounds at once.
 */
#if defined(__clang__)
#define ROUNDS_ARE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ROUNDS_ARE_INDEPENDENT _Pragma("GCC ivdep")
#endif

typedef int32_t index_t;

INLINE real *NAME(at)(void *const *memory, const operand *p) {
  return (real *)memory[p->base] + p->offset;
}

INLINE int64_t NAME(steps)(const operand *p, const int64_t *i) {
  return i[0] * p->stride[0] + i[1] * p->stride[1] + i[2] * p->stride[2] + i[3] * p->stride[3];
}

/* All rounds of the four outer loops. */
#define OUTER_LOOPS(r)                                             \
  int64_t i[4];                                                    \
  for (i[0] = 0; i[0] < (r)->extent[0]; i[0]++)                    \
    for (i[1] = 0; i[1] < (r)->extent[1]; i[1]++)                  \
      for (i[2] = 0; i[2] < (r)->extent[2]; i[2]++)                \
        for (i[3] = 0; i[3] < (r)->extent[3]; i[3]++)

INLINE int NAME(is_empty)(const record *r) {
  for (int axis = 0; axis < AXES; axis++)
    if (r->extent[axis] == 0) return 1;
  return 0;
}

/* The next round of the four outer loops; 0 when there is none, as for a single row. */
INLINE int NAME(next_round)(const record *r, int64_t *i) {
  for (int axis = 3; axis >= 0; axis--) {
    if (++i[axis] < r->extent[axis]) return 1;
    i[axis] = 0;
  }
  return 0;
}

/* A row of results that follow each other; each operand does so too (1), or is one number for the
 * whole row (0). With steps that the compiler knows it takes vectors. */
#define ROW_IF(SX, SY, SZ, RESULT)                                                        \
  if (so == 1 && sx == SX && sy == SY && sz == SZ) {                                      \
    const real first = SX ? 0 : *p, second = SY ? 0 : *q, third = SZ ? 0 : *s;            \
    ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                              \
      const real x = SX ? p[j] : first, y = SY ? q[j] : second, z = SZ ? s[j] : third;    \
      (void)y, (void)z;                                                                   \
      o[j] = RESULT;                                                                      \
    }                                                                                     \
  } else

/* An operation with N operands; where there are fewer than three, the first one stands for them. */
#define ELEMENTWISE(NAME_, N, RESULT)                                                     \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                   \
    const operand *of_x = &r->in[0], *of_y = &r->in[N > 1 ? 1 : 0];                       \
    const operand *of_z = &r->in[N > 2 ? 2 : 0];                                          \
    const int64_t n = r->extent[4], so = r->out.stride[4], sx = of_x->stride[4];          \
    const int64_t sy = of_y->stride[4], sz = of_z->stride[4];                             \
    if (NAME(is_empty)(r)) return;                                                        \
    real *const out = NAME(at)(memory, &r->out), *o = out;                                \
    const real *const a = NAME(at)(memory, of_x), *p = a;                                 \
    const real *const b = NAME(at)(memory, of_y), *q = b;                                 \
    const real *const c = NAME(at)(memory, of_z), *s = c;                                 \
    int64_t i[4] = {0};                                                                   \
    do {                                                                                  \
      ROW_IF(1, 1, 1, RESULT)                                                             \
      ROW_IF(1, 0, 1, RESULT)                                                             \
      ROW_IF(1, 1, 0, RESULT)                                                             \
      ROW_IF(0, 1, 0, RESULT)                                                             \
      for (int64_t j = 0; j < n; j++) {                                                   \
        const real x = p[j * sx], y = q[j * sy], z = s[j * sz];                           \
        (void)y, (void)z;                                                                 \
        o[j * so] = RESULT;                                                               \
      }                                                                                   \
    } while (NAME(next_round)(r, i) &&                                                    \
             (o = out + NAME(steps)(&r->out, i), p = a + NAME(steps)(of_x, i),            \
              q = b + NAME(steps)(of_y, i), s = c + NAME(steps)(of_z, i), 1));            \
  }
#define KERNEL(NAME_)
#include "operations.h"

/* Reductions. The axes on which out stands still come last; `kept` is how many others there are. */

INLINE int NAME(n_kept)(const record *r) {
  int kept = AXES;
  while (kept > 0 && (r->out.stride[kept - 1] == 0 || r->extent[kept - 1] == 1)) kept--;
  return kept;
}

/* The same record with that loop as the innermost one. */
static record NAME(turned)(const record *r, int innermost) {
  record turned = *r;
  for (int axis = innermost; axis < AXES; axis++) {
    const int from = axis < AXES - 1 ? axis + 1 : innermost;
    turned.extent[axis] = r->extent[from];
    turned.out.stride[axis] = r->out.stride[from];
    turned.in[0].stride[axis] = r->in[0].stride[from];
  }
  return turned;
}

/* A sum of nothing is 0, at each place of out; there may be none. */
static void NAME(clear)(const record *r, void *const *memory) {
  record places = *r;
  for (int axis = 0; axis < AXES; axis++)
    if (r->out.stride[axis] == 0) places.extent[axis] = 1;
  OUTER_LOOPS(&places) {
    real *o = NAME(at)(memory, &r->out) + NAME(steps)(&r->out, i);
    for (int64_t j = 0; j < places.extent[4]; j++) o[j * r->out.stride[4]] = 0;
  }
}

/* The sum of n numbers; of those that follow each other, as of eight vectors side by side. */
INLINE real NAME(sum_of_row)(const real *p, int64_t n, int64_t step) {
  enum { SIDE = 8, L = NAME(LANES) };
  real total = 0;
  int64_t j = 0;
  if (step == 1) {
    NAME(vector) part[SIDE] = {{0}};
    for (; j + SIDE * L <= n; j += SIDE * L)
      for (int k = 0; k < SIDE; k++) part[k] += NAME(load)(p + j + k * L);
    for (int k = 0; j + L <= n; j += L, k++) part[k] += NAME(load)(p + j);
    for (int half = SIDE / 2; half > 0; half /= 2)
      for (int k = 0; k < half; k++) part[k] += part[k + half];
    for (int k = 0; k < L; k++) total += part[0][k];
  }
  for (; j < n; j++) total += p[j * step];
  return total;
}

/* The first of the largest numbers; nan if one is. */
INLINE real NAME(larger)(real x, real y) { return y > x || y != y ? y : x; }

INLINE real NAME(largest_of_row)(const real *p, int64_t n, int64_t step) {
  real largest = p[0];
  for (int64_t j = 1; j < n; j++) largest = NAME(larger)(largest, p[j * step]);
  return largest;
}

/* By rows of the loops that are left out or, where the numbers follow each other along the last of
 * the loops that are kept, by whole rows onto each other. */
#define REDUCTION(NAME_, JOIN)                                                            \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                   \
    int kept = NAME(n_kept)(r);                                                           \
    if (NAME(is_empty)(r)) {                                                              \
      NAME(clear)(r, memory);                                                             \
      return;                                                                             \
    }                                                                                     \
    if (kept == AXES) {                                                                   \
      NAME(run_copy)(r, memory);                                                          \
      return;                                                                             \
    }                                                                                     \
    const int onto = kept && r->out.stride[kept - 1] == 1 && r->in[0].stride[kept - 1] == 1; \
    record turned;                                                                        \
    if (onto) turned = NAME(turned)(r, --kept), r = &turned;                              \
    real *const out = NAME(at)(memory, &r->out);                                          \
    const real *const a = NAME(at)(memory, &r->in[0]);                                    \
    const int64_t n = r->extent[4], sa = r->in[0].stride[4];                              \
    OUTER_LOOPS(r) {                                                                      \
      real *o = out + NAME(steps)(&r->out, i);                                            \
      const real *p = a + NAME(steps)(&r->in[0], i);                                      \
      int first = 1;                                                                      \
      for (int axis = kept; axis < AXES - 1; axis++) first &= i[axis] == 0;               \
      if (!onto) {                                                                        \
        const real x = *o, y = NAME(NAME_##_of_row)(p, n, sa);                            \
        *o = first ? y : (JOIN);                                                          \
      } else if (first) {                                                                 \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) o[j] = p[j];               \
      } else                                                                              \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                          \
          const real x = o[j], y = p[j];                                                  \
          o[j] = JOIN;                                                                    \
        }                                                                                 \
    }                                                                                     \
  }
REDUCTION(sum, x + y)
REDUCTION(largest, NAME(larger)(x, y))

/* Extents S, M, N, K, L: stacks, rows, columns, and what is summed over; L adds up products. */
static void NAME(run_product)(const record *r, void *const *memory) {
  const int32_t *n = r->extent, *so = r->out.stride, *sa = r->in[0].stride, *sb = r->in[1].stride;
  real *out = NAME(at)(memory, &r->out);
  const real *a = NAME(at)(memory, &r->in[0]), *b = NAME(at)(memory, &r->in[1]);
  const int inner = n[3] >= n[4] || n[4] == 0 ? 3 : 4, outer = 7 - inner; /* few long sums */
  for (int64_t s = 0; s < n[0]; s++)
    for (int64_t l = 0; l == 0 || l < n[outer]; l++)
      NAME(matrix_product)(n[1], n[2], n[outer] ? n[inner] : 0, a + s * sa[0] + l * sa[outer], sa[1],
                       sa[inner], b + s * sb[0] + l * sb[outer], sb[2], sb[inner], out + s * so[0],
                       so[1], so[2], l > 0);
}

/* Extents S, P, Q, K, B: the same for each sample, of which a row holds one number each. */
static void NAME(run_row_products)(const record *r, void *const *memory) {
  real *out = NAME(at)(memory, &r->out);
  const real *a = NAME(at)(memory, &r->in[0]), *b = NAME(at)(memory, &r->in[1]);
  const int32_t *n = r->extent, *so = r->out.stride, *sa = r->in[0].stride, *sb = r->in[1].stride;
  const int follow = so[4] == 1 && sa[4] == 1 && sb[4] == 1 && n[4] > 1;
  for (int64_t s = 0; s < n[0]; s++) {
    real *o = out + s * so[0];
    const real *p = a + s * sa[0], *q = b + s * sb[0];
    if (follow)
      NAME(row_products)(n[1], n[2], n[3], n[4], p, sa[1], sa[3], q, sb[2], sb[3], o, so[1], so[2]);
    else
      for (int64_t i = 0; i < n[4]; i++)
        NAME(matrix_product)(n[1], n[2], n[3], p + i * sa[4], sa[1], sa[3], q + i * sb[4], sb[2], sb[3],
                         o + i * so[4], so[1], so[2], 0);
  }
}

INLINE const index_t *NAME(table)(void *const *memory, const operand *p) {
  return (const index_t *)memory[p->base] + p->offset;
}

/* out[i, b] = in[0][table[i], b], I = extent[3], B = extent[4]; in[2], if any, says where instead
 * of i. stride[3] of in[0] and out is from one place to the next. */
static void NAME(run_gather)(const record *r, void *const *memory) {
  real *out = NAME(at)(memory, &r->out);
  const real *a = NAME(at)(memory, &r->in[0]);
  const index_t *from = NAME(table)(memory, &r->in[1]);
  const index_t *to = r->in[2].base >= 0 ? NAME(table)(memory, &r->in[2]) : 0;
  const int64_t n = r->extent[4], so = r->out.stride[4], sa = r->in[0].stride[4];
  for (int64_t i = 0; i < r->extent[3]; i++) {
    const real *p = a + (int64_t)from[i] * r->in[0].stride[3];
    real *o = out + (to ? to[i] : i) * r->out.stride[3];
    for (int64_t j = 0; j < n; j++) o[j * so] = p[j * sa];
  }
}

/* Sums of some places of in[0], over the samples too where out has none, to places of out.
 * in[1] is the order of the places; in[2] holds, for each of I = extent[3] sums, where its part of
 * that order ends, then the I places of out. extent[2] is 1 to add to what is there, else 0;
 * extent[1] is 1 where the samples, B = extent[4], are added up. */
static void NAME(run_scatter)(const record *r, void *const *memory) {
  real *out = NAME(at)(memory, &r->out);
  const real *a = NAME(at)(memory, &r->in[0]);
  const index_t *order = NAME(table)(memory, &r->in[1]), *ends = NAME(table)(memory, &r->in[2]);
  const int64_t n_sums = r->extent[3], n = r->extent[4], sa = r->in[0].stride[4];
  const int adds = r->extent[2], adds_up_samples = r->extent[1];
  const int64_t so = adds_up_samples ? 0 : r->out.stride[4];
  const index_t *places = ends + n_sums;
  for (int64_t i = 0, k = 0; i < n_sums; i++) {
    real *o = out + (int64_t)places[i] * r->out.stride[3];
    int first = !adds;
    for (; k < ends[i]; k++, first = 0) {
      const real *p = a + (int64_t)order[k] * r->in[0].stride[3];
      if (adds_up_samples) {
        const real total = NAME(sum_of_row)(p, n, sa);
        *o = first ? total : *o + total;
      } else
        for (int64_t j = 0; j < n; j++) o[j * so] = first ? p[j * sa] : o[j * so] + p[j * sa];
    }
  }
}

/* *out += number * sum of x y: partial sums in the precision of the program, the rest in double.
 * With `skips`, an x of 0 counts nothing, even if y is inf or nan. */
INLINE void NAME(add_products)(const record *r, void *const *memory, int skips) {
  enum { L = NAME(LANES) };
  double *out = (double *)memory[r->out.base] + r->out.offset;
  const real *a = NAME(at)(memory, &r->in[1]), *b = NAME(at)(memory, &r->in[2]);
  const int64_t n = r->extent[4], sa = r->in[1].stride[4], sb = r->in[2].stride[4];
  const NAME(vector) zero = {0};
  double total = 0;
  OUTER_LOOPS(r) {
    const real *x = a + NAME(steps)(&r->in[1], i), *y = b + NAME(steps)(&r->in[2], i);
    int64_t j = 0;
    if (n > 0 && sa == 1 && (sb == 1 || sb == 0)) {
      NAME(vector) part = zero;
      const NAME(vector) same = NAME(spread)(*y);
      for (; j + L <= n; j += L) {
        const NAME(vector) v = NAME(load)(x + j);
        const NAME(vector) product = v * (sb ? NAME(load)(y + j) : same);
        const __typeof__(v != zero) counts = v != zero; /* all bits set where it does */
        part += skips ? (NAME(vector))((__typeof__(counts))product & counts) : product;
      }
      for (int k = 0; k < L; k++) total += part[k];
    }
    for (; j < n; j++)
      if (!skips || x[j * sa] != 0) total += (double)(x[j * sa] * y[j * sb]);
  }
  *out += (double)*NAME(at)(memory, &r->in[0]) * total;
}

static void NAME(run_loss)(const record *r, void *const *memory) {
  NAME(add_products)(r, memory, 0);
}

static void NAME(run_weighted)(const record *r, void *const *memory) {
  NAME(add_products)(r, memory, 1);
}

/* Adam's step: what the operations multiply_add, multiply, multiply_add, divide_by_root and
 * subtract_product give, each rounded, in one pass: the dividing unit is busy all the time and the
 * rest goes on beside it. in[3]: decay of the averages, of their squares; rate; what is added. */
static void NAME(run_adam)(const record *r, void *const *memory) {
  real *p = NAME(at)(memory, &r->out);
  real *mean = NAME(at)(memory, &r->in[1]), *square = NAME(at)(memory, &r->in[2]);
  const real *g = NAME(at)(memory, &r->in[0]), *c = NAME(at)(memory, &r->in[3]);
  const real decay = c[0], decay_of_squares = c[1], rate = c[2], more = c[3];
  int64_t j = 0;
#if HAS_ROOTS
  enum { L = NAME(LANES), SIDE = 4 }; /* so many side by side, as each waits for its own results */
  for (; j + SIDE * L <= r->extent[4]; j += SIDE * L) {
    NAME(vector) m[SIDE], s[SIDE];
    UNROLL for (int k = 0; k < SIDE; k++) {
      const NAME(vector) x = NAME(load)(g + j + k * L);
      m[k] = NAME(load)(mean + j + k * L) * decay + x;
      s[k] = NAME(load)(square + j + k * L) * decay_of_squares + x * x;
      NAME(store)(mean + j + k * L, m[k]);
      NAME(store)(square + j + k * L, s[k]);
    }
    UNROLL for (int k = 0; k < SIDE; k++) s[k] = (NAME(vector))roots(s[k]) + more;
    UNROLL for (int k = 0; k < SIDE; k++)
      NAME(store)(p + j + k * L, NAME(load)(p + j + k * L) - m[k] / s[k] * rate);
  }
#endif
  ROUNDS_ARE_INDEPENDENT for (; j < r->extent[4]; j++) {
    const real x = g[j], m = mean[j] * decay + x, s = square[j] * decay_of_squares + x * x;
    mean[j] = m;
    square[j] = s;
    p[j] -= m / (NAME(root)(s) + more) * rate;
  }
}

static void (*const NAME(kernels)[])(const record *, void *const *) = {
#define ELEMENTWISE(NAME_, N, RESULT) NAME(run_##NAME_),
#define KERNEL(NAME_) NAME(run_##NAME_),
#include "operations.h"
};

static void NAME(run_all)(const record *records, int64_t n, void *const *memory) {
  for (int64_t k = 0; k < n; k++) NAME(kernels)[records[k].operation](&records[k], memory);
}

EXPORT void NAME(run)(const record *records, int64_t n, void *const *memory) {
  NAME(run_all)(records, n, memory);
}
