/* The tape: scalar graphs in which nothing is regular; read once for each kind of `real`.
 *
 * All numbers lie in one array: leaves, constants, results, derivatives; each is written once. What
 * does not depend on each other and is the same operation stands in one entry, so that one decision
 * serves all of it and vectors can be used. Results of an entry follow each other. Its operands do
 * so too, or are one number for all, or are looked up in a list of places.
 */
#ifndef TINYGRAD_TAPE_H
#define TINYGRAD_TAPE_H

enum { ENTRY_OPERANDS = 3 };

typedef struct {
  int32_t operation; /* its place in the list of operations.h */
  int32_t n;         /* how many results */
  int32_t result;    /* where the first one lies */
  int32_t steps;     /* two bits for each operand: how it goes on from one result to the next */
  int32_t operand[ENTRY_OPERANDS]; /* where it begins, among the numbers or, by list, in the lists */
  int32_t terms;     /* of sums of products */
} entry;

enum { SAME_NUMBER = 0, NEXT_NUMBER = 1, BY_LIST = 2, AT_ONCE = 256 };

enum {
#define ELEMENTWISE(NAME_, N, RESULT) TAPE_##NAME_,
#define KERNEL(NAME_) TAPE_##NAME_,
#include "operations.h"
};

/* The level of each result: so far `above` the highest of its operands, which come before it. */
EXPORT void find_levels(int64_t n, const int32_t *results, const int32_t *n_operands,
                        const int32_t *operands, const int32_t *above, int32_t *levels) {
  for (int64_t i = 0; i < n; i++) {
    int32_t highest = 0;
    for (int32_t k = 0; k < n_operands[i]; k++, operands++)
      if (levels[*operands] > highest) highest = levels[*operands];
    levels[results[i]] = highest + above[i];
  }
}
#endif

/* n numbers of an operand in a row, from the one for result number `first` on. */
INLINE const real *NAME(in_a_row)(const entry *e, int which, int first, int n, const real *numbers,
                                  const int32_t *lists, real *room) {
  const int step = e->steps >> 2 * which & 3;
  const int32_t place = e->operand[which];
  if (step == NEXT_NUMBER) return numbers + place + first;
  if (step == SAME_NUMBER)
    for (int j = 0; j < n; j++) room[j] = numbers[place];
  else {
    const int32_t *list = lists + place + first;
    for (int j = 0; j < n; j++) room[j] = numbers[list[j]];
  }
  return room;
}

/* result[j] = sum over k of numbers[a[k, j]] numbers[b[k, j]], in the order of k, each product and
 * each sum rounded. operand[2] is how far one row of the lists lies behind the other. */
INLINE void NAME(sums_of_products)(const entry *e, const int32_t *lists, real *numbers) {
  const int n = e->n, n_terms = e->terms;
  const int64_t row = e->operand[2];
  const int32_t *a = lists + e->operand[0], *b = lists + e->operand[1];
  real *o = numbers + e->result;
  if (n < NAME(LANES)) {
    for (int j = 0; j < n; j++) {
      real total = numbers[a[j]] * numbers[b[j]];
      for (int64_t k = 1; k < n_terms; k++) total += numbers[a[k * row + j]] * numbers[b[k * row + j]];
      o[j] = total;
    }
    return;
  }
  ROUNDS_ARE_INDEPENDENT for (int j = 0; j < n; j++) o[j] = numbers[a[j]] * numbers[b[j]];
  for (int k = 1; k < n_terms; k++) {
    a += row, b += row;
    ROUNDS_ARE_INDEPENDENT for (int j = 0; j < n; j++) o[j] += numbers[a[j]] * numbers[b[j]];
  }
}

/* Entries in their order. Behind them lie the lists. */
EXPORT void NAME(run_tape)(const entry *entries, int64_t n_entries, real *numbers) {
  const int32_t *lists = (const int32_t *)(entries + n_entries);
  real room[3][AT_ONCE];
#define OPERAND(WHICH) NAME(in_a_row)(e, WHICH, first, n, numbers, lists, room[WHICH])
  for (const entry *e = entries; e < entries + n_entries; e++) {
    if (e->operation == TAPE_row_products) {
      NAME(sums_of_products)(e, lists, numbers);
      continue;
    }
    for (int first = 0; first < e->n; first += AT_ONCE) {
      const int n = e->n - first < AT_ONCE ? e->n - first : AT_ONCE;
      real *o = numbers + e->result + first;
      const real *p = OPERAND(0);
      switch (e->operation) {
#define ELEMENTWISE(NAME_, N, RESULT)                         \
  case TAPE_##NAME_: {                                        \
    const real *q = N > 1 ? OPERAND(1) : p;                   \
    const real *r = N > 2 ? OPERAND(2) : p;                   \
    ROUNDS_ARE_INDEPENDENT for (int j = 0; j < n; j++) {      \
      const real x = p[j], y = q[j], z = r[j];                \
      (void)y, (void)z;                                       \
      o[j] = RESULT;                                          \
    }                                                         \
    break;                                                    \
  }
#define KERNEL(NAME_)
#include "operations.h"
      }
    }
  }
#undef OPERAND
}
