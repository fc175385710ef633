/* Runs every operation of the library on random records, beside plain loops: `driver [seed [n]]`,
 * n records of each. It is made to be built with -fsanitize=address,undefined: each operand has
 * memory of its own that ends where its last number lies, so that one number too far is seen.
 *
 * An operation that goes element by element is covered as soon as it stands in operations.h. Any
 * other needs a row in the table `forms`; the driver fails until it has one.
 */
#include "../../tinygrad_mlp/_native/c/library.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an operation does, for the plain loops of checks.h. */
typedef enum {
  ELEMENTS,
  MULTIPLY_ADD,
  SUBTRACT_PRODUCT,
  DIVIDE_BY_ROOT,
  MULTIPLY_WHERE_UNEQUAL,
  CHOICE,
  SUM,
  LARGEST,
  GATHER,
  SCATTER,
  LOSS,
  WEIGHTED,
  ADAM
} kind;

/* In which of the five loops, A to E, an operand moves; small letters: maybe. "": a single number.
 * "<": some first loops, over the others it is summed. "t" is a table, "4" four numbers behind each
 * other, 0 no operand. */
typedef struct {
  const char *name;
  kind kind;
  const char *axes[1 + OPERANDS]; /* of the result, then of what it is made from */
} form;

static const form forms[] = {
    {"multiply_add", MULTIPLY_ADD, {"ABCDE", "abcde", "abcde", "abcde"}},
    {"subtract_product", SUBTRACT_PRODUCT, {"ABCDE", "abcde", "abcde", "abcde"}},
    {"divide_by_root", DIVIDE_BY_ROOT, {"ABCDE", "abcde", "abcde", "abcde"}},
    {"multiply_where_unequal", MULTIPLY_WHERE_UNEQUAL, {"ABCDE", "abcde", "abcde", "abcde"}},
    {"where", CHOICE, {"ABCDE", "abcde", "abcde", "abcde"}},
    {"sum", SUM, {"<", "ABCDE"}},
    {"largest", LARGEST, {"<", "ABCDE"}},
    {"product", SUM, {"ABC", "ABDE", "ACDE"}},
    {"row_products", SUM, {"ABCE", "ABDE", "ACDE"}},
    {"gather", GATHER, {"DE", "DE", "t", "t"}},
    {"scatter", SCATTER, {"DE", "DE", "t", "t"}},
    {"loss", LOSS, {"", "", "ABCDE", "abcde"}},
    {"weighted", WEIGHTED, {"", "", "ABCDE", "abcde"}},
    {"adam", ADAM, {"E", "E", "E", "E", "4"}},
};
static const form unary = {"", ELEMENTS, {"ABCDE", "abcde"}};
static const form binary = {"", ELEMENTS, {"ABCDE", "abcde", "abcde"}};
static const form ternary = {"", ELEMENTS, {"ABCDE", "abcde", "abcde", "abcde"}};

/* Chance, the same for the same seed: a number from 0 to n - 1. */
static uint64_t state;
static int below(int n) {
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (int)((state * 0x2545F4914F6CDD1Du >> 33) % (uint64_t)n);
}
#define ONE_OF(list) list[below(sizeof(list) / sizeof(*(list)))]

static const int32_t few[] = {1, 1, 1, 2, 3, 5};
static const int32_t some[] = {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 40};
static const int32_t many[] = {0, 1, 3, 8, 16, 17, 31, 64, 127, 128, 129, 200, 257};

static const int32_t large[] = {1, 7, 33, 70, 130, 300, 530};

/* Extents with one or two long loops, any of them; a sum of products is sometimes large, for what
 * is done block by block. */
static void choose_extents(int32_t *extent, const form *f) {
  for (int axis = 0; axis < AXES; axis++) extent[axis] = ONE_OF(few);
  if (f->kind == SUM && f->axes[2] && below(16) == 0) {
    do
      for (int axis = 1; axis < 4; axis++) extent[axis] = ONE_OF(large);
    while (extent[1] * extent[2] * extent[3] > 6000000);
    extent[0] = extent[4] = 1;
  } else if (below(2)) {
    extent[below(AXES)] = ONE_OF(some);
    extent[below(AXES)] = ONE_OF(some);
  } else
    extent[below(2) ? AXES - 1 : below(AXES)] = ONE_OF(many);
}

static operand *operand_of(record *r, int k) { return k == 0 ? &r->out : &r->in[k - 1]; }

/* Lays an operand out as C does or in another order, sometimes with gaps: which strides it has in
 * the loops of `axes`. How many numbers it reaches over is returned. */
static int64_t lay_out(operand *p, const int32_t *extent, const char *axes) {
  int order[AXES] = {4, 3, 2, 1, 0};
  int64_t step = 1, last = 0;
  for (int i = AXES - 1, shuffled = below(2); shuffled && i > 0; i--) {
    const int j = below(i + 1), axis = order[i];
    order[i] = order[j], order[j] = axis;
  }
  for (int i = 0; i < AXES; i++) {
    const int axis = order[i];
    p->stride[axis] = 0;
    if (!strchr(axes, 'A' + axis) && !(strchr(axes, 'a' + axis) && below(3))) continue;
    p->stride[axis] = (int32_t)step;
    last += step * (extent[axis] - 1);
    step = step * extent[axis] + (below(8) ? 0 : below(3));
    if (extent[axis] == 0) return 0;
  }
  return last + 1;
}

static void *new_memory(int64_t size) {
  void *memory = malloc((size_t)size);
  if (!memory && size) exit(2);
  return memory;
}

