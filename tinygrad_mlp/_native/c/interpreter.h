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

#define ELEMENTWISE_1(NAME_, RESULT)                                                      \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                   \
    real *out = NAME(at)(memory, &r->out);                                                \
    const real *a = NAME(at)(memory, &r->in[0]);                                          \
    const int64_t n = r->extent[4], so = r->out.stride[4], sa = r->in[0].stride[4];       \
    if (NAME(is_empty)(r)) return;                                                        \
    int64_t i[4] = {0};                                                                   \
    real *o = out;                                                                        \
    const real *p = a;                                                                    \
    do {                                                                                  \
      if (so == 1 && sa == 1) {                                                           \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                          \
          const real x = p[j];                                                            \
          o[j] = RESULT;                                                                  \
        }                                                                                 \
      } else                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                 \
          const real x = p[j * sa];                                                       \
          o[j * so] = RESULT;                                                             \
        }                                                                                 \
    } while (NAME(next_round)(r, i) && (o = out + NAME(steps)(&r->out, i),                \
                                        p = a + NAME(steps)(&r->in[0], i), 1));           \
  }

#define ELEMENTWISE_2(NAME_, RESULT)                                                      \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                   \
    real *out = NAME(at)(memory, &r->out);                                                \
    const real *a = NAME(at)(memory, &r->in[0]), *b = NAME(at)(memory, &r->in[1]);        \
    const int64_t n = r->extent[4], so = r->out.stride[4];                                \
    const int64_t sa = r->in[0].stride[4], sb = r->in[1].stride[4];                       \
    if (NAME(is_empty)(r)) return;                                                        \
    int64_t i[4] = {0};                                                                   \
    real *o = out;                                                                        \
    const real *p = a, *q = b;                                                            \
    do {                                                                                  \
      if (so == 1 && sa == 1 && sb == 1) {                                                \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                          \
          const real x = p[j], y = q[j];                                                  \
          o[j] = RESULT;                                                                  \
        }                                                                                 \
      } else if (so == 1 && sa == 1 && sb == 0) {                                         \
        const real y = *q;                                                                \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                          \
          const real x = p[j];                                                            \
          o[j] = RESULT;                                                                  \
        }                                                                                 \
      } else if (so == 1 && sa == 0 && sb == 1) {                                         \
        const real x = *p;                                                                \
        ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < n; j++) {                          \
          const real y = q[j];                                                            \
          o[j] = RESULT;                                                                  \
        }                                                                                 \
      } else                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                 \
          const real x = p[j * sa], y = q[j * sb];                                        \
          o[j * so] = RESULT;                                                             \
        }                                                                                 \
    } while (NAME(next_round)(r, i) &&                                                    \
             (o = out + NAME(steps)(&r->out, i), p = a + NAME(steps)(&r->in[0], i),       \
              q = b + NAME(steps)(&r->in[1], i), 1));                                     \
  }

#define ROUNDS_OF_3(O, X, Y, Z, RESULT)                                                   \
  for (int64_t j = 0; j < n; j++) {                                                       \
    const real x = (X), y = (Y), z = (Z);                                                 \
    O = RESULT;                                                                           \
  }

#define ELEMENTWISE_3(NAME_, RESULT)                                                      \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                   \
    if (NAME(is_empty)(r)) return;                                                        \
    real *out = NAME(at)(memory, &r->out), *o = out;                                      \
    const real *a = NAME(at)(memory, &r->in[0]), *b = NAME(at)(memory, &r->in[1]);        \
    const real *c = NAME(at)(memory, &r->in[2]), *p = a, *q = b, *s = c;                  \
    const int64_t n = r->extent[4], so = r->out.stride[4], sa = r->in[0].stride[4];       \
    const int64_t sb = r->in[1].stride[4], sc = r->in[2].stride[4];                       \
    const int in_order = so == 1 && sa == 1;                                              \
    int64_t i[4] = {0};                                                                   \
    do {                                                                                  \
      if (in_order && sb == 1 && sc == 1) {                                               \
        ROUNDS_ARE_INDEPENDENT ROUNDS_OF_3(o[j], p[j], q[j], s[j], RESULT)                \
      } else if (in_order && sb == 0 && sc == 1) {                                        \
        const real same = *q;                                                             \
        ROUNDS_ARE_INDEPENDENT ROUNDS_OF_3(o[j], p[j], same, s[j], RESULT)                \
      } else if (in_order && sb == 1 && sc == 0) {                                        \
        const real same = *s;                                                             \
        ROUNDS_ARE_INDEPENDENT ROUNDS_OF_3(o[j], p[j], q[j], same, RESULT)                \
      } else                                                                              \
        ROUNDS_OF_3(o[j * so], p[j * sa], q[j * sb], s[j * sc], RESULT)                   \
    } while (NAME(next_round)(r, i) &&                                                    \
             (o = out + NAME(steps)(&r->out, i), p = a + NAME(steps)(&r->in[0], i),       \
              q = b + NAME(steps)(&r->in[1], i), s = c + NAME(steps)(&r->in[2], i), 1));  \
  }

