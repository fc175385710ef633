/* Steps of training on random sizes, beside plain loops; read once for each kind of `real`.
 *
 * The "program" has no records: one input puts rows of samples, in any order, into a matrix that
 * nothing reads, another one puts the gradients into place. The update is p = p - g, in blocks.
 */
static int NAME(steps_are_right)(void) {
  const int n = 1 + ONE_OF(many), block = 1 + ONE_OF(many), n_steps = 1 + below(9);
  const int sizes[2] = {1 + below(5), 1 + below(3)}, n_rows = 7, width = 1 + ONE_OF(some);
  const int n_whole = 1 + below(3), per_epoch = n_whole + below(2), first = below(per_epoch);
  const int by_rows = below(2);
  real *parameters = new_memory((int64_t)n * (int64_t)sizeof(real));
  real *expected = new_memory((int64_t)n * (int64_t)sizeof(real));
  real *gradients = new_memory((int64_t)n * (int64_t)sizeof(real));
  real *given = new_memory((int64_t)n * n_steps * (int64_t)sizeof(real));
  real *found = new_memory((int64_t)n * n_steps * (int64_t)sizeof(real));
  real *rows = new_memory((int64_t)n_rows * width * (int64_t)sizeof(real));
  double *losses = new_memory(n_steps * (int64_t)sizeof(double)), loss = 5;
  for (int j = 0; j < n; j++) parameters[j] = expected[j] = NAME(a_whole_number)();
  for (int j = 0; j < n * n_steps; j++) given[j] = NAME(a_whole_number)();
  for (int j = 0; j < n_rows * width; j++) rows[j] = NAME(a_whole_number)();
  int n_samples = 0;
  for (int s = 0; s < n_steps; s++) n_samples += sizes[(first + s) % per_epoch >= n_whole];
  int64_t *order = new_memory((int64_t)n_samples * 8);
  for (int i = 0; i < n_samples; i++) order[i] = below(n_rows);

  real *matrix[2];
  void *memory[2][2];
  input inputs[2][2];
  program programs[2];
  for (int k = 0; k < 2; k++) {
    matrix[k] = new_memory((int64_t)sizes[k] * width * (int64_t)sizeof(real));
    memory[k][0] = matrix[k], memory[k][1] = gradients;
    inputs[k][0] = (input){.rows = rows, .order = order, .n_order = n_samples,
                           .n_rows = sizes[k], .width = width,
                           .row_stride = by_rows ? width : 1, .stride = by_rows ? 1 : sizes[k]};
    inputs[k][1] = (input){.rows = given, .n_rows = 1, .width = n, .base = 1, .stride = 1};
    programs[k] = (program){.memory = memory[k], .inputs = inputs[k], .loss = &loss,
                            .auxiliary = gradients, .n_inputs = 2, .n_auxiliary = n};
  }
  record whole = {.operation = TAPE_subtract, .extent = {1, 1, 1, 1, block},
                  .out = {.stride = {0, 0, 0, 0, 1}}};
  whole.in[0] = whole.in[1] = whole.out;
  whole.in[1].base = 1, whole.in[2].base = -1;
  record rest = whole;
  rest.extent[4] = n % block;
  void *moving[3] = {parameters, gradients, 0};
  update u = {.records = &whole, .rest = &rest, .memory = moving, .n_records = 1, .n_moving = 2,
              .n_parameters = n, .block = block, .max_norm = below(2) ? 1e30 : 0};
  const epoch e = {programs, &u, n_whole, per_epoch};
  const int done = (int)NAME(run_steps)(&e, first, n_steps, expected, losses, 0, found);

  int is_right = done == n_steps && moving[0] == parameters && moving[1] == gradients;
  for (int s = 0; s < n_steps; s++) {
    if (losses[s] != 0) is_right = 0;
    for (int j = 0; j < n; j++) {
      expected[j] -= given[s * n + j];
      if (found[s * n + j] != given[s * n + j]) is_right = 0;
    }
  }
  for (int j = 0; j < n; j++)
    if (parameters[j] != expected[j]) is_right = 0;
  const int last = (first + n_steps - 1) % per_epoch >= n_whole;
  for (int i = 0; i < sizes[last]; i++)
    for (int j = 0; j < width; j++) {
      const real *row = rows + order[n_samples - sizes[last] + i] * width;
      if (matrix[last][by_rows ? i * width + j : j * sizes[last] + i] != row[j]) is_right = 0;
    }
  if (!is_right) printf("  n %d, block %d, steps %d, width %d\n", n, block, n_steps, width);
  void *const all[] = {parameters, expected, gradients, given, found, rows, losses, order,
                       matrix[0], matrix[1]};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  return is_right;
}

/* Where the largest number of each row stands: each row has a number that no other one reaches. */
static int NAME(largest_is_right)(void) {
  const int n_rows = ONE_OF(many), width = 1 + ONE_OF(some);
  real *rows = new_memory((int64_t)n_rows * width * (int64_t)sizeof(real));
  int64_t *found = new_memory((int64_t)n_rows * 8), *expected = new_memory((int64_t)n_rows * 8);
  for (int j = 0; j < n_rows * width; j++) rows[j] = NAME(a_whole_number)();
  for (int i = 0; i < n_rows; i++) rows[i * width + (expected[i] = below(width))] = (real)1e9;
  NAME(find_largest)(rows, n_rows, width, found);
  const int is_right = !memcmp(found, expected, (size_t)n_rows * 8);
  if (!is_right) printf("  rows %d, width %d\n", n_rows, width);
  free(rows), free(found), free(expected);
  return is_right;
}
