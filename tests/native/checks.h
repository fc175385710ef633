/* The plain loops beside the library; read once for each kind of `real`. */

/* The operations that go element by element, one number at a time. */
#define ELEMENTWISE(NAME_, N, RESULT)                         \
  static real NAME(one_##NAME_)(real x, real y, real z) {     \
    return (void)y, (void)z, RESULT;                          \
  }
#define KERNEL(NAME_)
#include "../../tinygrad_mlp/_native/c/operations.h"

static real (*const NAME(elements)[])(real, real, real) = {
#define ELEMENTWISE(NAME_, N, RESULT) NAME(one_##NAME_),
#define KERNEL(NAME_) 0,
#include "../../tinygrad_mlp/_native/c/operations.h"
};

/* Small whole numbers: their products and sums are exact, so that no order of them matters. */
static real NAME(a_whole_number)(void) { return (real)(below(7) - 3); }

static real NAME(any_number)(void) {
  const real inf = (real)__builtin_inf(), tiny = REAL_BITS == 64 ? (real)4e-320 : (real)4e-42;
  const real special[] = {0, -(real)0, 1, -1, inf, -inf, inf - inf, tiny, (real)1e30, (real)-1e-30};
  return below(4) ? (real)(below(20001) - 10000) / 2500 : ONE_OF(special);
}

static int NAME(differ)(real x, real y) { return !(x == y || (x != x && y != y)); }

static real *NAME(place)(const record *r, int k, void *const *memory, const int64_t *i) {
  const operand *p = k == 0 ? &r->out : &r->in[k - 1];
  real *place = (real *)memory[p->base] + p->offset;
  for (int axis = 0; axis < AXES; axis++) place += i[axis] * p->stride[axis];
  return place;
}

/* The five loops, round after round, without a thought of what lies where. */
static void NAME(plain_loops)(const record *r, const form *f, void *const *memory) {
  int64_t n[2][AXES], i[AXES]; /* first each place of the result, then all rounds */
  for (int axis = 0; axis < AXES; axis++) {
    n[1][axis] = r->extent[axis];
    n[0][axis] = r->out.stride[axis] ? r->extent[axis] : 1;
  }
  for (int rounds = f->kind == SUM ? 0 : 1; rounds < 2; rounds++)
    for (i[0] = 0; i[0] < n[rounds][0]; i[0]++)
      for (i[1] = 0; i[1] < n[rounds][1]; i[1]++)
        for (i[2] = 0; i[2] < n[rounds][2]; i[2]++)
          for (i[3] = 0; i[3] < n[rounds][3]; i[3]++)
            for (i[4] = 0; i[4] < n[rounds][4]; i[4]++) {
              real *out = NAME(place)(r, 0, memory, i);
              double *loss = (double *)memory[r->out.base] + r->out.offset;
              if (rounds == 0) {
                *out = 0;
                continue;
              }
              const real x = *NAME(place)(r, 1, memory, i);
              const real y = f->axes[2] ? *NAME(place)(r, 2, memory, i) : 1;
              const real z = f->axes[3] ? *NAME(place)(r, 3, memory, i) : 1;
              int is_first = 1; /* of the rounds for this place of the result */
              for (int axis = 0; axis < AXES; axis++)
                if (i[axis] && !r->out.stride[axis]) is_first = 0;
              switch (f->kind) {
                case ELEMENTS: *out = NAME(elements)[r->operation](x, y, z); break;
                case MULTIPLY_ADD: *out = x * y + z; break;
                case SUBTRACT_PRODUCT: *out = x - y * z; break;
                case DIVIDE_BY_ROOT: *out = x / (NAME(sqrt)(y) + z); break;
                case MULTIPLY_WHERE_UNEQUAL: *out = x * (y != z ? 1 : 0); break;
                case CHOICE: *out = x != 0 ? y : z; break;
                case SUM: *out += x * y; break;
                case LARGEST: *out = is_first || !(x <= *out || *out != *out) ? x : *out; break;
                case LOSS: *loss += (double)(x * y * z); break;
                case WEIGHTED: *loss += y != 0 ? (double)(x * y * z) : 0; break;
                default: exit(2);
              }
            }
}