static void print_record(record *r) {
  printf("  extents");
  for (int axis = 0; axis < AXES; axis++) printf(" %d", r->extent[axis]);
  for (int k = 0; k <= OPERANDS; k++) {
    const operand *p = operand_of(r, k);
    printf("\n  operand %d: memory %d, offset %d, strides", k, p->base, p->offset);
    for (int axis = 0; axis < AXES; axis++) printf(" %d", p->stride[axis]);
  }
  printf("\n");
}

#define real double
#define REAL_BITS 64
#define SUFFIX f64
#include "checks.h"
#include "tape_checks.h"
#include "step_checks.h"
#undef real
#undef REAL_BITS
#undef SUFFIX
#define real float
#define REAL_BITS 32
#define SUFFIX f32
#include "checks.h"
#include "tape_checks.h"
#include "step_checks.h"

static const form *const element_forms[] = {
#define ELEMENTWISE(NAME_, N, RESULT) N == 1 ? &unary : N == 2 ? &binary : &ternary,
#define KERNEL(NAME_) 0,
#include "../../tinygrad_mlp/_native/c/operations.h"
};

/* One line for each operation: how it went. Returns how many failed. */
static int check_all(const char *suffix, int (*is_right)(int, const form *), int n) {
  int failed = 0, number = 0;
  for (const char *name = operations(); *name; name = strchr(name, '\n') + 1, number++) {
    const int length = (int)(strchr(name, '\n') - name);
    const form *f = element_forms[number];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
      if (strlen(forms[i].name) == (size_t)length && !strncmp(forms[i].name, name, (size_t)length))
        f = &forms[i];
    int ok = f != 0;
    for (int i = 0; i < n && ok; i++) ok = is_right(number, f);
    printf("%s %.*s_%s%s\n", ok ? "ok    " : "FAILED", length, name, suffix,
           f ? "" : ": it has no row in `forms`");
    failed += !ok;
  }
  printf("%d operations on %s, %d failed\n", number, suffix, failed);
  return failed;
}

static int check(const char *name, int (*is_right)(void), int n) {
  int ok = 1;
  for (int i = 0; i < n && ok; i++) ok = is_right();
  printf("%s %s\n", ok ? "ok    " : "FAILED", name);
  return !ok;
}

/* Levels of a random graph, against raising each one until none has to be. */
static int levels_are_right(void) {
  enum { LEAVES = 5, MOST = 40 };
  const int n = below(MOST);
  int32_t ids[MOST], lengths[MOST], above[MOST], starts[MOST], expected[LEAVES + MOST] = {0};
  int count = 0, is_right = 1;
  for (int i = 0; i < n; count += lengths[i++])
    ids[i] = LEAVES + i, lengths[i] = below(4), above[i] = below(3), starts[i] = count;
  int32_t *operands = new_memory(4 * count), *levels = new_memory(4 * (LEAVES + n));
  for (int i = 0; i < n; i++)
    for (int k = 0; k < lengths[i]; k++) operands[starts[i] + k] = below(LEAVES + i);
  for (int i = 0; i < n; i++) expected[ids[i]] = above[i];
  for (int raised = 1; raised;) {
    raised = 0;
    for (int i = n - 1; i >= 0; i--)
      for (int k = 0; k < lengths[i]; k++) {
        const int32_t level = expected[operands[starts[i] + k]] + above[i];
        if (level > expected[ids[i]]) expected[ids[i]] = level, raised = 1;
      }
  }
  memset(levels, 0, 4 * (size_t)(LEAVES + n));
  find_levels(n, ids, lengths, operands, above, levels);
  for (int i = 0; i < LEAVES + n; i++) is_right &= levels[i] == expected[i];
  free(operands), free(levels);
  return is_right;
}

/* The numbers 0 ... n - 1 in another order, which bits by chance set. */
static uint32_t draw(void *count) {
  ++*(int *)count;
  return (uint32_t)below(1 << 30) << 2 | (uint32_t)below(4);
}
static int shuffle_is_right(void) {
  const int n = ONE_OF(many);
  int n_draws = 0, is_right = 1;
  int64_t *order = new_memory((int64_t)n * 8);
  char *seen = new_memory(n);
  for (int i = 0; i < n; i++) order[i] = i, seen[i] = 0;
  shuffle(order, n, draw, &n_draws);
  for (int i = 0; i < n; i++) seen[order[i]]++;
  for (int i = 0; i < n; i++) is_right &= seen[i] == 1;
  is_right &= n_draws >= n - 1;
  free(order), free(seen);
  return is_right;
}

int main(int argc, char **argv) {
  state = argc > 1 ? (uint64_t)atoi(argv[1]) * 2 + 1 : 1;
  const int n = argc > 2 ? atoi(argv[2]) : 100;
  for (int i = 0; i < 50; i++) below(2);
  setvbuf(stdout, 0, _IONBF, 0);
  int failed = check_all("f64", is_right_f64, n) + check_all("f32", is_right_f32, n);
  failed += check("tapes_f64", tape_is_right_f64, n) + check("tapes_f32", tape_is_right_f32, n);
  failed += check("levels", levels_are_right, n);
  failed += check("steps_f64", steps_are_right_f64, n) + check("steps_f32", steps_are_right_f32, n);
  failed += check("places_f64", largest_is_right_f64, n);
  failed += check("places_f32", largest_is_right_f32, n) + check("shuffle", shuffle_is_right, n);
  return failed != 0;
}