#define UNARY ELEMENTWISE_1
#define BINARY ELEMENTWISE_2
#define TERNARY ELEMENTWISE_3
#define KERNEL(NAME_)
#include "operations.h"
#undef UNARY
#undef BINARY
#undef KERNEL

static void NAME(run_where)(const record *r, void *const *memory) {
  real *out = NAME(at)(memory, &r->out);
  const real *c = NAME(at)(memory, &r->in[0]);
  const real *a = NAME(at)(memory, &r->in[1]), *b = NAME(at)(memory, &r->in[2]);
  const int64_t n = r->extent[4], so = r->out.stride[4];
  const int64_t sc = r->in[0].stride[4], sa = r->in[1].stride[4], sb = r->in[2].stride[4];
  const int in_order = so == 1 && sc == 1;
  if (NAME(is_empty)(r)) return;
  OUTER_LOOPS(r) {
    real *o = out + NAME(steps)(&r->out, i);
    const real *t = c + NAME(steps)(&r->in[0], i);
    const real *p = a + NAME(steps)(&r->in[1], i), *q = b + NAME(steps)(&r->in[2], i);
#define CHOOSE(J, X, Y) \
  for (int64_t j = 0; j < n; j++) o[(J)] = t[j * (in_order ? 1 : sc)] != 0 ? (X) : (Y);
    if (in_order && sa == 1 && sb == 1) {
      ROUNDS_ARE_INDEPENDENT CHOOSE(j, p[j], q[j])
    } else if (in_order && sa == 0 && sb == 1) {
      const real x = *p;
      ROUNDS_ARE_INDEPENDENT CHOOSE(j, x, q[j])
    } else if (in_order && sa == 1 && sb == 0) {
      const real y = *q;
      ROUNDS_ARE_INDEPENDENT CHOOSE(j, p[j], y)
    } else
      CHOOSE(j * so, p[j * sa], q[j * sb])
#undef CHOOSE
  }
}

/* Reductions. The axes on which out stands still come last; `kept` is how many others there are. */