/* Averages of gradients and of their squares, then the step. */
static void NAME(plain_adam)(const record *r, void *const *memory) {
  const int64_t start[AXES] = {0};
  const real *c = NAME(place)(r, 4, memory, start);
  for (int64_t j = 0; j < r->extent[4]; j++) {
    const int64_t i[AXES] = {0, 0, 0, 0, j};
    real *p = NAME(place)(r, 0, memory, i), g = *NAME(place)(r, 1, memory, i);
    real *mean = NAME(place)(r, 2, memory, i), *square = NAME(place)(r, 3, memory, i);
    *mean = c[0] * *mean + g;
    *square = c[1] * *square + g * g;
    *p -= c[2] * (*mean / (NAME(sqrt)(*square) + c[3]));
  }
}

/* Row by row, by the table of rows in[1]; in[2], if there is one, says where to. */
static void NAME(plain_gather)(const record *r, void *const *memory) {
  const int32_t *from = memory[2], *to = r->in[2].base < 0 ? 0 : memory[3];
  for (int64_t k = 0; k < r->extent[3]; k++)
    for (int64_t b = 0; b < r->extent[4]; b++) {
      const int64_t source[AXES] = {0, 0, 0, from[k], b}, i[AXES] = {0, 0, 0, to ? to[k] : k, b};
      *NAME(place)(r, 0, memory, i) = *NAME(place)(r, 1, memory, source);
    }
}

/* Onto each place named in in[2] the sum of some rows of in[0]: those of in[1] up to the end that
 * stands in in[2] too; of all samples if extent[1] says so; added to what is there if extent[2]. */
static void NAME(plain_scatter)(const record *r, void *const *memory) {
  const int32_t *order = memory[2], *ends = memory[3], *places = ends + r->extent[3];
  const int64_t n = r->extent[4], together = r->extent[1] ? n : 1;
  for (int64_t k = 0; k < r->extent[3]; k++)
    for (int64_t first = 0; first < (r->extent[1] ? 1 : n); first++) {
      const int64_t place[AXES] = {0, 0, 0, places[k], first};
      real *out = NAME(place)(r, 0, memory, place);
      if (!r->extent[2]) *out = 0;
      for (int64_t j = k ? ends[k - 1] : 0; j < ends[k]; j++)
        for (int64_t b = first; b < first + together; b++) {
          const int64_t source[AXES] = {0, 0, 0, order[j], b};
          *out += *NAME(place)(r, 1, memory, source);
        }
    }
}

/* A table of n different numbers out of those below `bound`, in any order. */
static int32_t *NAME(new_table)(int n, int bound) {
  int32_t *table = new_memory((int64_t)bound * 4), *part = new_memory((int64_t)n * 4);
  for (int i = 0; i < bound; i++) table[i] = i;
  for (int i = 0; i < n; i++) {
    const int j = i + below(bound - i), number = table[j];
    table[j] = table[i], part[i] = table[i] = number;
  }
  free(table);
  return part;
}

/* Extents and tables of gather and scatter; the rows of both operands are laid out by the caller,
 * `rows` of in[0] and `places` of the result. */
static void NAME(make_tables)(record *r, const form *f, void **memory, int *rows, int *places) {
  const int n = ONE_OF(some);
  r->extent[0] = r->extent[1] = r->extent[2] = 1;
  r->extent[3] = n;
  r->extent[4] = below(2) ? ONE_OF(few) : ONE_OF(some);
  *rows = n + 1 + below(5), *places = n + below(5);
  memory[2] = NAME(new_table)(n, *rows);
  if (f->kind == GATHER) {
    memory[3] = NAME(new_table)(n, *places);
    if (n) ((int32_t *)memory[2])[0] = *rows - 1; /* a row may come twice */
  } else {
    int32_t *tables = memory[3] = new_memory((int64_t)n * 8), *to = NAME(new_table)(n, *places);
    free(memory[2]);
    int end = 0;
    for (int k = 0; k < n; k++) tables[k] = end += 1 + below(3), tables[n + k] = to[k];
    int32_t *order = memory[2] = new_memory((int64_t)end * 4);
    for (int j = 0; j < end; j++) order[j] = below(*rows);
    r->extent[2] = below(2);
    r->extent[1] = below(2);
    free(to);
  }
}

