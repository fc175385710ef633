/* Random tapes beside one number after the other; read once for each kind of `real`. The numbers,
 * and the entries with the lists behind them, end where the last one that is used lies. */

static real NAME(of_tape)(const entry *e, int which, int j, const int32_t *lists,
                          const real *numbers) {
  const int32_t place = e->operand[which];
  switch (e->steps >> 2 * which & 3) {
    case SAME_NUMBER: return numbers[place];
    case NEXT_NUMBER: return numbers[place + j];
    default: return numbers[lists[place + j]];
  }
}

static void NAME(plain_entry)(const entry *e, const int32_t *lists, real *numbers) {
  for (int j = 0; j < e->n; j++) {
    real *out = numbers + e->result + j;
    if (e->operation == TAPE_row_products) {
      for (int k = 0; k < e->terms; k++) {
        const int32_t at = k * e->operand[2] + j;
        const real x = numbers[lists[e->operand[0] + at]] * numbers[lists[e->operand[1] + at]];
        *out = k ? *out + x : x;
      }
      continue;
    }
    const real x = NAME(of_tape)(e, 0, j, lists, numbers);
    const real y = NAME(of_tape)(e, 1, j, lists, numbers);
    const real z = NAME(of_tape)(e, 2, j, lists, numbers);
    if (e->operation == TAPE_where)
      *out = x != 0 ? y : z;
    else
      *out = NAME(elements)[e->operation](x, y, z);
  }
}

/* Operands anywhere among the numbers before; places that are looked up go to the end of lists. */
static void NAME(choose_entry)(entry *e, int n_before, int32_t *lists, int *n_listed) {
  *e = (entry){.operation = TAPE_row_products, .n = ONE_OF(many), .result = n_before};
  int listed[ENTRY_OPERANDS] = {0};
  if (below(3) == 0) {
    e->terms = 1 + below(20);
    e->operand[2] = e->n + below(3);
    listed[0] = listed[1] = e->n ? (e->terms - 1) * e->operand[2] + e->n : 0;
  } else {
    e->operation = TAPE_where;
    if (below(6))
      do e->operation = below(TAPE_weighted);
      while (!NAME(elements)[e->operation]);
    for (int which = 0; which < ENTRY_OPERANDS; which++) {
      int step = below(3);
      if (step == NEXT_NUMBER && e->n > n_before) step = BY_LIST;
      e->steps |= step << 2 * which;
      e->operand[which] = step == NEXT_NUMBER ? n_before - e->n : below(n_before);
      if (step == BY_LIST) listed[which] = e->n;
    }
  }
  for (int which = 0; which < ENTRY_OPERANDS; which++) {
    if (!listed[which]) continue;
    e->operand[which] = *n_listed;
    for (int j = 0; j < listed[which]; j++) lists[(*n_listed)++] = below(n_before);
  }
}

/* One random tape: whether the library has the numbers of the plain loops. */
static int NAME(tape_is_right)(void) {
  enum { ENTRIES = 10, LEAVES = 20, MOST = 260 };
  entry entries[ENTRIES];
  int32_t *lists = new_memory(ENTRIES * 2 * 20 * MOST * 4);
  int count = LEAVES, n_listed = 0;
  for (int k = 0; k < ENTRIES; count += entries[k++].n)
    NAME(choose_entry)(&entries[k], count, lists, &n_listed);
  const size_t bytes = (size_t)count * sizeof(real), length = (size_t)n_listed * 4;
  char *code = new_memory((int64_t)(sizeof entries + length));
  real *numbers = new_memory((int64_t)bytes), *expected = new_memory((int64_t)bytes);
  memcpy(code, entries, sizeof entries);
  memcpy(code + sizeof entries, lists, length);
  for (int j = 0; j < count; j++) numbers[j] = expected[j] = NAME(any_number)();
  for (int k = 0; k < ENTRIES; k++) NAME(plain_entry)(&entries[k], lists, expected);
  NAME(run_tape)((const entry *)code, ENTRIES, numbers);
  int is_right = 1;
  for (int j = 0; j < count; j++) is_right &= !NAME(differ)(numbers[j], expected[j]);
  free(lists), free(code), free(numbers), free(expected);
  return is_right;
}
