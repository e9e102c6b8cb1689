/**
 * The k largest of a row, in order. Of perturbed logits these are k categories drawn without replacement (Gumbel-top-k,
 * Kool et al. 2019). Leaves to its caller the perturbing and the check that k categories can be drawn.
 */

/**
 * Writes the indices of the k largest of z to out[0 .. k), largest first, the lowest index first on ties; so out[0] is
 * argmax z. z is float32 [K] without NaN; -Infinity is never drawn, and at least k entries must be larger.
 *
 * `out` holds the best so far as a heap with the worst on top, and most entries of z lose to that at once: about
 * K + k log k log(K / k) comparisons on random z, K log k at worst.
 */
export function topK(z: Float32Array, k: number, out: Int32Array): void {
  if (!(k >= 1 && k <= z.length && k <= out.length)) {
    throw new Error(`The largest ${k} of ${z.length} were asked for in ${out.length} places. This is a bug.`);
  }
  for (let index = 0; index < k; index++) out[index] = index;
  for (let root = (k >> 1) - 1; root >= 0; root--) siftDown(z, out, root, k);
  let worst = z[out[0]];
  for (let index = k; index < z.length; index++) {
    // An equal one loses: its index is higher than all before it.
    if (!(z[index] > worst)) continue;
    out[0] = index;
    siftDown(z, out, 0, k);
    worst = z[out[0]];
  }
  if (worst === -Infinity) throw new Error(`A row has fewer than ${k} finite values. This is a bug.`);
  for (let end = k - 1; end > 0; end--) {
    const top = out[0];
    out[0] = out[end];
    out[end] = top;
    siftDown(z, out, 0, end);
  }
}

/** Moves heap[root] down until no child of it is worse, in the heap of the first `length` entries. */
function siftDown(z: Float32Array, heap: Int32Array, root: number, length: number): void {
  const moved = heap[root];
  let place = root;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= length) break;
    if (child + 1 < length && isWorse(z, heap[child + 1], heap[child])) child += 1;
    if (!isWorse(z, heap[child], moved)) break;
    heap[place] = heap[child];
    place = child;
  }
  heap[place] = moved;
}

/** Whether index a comes after index b in the order of the result. */
function isWorse(z: Float32Array, a: number, b: number): boolean {
  return z[a] < z[b] || (z[a] === z[b] && a > b);
}
