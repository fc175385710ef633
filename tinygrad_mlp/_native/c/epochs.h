/* Many steps of training in one call: samples into place, the program, clipping, the update. */
#ifndef TINYGRAD_EPOCHS_H
#define TINYGRAD_EPOCHS_H

/* Numbers that a program reads anew in each step: rows of samples, or what was drawn for it. */
typedef struct {
  const void *rows;     /* `width` numbers in each, of the program's type */
  const int64_t *order; /* which row comes when; 0 if they come one after the other */
  int64_t n_order;      /* how long the order is */
  int64_t n_rows, width;                    /* of one step */
  int64_t base, offset, row_stride, stride; /* where the program reads them, and how they lie */
} input;

/* A program with memory for one batch size. */
typedef struct {
  const record *records;
  void **memory;
  const input *inputs;
  double *loss;          /* where it leaves the loss, */
  const void *auxiliary; /* and what it gives beside it: n_auxiliary numbers in order */
  int64_t n_records, n_inputs, n_auxiliary;
} program;

/* A rule that is elementwise, as records for a block of parameters: `rest` for the last, shorter
 * one. The first `n_moving` memories are arrays with a number for each parameter: parameters,
 * gradients, and what the rule remembers. The coefficients of a step are memory n_moving. */
typedef struct {
  const record *records, *rest;
  void **memory;
  double *penalty; /* what it leaves beside the step; 0 for nothing */
  int64_t n_records, n_moving, n_parameters, block, n_coefficients;
  double max_norm; /* of all gradients; 0 for no limit */
} update;

/* The steps of an epoch: n_whole with the first program, then those with the second, which has
 * the smaller batch at the end, until there are n_steps. */
typedef struct {
  const program *programs;
  const update *update;
  int64_t n_whole, n_steps;
} epoch;

enum { MOST_INPUTS = 8 };

/* Averages of gradients that stay 0 fade away, and processors are slow with numbers of less than
 * full precision. So this thread takes them for 0 from `flush` on, up to `as_before`. */