/* One random record of an operation: whether the library has the result of the plain loops. */
static int NAME(is_right)(int operation, const form *f) {
  record r = {.operation = operation};
  void *memory[1 + OPERANDS] = {0}, *expected[1 + OPERANDS];
  const int has_tables = f->kind == GATHER || f->kind == SCATTER;
  const int is_double = f->kind == LOSS || f->kind == WEIGHTED;
  const int is_sum = is_double || f->kind == SUM || f->kind == SCATTER;
  int64_t size[1 + OPERANDS] = {0};
  int extent_of_rows[2] = {0};
  choose_extents(r.extent, f);
  for (int axis = 0; axis < 4; axis++)
    if (f->kind == ADAM) r.extent[axis] = 1;
  if (has_tables)
    NAME(make_tables)(&r, f, memory, &extent_of_rows[1], &extent_of_rows[0]);
  char first_loops[AXES + 1] = "ABCDE";
  first_loops[below(AXES + 1)] = 0;
  for (int axis = (int)strlen(first_loops); axis < AXES; axis++)
    if (f->kind == LARGEST && r.extent[axis] == 0) r.extent[axis] = 1; /* nothing has no largest */
  for (int k = 0; k <= OPERANDS; k++) {
    operand *p = operand_of(&r, k);
    p->base = f->axes[k] ? k : -1;
    if (!f->axes[k] || f->axes[k][0] == 't') continue;
    int32_t extent[AXES];
    memcpy(extent, r.extent, sizeof extent);
    if (has_tables) extent[1] = extent[2] = 1, extent[3] = extent_of_rows[k];
    const int of_samples = k == 0 && f->kind == SCATTER && r.extent[1];
    const char *axes = f->axes[k][0] == '<' ? first_loops : of_samples ? "D" : f->axes[k];
    p->offset = below(2) ? 0 : below(4);
    size[k] = p->offset + (axes[0] == '4' ? 4 : lay_out(p, extent, axes));
    memory[k] = new_memory(size[k] * (int64_t)(k == 0 && is_double ? sizeof(double) : sizeof(real)));
    for (int64_t j = 0; j < size[k]; j++)
      if (k == 0 && is_double)
        ((double *)memory[k])[j] = below(9);
      else
        ((real *)memory[k])[j] = is_sum ? NAME(a_whole_number)() : NAME(any_number)();
  }
  if (f->kind == GATHER && below(2)) r.in[2].base = -1;
  if (f->kind == ELEMENTS && below(4) == 0) r.in[0] = r.out; /* in place */

  memcpy(expected, memory, sizeof memory);
  for (int k = 0; k <= OPERANDS; k++) {
    const int64_t bytes = size[k] * (int64_t)(k == 0 && is_double ? sizeof(double) : sizeof(real));
    if (bytes) expected[k] = memcpy(new_memory(bytes), memory[k], (size_t)bytes);
  }
  if (f->kind == GATHER)
    NAME(plain_gather)(&r, expected);
  else if (f->kind == SCATTER)
    NAME(plain_scatter)(&r, expected);
  else if (f->kind == ADAM)
    NAME(plain_adam)(&r, expected);
  else
    NAME(plain_loops)(&r, f, expected);
  NAME(run)(&r, 1, memory);

  int is_right = 1;
  for (int k = 0; k <= OPERANDS; k++) /* what is only read stays as it is */
    for (int64_t j = 0; j < size[k] && is_right; j++)
      if (k == 0 && is_double)
        is_right = ((double *)memory[0])[j] == ((double *)expected[0])[j];
      else
        is_right = !NAME(differ)(((real *)memory[k])[j], ((real *)expected[k])[j]);
  if (!is_right) print_record(&r);
  for (int k = 0; k <= OPERANDS; k++) {
    if (size[k]) free(expected[k]);
    free(memory[k]);
  }
  return is_right;
}
