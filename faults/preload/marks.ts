/**
 * Requests that trigger a fault say so by their number of categories, which no other request of these tests has. Shared
 * by the preloads, which run inside the service, and the scenarios, which send the requests.
 */
export const marks = {
  /** The worker throws. */
  throws: 661,
  /** The worker fills its heap. */
  exhausts: 662,
  /** The worker never comes back. */
  hangs: 663,
  /** The worker waits until the file that HOLD_FILE names is there. */
  holds: 664,
  /** Nothing happens, but the batch is reported. */
  watched: 665,
} as const;

/** What a preload writes to stderr when a batch with this many categories begins. */
export function batchLine(categories: number): string {
  return `a batch of ${categories} categories begins`;
}