#if defined(__SSE2__)
INLINE uint64_t flush(void) {
  const uint32_t before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040); /* results, and operands */
  return before;
}
INLINE void as_before(uint64_t before) { __builtin_ia32_ldmxcsr((uint32_t)before); }
#elif defined(__aarch64__)
INLINE uint64_t flush(void) {
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1u << 24));
  return before;
}
INLINE void as_before(uint64_t before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#else
INLINE uint64_t flush(void) { return 0; }
INLINE void as_before(uint64_t before) { (void)before; }
#endif

/* As `shuffle` of NumPy's RandomState, from the same draws: each number but the first changes places
 * with one of those up to it. Some are drawn before they are moved, so that they come in time. */
EXPORT void shuffle(int64_t *order, int64_t n, uint32_t (*draw)(void *), void *state) {
  enum { AT_ONCE = 64 };
  int64_t other[AT_ONCE];
  for (int64_t i = n - 1; i > 0; i -= AT_ONCE) {
    const int n_moves = i < AT_ONCE ? (int)i : AT_ONCE;
    for (int k = 0; k < n_moves; k++) {
      const uint32_t most = (uint32_t)(i - k), bits = UINT32_MAX >> __builtin_clz(most);
      uint32_t x = draw(state) & bits;
      while (x > most) x = draw(state) & bits;
      __builtin_prefetch(order + x, 1);
      other[k] = x;
    }
    for (int k = 0; k < n_moves; k++) {
      const int64_t moved = order[i - k];
      order[i - k] = order[other[k]];
      order[other[k]] = moved;
    }
  }
}
#endif

/* Rows from a place on in the order, or in the numbers. Some columns at a time, so that where they
 * go to stays in the cache. */
static void NAME(put_rows)(const input *in, int64_t from, void *const *memory) {
  enum { COLUMNS = 32, AHEAD = 32 };
  real *to = (real *)memory[in->base] + in->offset;
  for (int64_t start = 0; start < in->width; start += COLUMNS) {
    const int64_t end = in->width - start < COLUMNS ? in->width : start + COLUMNS;
    const int64_t bytes = (end - start) * (int64_t)sizeof(real);
    for (int64_t i = 0; i < in->n_rows; i++) {
      /* Rows in any order come from far away: they are asked for in time, also for the next step. */
      const int64_t ahead = from + i + AHEAD;
      if (in->order && ahead < in->n_order) {
        const char *next =
            (const char *)((const real *)in->rows + in->order[ahead] * in->width + start);
        __builtin_prefetch(next);
        __builtin_prefetch(next + (bytes > 64 ? 64 : bytes - 1));
      }
      const int64_t at = in->order ? in->order[from + i] * in->width : from + i * in->width;
      const real *p = (const real *)in->rows + at;
      real *o = to + i * in->row_stride;
      if (in->stride == 1)
        for (int64_t j = start; j < end; j++) o[j] = p[j];
      else
        for (int64_t j = start; j < end; j++) o[j * in->stride] = p[j];
    }
  }
}

/* The root of the sum of squares, each number divided by `scale` first. */
INLINE double NAME(scaled_norm)(const real *g, int64_t n, real scale) {
  enum { SIDE = 32 };
  double part[SIDE] = {0}, total = 0;
  int64_t j = 0;
  for (; j + SIDE <= n; j += SIDE)
    for (int k = 0; k < SIDE; k++) {
      const double x = g[j + k] / scale;
      part[k] += x * x;
    }
  for (int k = 0; k < SIDE; k++) total += part[k];
  for (; j < n; j++) {
    const double x = g[j] / scale;
    total += x * x;
  }
  return __builtin_sqrt(total);
}

/* As `optim.clip_by_norm`: also where the squares alone would overflow. */
static void NAME(clip_by_norm)(real *g, int64_t n, double max_norm) {
  double norm = NAME(scaled_norm)(g, n, 1);
  if (norm == __builtin_inf()) {
    real largest = 0;
    for (int64_t j = 0; j < n; j++) {
      const real size = NAME(absolute)(g[j]);
      if (size > largest) largest = size;
    }
    if (largest < (real)__builtin_inf()) norm = largest * NAME(scaled_norm)(g, n, largest);
  }
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return;
  for (int64_t j = 0; j < n; j++) g[j] *= (real)factor;
}

/* Block after block, so that all passes over one find it in the cache. */
static void NAME(take_step)(const update *u) {
  const int64_t n = u->n_parameters;
  if (u->max_norm > 0) NAME(clip_by_norm)((real *)u->memory[1], n, u->max_norm);
  const uint64_t mode = flush(); /* not in clipping, whose factor may be as small as can be */
  for (int64_t left = n, length; left > 0; left -= length) {
    length = left < u->block ? left : u->block;
    NAME(run_all)(length < u->block ? u->rest : u->records, u->n_records, u->memory);
    for (int64_t k = 0; k < u->n_moving; k++) u->memory[k] = (real *)u->memory[k] + length;
  }
  as_before(mode);
  for (int64_t k = 0; k < u->n_moving; k++) u->memory[k] = (real *)u->memory[k] - n;
}

/* Steps of whole epochs or of a part, the first of them number `first` of its epoch. Leaves the
 * losses, the penalties of the update and, unless 0, the auxiliary results of each step in turn.
 * Ends after an epoch with a loss that is not finite. Returns how many steps it took. */
EXPORT int64_t NAME(run_steps)(const epoch *e, int64_t first, int64_t n_steps,
                               const real *coefficients, double *losses, double *penalties,
                               real *auxiliary) {
  const update *u = e->update;
  int64_t position[MOST_INPUTS] = {0}, in_epoch = first;
  int all_finite = 1;
  for (int64_t step = 0; step < n_steps; step++) {
    const program *p = &e->programs[in_epoch >= e->n_whole];
    for (int64_t k = 0; k < p->n_inputs; k++) {
      const input *in = &p->inputs[k];
      NAME(put_rows)(in, position[k], p->memory);
      position[k] += in->n_rows * (in->order ? 1 : in->width);
    }
    *p->loss = 0;
    NAME(run_all)(p->records, p->n_records, p->memory);
    losses[step] = *p->loss;
    if (auxiliary)
      for (int64_t j = 0; j < p->n_auxiliary; j++) *auxiliary++ = ((const real *)p->auxiliary)[j];
    u->memory[u->n_moving] = (void *)(coefficients + step * u->n_coefficients);
    if (u->penalty) *u->penalty = 0;
    NAME(take_step)(u);
    if (u->penalty) penalties[step] = *u->penalty;
    all_finite &= losses[step] - losses[step] == 0;
    if (++in_epoch == e->n_steps) {
      if (!all_finite) return step + 1;
      in_epoch = 0;
    }
  }
  return n_steps;
}

/* For each row where its largest number stands: the first of several, or the first nan. A row in
 * each lane. */
EXPORT void NAME(find_largest)(const real *rows, int64_t n_rows, int64_t width, int64_t *places) {
  typedef NAME(word) NAME(words) __attribute__((vector_size(VECTOR_BYTES)));
  for (int64_t i = 0; i < n_rows; i += NAME(LANES)) {
    const int n = n_rows - i < NAME(LANES) ? (int)(n_rows - i) : NAME(LANES);
    const real *row = rows + i * width;
    NAME(vector) largest = {0}, x = {0};
    NAME(words) at = {0};
    for (int64_t j = 0; j < width; j++) {
      for (int k = 0; k < NAME(LANES); k++) x[k] = row[(k < n ? k : 0) * width + j];
      if (!j) largest = x;
      const NAME(words) is_larger =
          (NAME(words))((x > largest) | ((x != x) & (largest == largest)));
      largest = (NAME(vector))((is_larger & (NAME(words))x) | (~is_larger & (NAME(words))largest));
      at = (is_larger & (NAME(word))j) | (~is_larger & at);
    }
    for (int k = 0; k < n; k++) places[i + k] = (int64_t)at[k];
  }
}