INLINE int NAME(n_kept)(const record *r) {
  int kept = AXES;
  while (kept > 0 && (r->out.stride[kept - 1] == 0 || r->extent[kept - 1] == 1)) kept--;
  return kept;
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

/* The sum of n numbers that follow each other, as of eight vectors side by side. */
static real NAME(sum_of_row)(const real *p, int64_t n) {
  enum { SIDE = 8, L = NAME(LANES) };
  NAME(vector) part[SIDE] = {{0}};
  int64_t j = 0;
  for (; j + SIDE * L <= n; j += SIDE * L)
    for (int k = 0; k < SIDE; k++) part[k] += NAME(load)(p + j + k * L);
  for (int k = 0; j + L <= n; j += L, k++) part[k] += NAME(load)(p + j);
  for (int half = SIDE / 2; half > 0; half /= 2)
    for (int k = 0; k < half; k++) part[k] += part[k + half];
  real total = 0;
  for (int k = 0; k < L; k++) total += part[0][k];
  for (; j < n; j++) total += p[j];
  return total;
}

INLINE real NAME(larger)(real x, real y) { return x >= y || x != x ? x : y; }

#define REDUCTION(NAME_, START, JOIN, OF_ROW)                                              \
  static void NAME(run_##NAME_)(const record *r, void *const *memory) {                    \
    real *out = NAME(at)(memory, &r->out);                                                 \
    const real *a = NAME(at)(memory, &r->in[0]);                                           \
    const int kept = NAME(n_kept)(r);                                                      \
    const int64_t n = r->extent[4], sa = r->in[0].stride[4];                               \
    if (NAME(is_empty)(r)) {                                                               \
      NAME(clear)(r, memory);                                                              \
      return;                                                                              \
    }                                                                                      \
    if (kept > 0 && kept < AXES && r->out.stride[kept - 1] == 1 &&                         \
        r->in[0].stride[kept - 1] == 1) { /* whole rows onto each other */                 \
      const int64_t length = r->extent[kept - 1];                                          \
      int64_t k[AXES] = {0};                                                               \
      for (;;) {                                                                           \
        real *o = out;                                                                     \
        const real *p = a;                                                                 \
        int first = 1;                                                                     \
        for (int axis = 0; axis < AXES; axis++) {                                          \
          if (axis == kept - 1) continue;                                                  \
          o += k[axis] * r->out.stride[axis];                                              \
          p += k[axis] * r->in[0].stride[axis];                                            \
          if (axis >= kept && k[axis]) first = 0;                                          \
        }                                                                                  \
        if (first) {                                                                       \
          ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < length; j++) o[j] = p[j];         \
        } else {                                                                           \
          ROUNDS_ARE_INDEPENDENT for (int64_t j = 0; j < length; j++) {                    \
            const real x = o[j], y = p[j];                                                 \
            o[j] = JOIN;                                                                   \
          }                                                                                \
        }                                                                                  \
        int axis = AXES - 1;                                                               \
        for (; axis >= 0; axis--) {                                                        \
          if (axis == kept - 1) continue;                                                  \
          if (++k[axis] < r->extent[axis]) break;                                          \
          k[axis] = 0;                                                                     \
        }                                                                                  \
        if (axis < 0) return;                                                              \
      }                                                                                    \
    }                                                                                      \
    OUTER_LOOPS(r) {                                                                       \
      real *o = out + NAME(steps)(&r->out, i);                                             \
      const real *p = a + NAME(steps)(&r->in[0], i);                                       \
      int first = 1;                                                                       \
      for (int axis = kept; axis < AXES - 1; axis++)                                       \
        if (i[axis]) first = 0;                                                            \
      if (kept == AXES) {                                                                  \
        for (int64_t j = 0; j < n; j++) o[j * r->out.stride[4]] = p[j * sa];               \
        continue;                                                                          \
      }                                                                                    \
      real y = START;                                                                      \
      if (sa == 1)                                                                         \
        y = OF_ROW;                                                                        \
      else                                                                                 \
        for (int64_t j = 0; j < n; j++) {                                                  \
          const real x = p[j * sa];                                                        \
          y = JOIN;                                                                        \
        }                                                                                  \
      const real x = *o;                                                                   \
      *o = first ? y : (JOIN);                                                             \
    }                                                                                      \
  }

static real NAME(largest_of_row)(const real *p, int64_t n) {
  real largest = p[0];
  for (int64_t j = 1; j < n; j++) largest = NAME(larger)(largest, p[j]);
  return largest;
}

REDUCTION(sum, 0, x + y, NAME(sum_of_row)(p, n))
REDUCTION(largest, p[0], NAME(larger)(x, y), NAME(largest_of_row)(p, n))

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
        real total = 0;
        for (int64_t j = 0; j < n; j++) total += p[j * sa];
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

static void (*const NAME(kernels)[])(const record *, void *const *) = {
#define UNARY(NAME_, RESULT) NAME(run_##NAME_),
#define BINARY(NAME_, RESULT) NAME(run_##NAME_),
#define KERNEL(NAME_) NAME(run_##NAME_),
#include "operations.h"
#undef UNARY
#undef BINARY
#undef KERNEL
};

static void NAME(run_all)(const record *records, int64_t n, void *const *memory) {
  for (int64_t k = 0; k < n; k++) NAME(kernels)[records[k].operation](&records[k], memory);
}

EXPORT void NAME(run)(const record *records, int64_t n, void *const *memory) {
  NAME(run_all)(records, n, memory);
}
