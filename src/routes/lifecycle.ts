/** Where the process is in its life, shared between `server.ts`, which decides, and the routes, which say so. */
export interface Lifecycle {
  /** Set once by the first SIGTERM: unready, but what arrives is still served. */
  draining: boolean;
}
