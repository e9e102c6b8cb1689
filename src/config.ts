/**
 * Configuration: one table of options, from environment variables to a frozen, typed Config; tracing-options.ts has the
 * table of tracing. Both read only the environment passed to them; `server.ts` passes the real one.
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { ConfigError, choice, type Environment, integer, option, readOption } from './option.js';
import { cgroupLimits } from './runtime/cgroup.js';
import { type Machine, processesFor, processesMax, workersFor, workersMax } from './sizing.js';
import { readTracing, type TracingConfig } from './tracing-options.js';

const originsText = 'must be * or a list of origins such as https://example.org, separated by commas';

/** Origins as browsers send them: scheme, host and an optional port, without a path. */
function originList() {
  return z
    .string()
    .transform((text) => (text === '' ? [] : text.split(',').map((origin) => origin.trim())))
    .refine((origins) => origins.every((origin) => origin === '*' || isOrigin(origin)), originsText)
    .refine((origins) => !origins.includes('*') || origins.length === 1, originsText);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

/** The CPUs and memory of this machine, or of the container. Neither changes while the process runs. */
const machine = readMachine();

function readMachine(): Machine {
  const { cpus, memoryBytes } = cgroupLimits();
  return { cpus: Math.max(1, Math.floor(Math.min(availableParallelism(), cpus))), memoryBytes };
}

/** One on a GPU. At most one for each worker if WORKERS is set. */
function defaultProcesses({ EXECUTION_PROVIDER, WORKERS }: Environment): number {
  if ((EXECUTION_PROVIDER || 'cpu') !== 'cpu') return 1;
  return Math.max(1, Math.min(processesFor(machine), Number(WORKERS || Number.POSITIVE_INFINITY) || 1));
}

/**
 * Every option by its environment name. The type Config is derived from this table, and a test compares
 * docs/configuration.md and `.env.example` with it.
 */
export const options = {
  PORT: option({
    schema: integer({ min: 0, max: 65535 }),
    default: '8080',
    unit: 'TCP port',
    reason: 'Port to listen on; 0 lets the system choose one.',
  }),
  HOST: option({
    schema: z.string().min(1),
    default: '0.0.0.0',
    unit: 'address',
    reason: 'Address to listen on; the default serves a container network.',
  }),
  LOG_LEVEL: option({
    schema: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    unit: 'pino level',
    reason: 'Lines below this level are not written. `debug` adds a line for each request.',
  }),
  PROCESSES: option({
    schema: integer({ min: 1, max: processesMax }),
    default: { from: 'from the CPUs', read: (environment) => String(defaultProcesses(environment)) },
    unit: 'processes',
    reason:
      'HTTP processes behind the one port. Default: 1 up to three CPUs, else one for every two, but at most one for each 512 MiB of memory and one for each of WORKERS. The CPUs and the memory are those of the container, or of the machine where the container has no limits. On a GPU there is always 1.',
  }),
  WORKERS: option({
    schema: integer({ min: 1, max: workersMax }),
    default: {
      from: 'from the CPUs',
      read: (environment) =>
        String(workersFor(machine.cpus, Number(environment.PROCESSES || defaultProcesses(environment)))),
    },
    unit: 'threads',
    reason:
      'Worker threads that draw, of all processes together; each process has at least one. Default: with one process one fewer than the CPUs of the container, at least 1, which leaves a CPU for HTTP; with several processes one for each CPU; at most four for each process, because its HTTP thread keeps no more busy unless draws are large. On a GPU there is always one worker.',
  }),
  EXECUTION_PROVIDER: option({
    schema: choice(['cpu', 'cuda', 'webgpu', 'auto']),
    default: 'cpu',
    unit: 'provider',
    reason:
      'Execution provider of soft samples: cpu, cuda, webgpu, or auto, which takes the first of cuda, webgpu and cpu that works. If a provider chosen by name does not work, the start fails with exit code 78. docs/providers.md says which to choose.',
  }),
  DRAIN_DELAY_MS: option({
    schema: integer({ min: 0, max: 600_000 }),
    default: '0',
    unit: 'milliseconds',
    reason:
      'After SIGTERM, how long to go on serving while /readyz replies 503, so that load balancers stop sending requests first.',
  }),
  SHUTDOWN_TIMEOUT_MS: option({
    schema: integer({ min: 100, max: 600_000 }),
    default: '20000',
    unit: 'milliseconds',
    reason:
      'After the drain delay, how long requests in flight may take to finish before the process ends with code 70. Both together must stay below the grace period of the orchestrator, 30 s in Kubernetes.',
  }),
  DEADLINE_MS: option({
    schema: integer({ min: 1, max: 600_000 }),
    default: '5000',
    unit: 'milliseconds',
    reason:
      'Longest time from the last byte of a request to the end of its draw. A draw that is not done by then gets 504, and the rest of it is not computed. The header x-deadline-ms shortens the deadline of one request.',
  }),
  WATCHDOG_MS: option({
    schema: integer({ min: 100, max: 600_000 }),
    default: '10000',
    unit: 'milliseconds',
    reason:
      'A worker that does not answer for this long is stuck: the process ends with code 70 and should be restarted. A batch takes milliseconds, so a slow machine does not reach the limit.',
  }),
  HEADERS_TIMEOUT_MS: option({
    schema: integer({ min: 100, max: 600_000 }),
    default: '5000',
    unit: 'milliseconds',
    reason: 'How long the headers of a request may take to arrive; any client sends them at once.',
  }),
  REQUEST_TIMEOUT_MS: option({
    schema: integer({ min: 100, max: 600_000 }),
    default: '10000',
    unit: 'milliseconds',
    reason: 'How long a whole request may take to arrive; a body of 4 MiB needs 3.4 Mbit/s, one of 64 MiB 54 Mbit/s.',
  }),
  REPLY_TIMEOUT_MS: option({
    schema: integer({ min: 1000, max: 3_600_000 }),
    default: '60000',
    unit: 'milliseconds',
    reason: 'How long a client may take to read a reply before its connection is closed; 64 MiB need 9 Mbit/s.',
  }),
  KEEP_ALIVE_TIMEOUT_MS: option({
    schema: integer({ min: 1000, max: 3_600_000 }),
    default: '72000',
    unit: 'milliseconds',
    reason:
      'How long an idle connection stays open: longer than the 60 s of common load balancers, so that they close first and no request meets a closing socket. It becomes shorter once three quarters of CONNECTIONS_MAX are open.',
  }),
  CONNECTIONS_MAX: option({
    schema: integer({ min: 1, max: 65_536 }),
    default: '1024',
    unit: 'connections',
    reason:
      'Connections open at once. Above it a new connection replaces the one that has been silent for the longest time. If all have a request in flight, the new one is closed. Keep it below the limit of file descriptors.',
  }),
  REQUESTS_PER_SOCKET_MAX: option({
    schema: integer({ min: 1, max: 2 ** 31 - 1 }),
    default: '10000',
    unit: 'requests',
    reason:
      'Requests on one connection before a reply closes it, so that clients reconnect and load spreads over new replicas.',
  }),
  HEADER_BYTES_MAX: option({
    schema: integer({ min: 1024, max: 2 ** 20 }),
    default: '8192',
    unit: 'bytes',
    reason: 'Request line and headers; no header of this service is long.',
  }),
  JSON_BODY_BYTES_MAX: option({
    schema: integer({ min: 1024, max: 2 ** 28 }),
    default: String(4 * 2 ** 20),
    unit: 'bytes',
    reason: 'Largest JSON body; 4 MiB hold about 400,000 logits.',
  }),
  BINARY_BODY_BYTES_MAX: option({
    schema: integer({ min: 1024, max: 2 ** 30 }),
    default: String(64 * 2 ** 20),
    unit: 'bytes',
    reason: 'Largest body with binary tensors, including its JSON; 64 MiB hold 16 million FP32 logits.',
  }),
  BODY_BYTES_IN_FLIGHT_MAX: option({
    schema: integer({ min: 2 ** 20, max: 2 ** 40 }),
    default: String(256 * 2 ** 20),
    unit: 'bytes',
    reason:
      'Memory that all requests hold together: bodies, the numbers read from them, results, and replies that wait as text or bytes. Above it requests get 503 overloaded. An eighth is reserved for requests that hold less than 16 KiB.',
  }),
  ROWS_MAX: option({
    schema: integer({ min: 1, max: 2 ** 24 }),
    default: '65536',
    unit: 'rows',
    reason: 'Rows of logits in a request.',
  }),
  CATEGORIES_MAX: option({
    schema: integer({ min: 1, max: 2 ** 22 }),
    default: '1048576',
    unit: 'categories',
    reason: 'Categories in a row; every worker keeps buffers for one row of this size.',
  }),
  SAMPLES_MAX: option({
    schema: integer({ min: 1, max: 2 ** 32 }),
    default: '1000000',
    unit: 'samples',
    reason: 'Largest num_samples.',
  }),
  ELEMENTS_DRAWN_MAX: option({
    schema: integer({ min: 1, max: 2 ** 40 }),
    default: String(2 ** 30),
    unit: 'elements of noise',
    reason:
      'What one request may cost, counted in elements (rows x categories x samples) of noise; outputs cost more or less, see docs/operations.md. The default is what one worker draws within the default DEADLINE_MS. A draw that cannot be done by its deadline is refused in any case.',
  }),
  ELEMENTS_RETURNED_MAX: option({
    schema: integer({ min: 1, max: 2 ** 26 }),
    default: String(2 ** 22),
    unit: 'elements',
    reason: 'Numbers in one JSON reply; the default is about 45 MB of text.',
  }),
  BINARY_ELEMENTS_RETURNED_MAX: option({
    schema: integer({ min: 1, max: 2 ** 28 }),
    default: String(2 ** 24),
    unit: 'elements',
    reason: 'Numbers in one reply as binary tensors; the default is 64 MiB of float32.',
  }),
  BATCH_ELEMENTS_MAX: option({
    schema: integer({ min: 1024, max: 2 ** 26 }),
    default: String(2 ** 18),
    unit: 'elements of noise',
    reason:
      'Largest batch of a worker, counted like ELEMENTS_DRAWN_MAX. The default takes about 1 ms, so that small draws do not wait long behind a large one. A single row may cost more.',
  }),
  GPU_BATCH_ELEMENTS_MAX: option({
    schema: integer({ min: 1024, max: 2 ** 24 }),
    default: String(2 ** 20),
    unit: 'elements of noise',
    reason:
      'Replaces BATCH_ELEMENTS_MAX on a GPU, which computes a batch in one run. It is larger, so that there are fewer copies and kernel launches. The default takes about 5 ms.',
  }),
  QUEUE_ELEMENTS_MAX: option({
    schema: integer({ min: 1, max: 2 ** 44 }),
    default: String(5 * 2 ** 22),
    unit: 'elements of noise per worker',
    reason:
      'Work that may wait for each worker, counted like ELEMENTS_DRAWN_MAX. The default takes about a fifteenth of a second: a longer queue only adds waiting time. A quarter is reserved for small draws, which fit one batch. A large draw counts for at most an eighth of the rest, and each caller (key, or connection where keys are off) may have only as much waiting as is still free. Above it requests get 503 overloaded, most of them before their bodies are read.',
  }),
  QUEUE_REQUESTS_MAX: option({
    schema: integer({ min: 1, max: 2 ** 20 }),
    default: '1024',
    unit: 'requests',
    reason:
      'Requests that may wait to be drawn; by default as many as CONNECTIONS_MAX. Each counts for at least 1 / QUEUE_REQUESTS_MAX of the queue. Above it requests get 503 overloaded.',
  }),
  API_KEYS_FILE: option({
    schema: z.string(),
    default: '',
    unit: 'path',
    reason:
      'File of the API keys that may draw, one line of name:sha256 each. It is read again when it changes. Empty: no key is needed, which suits a private network.',
  }),
  QUOTA_ELEMENTS_PER_MINUTE: option({
    schema: integer({ min: 0, max: 2 ** 44 }),
    default: '0',
    unit: 'elements of noise a minute',
    reason:
      'What each API key may draw on this replica, in all its processes together, counted like ELEMENTS_DRAWN_MAX. Above it requests get 429 quota-exceeded. A line of the key file can set another quota. 0: no quota.',
  }),
  CORS_ORIGINS: option({
    schema: originList(),
    default: '',
    unit: 'origins',
    reason:
      'Origins whose pages may call the API from a browser, separated by commas, such as https://example.org, or * for all. Empty: none but the pages of this service.',
  }),
  DOCS: option({
    schema: choice(['on', 'off']),
    default: 'on',
    unit: 'on or off',
    reason:
      'Whether the pages (/, /explore, /docs) and the document (/openapi.json, /openapi.yaml) are served. They hold nothing secret, but some networks do not allow them.',
  }),
} as const;

type Options = typeof options;
type OptionName = keyof Options;

/** DEADLINE_MS becomes deadlineMs. */
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** Every option by its name in camelCase, read and checked. */
export type Config = {
  readonly [Name in OptionName as CamelCase<Name>]: Readonly<z.output<Options[Name]['schema']>>;
} & {
  /** How spans are made and exported; undefined while tracing is off. */
  readonly tracing: TracingConfig | undefined;
};

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Two processes on one GPU would only take turns, and each would need its own memory there. */
export function gpuProcessesError(processes: number): ConfigError {
  return new ConfigError(`PROCESSES is ${processes}, but only one process can use a GPU: set PROCESSES=1 or unset it`);
}

/**
 * Reads every option from `environment`; an unset or empty variable takes its default.
 *
 * @throws {ConfigError} on the first value outside its bounds
 */
export function readConfig(environment: Environment): Config {
  const values = Object.entries(options).map(([name, option]) => [
    camelCase(name),
    readOption(name, option, environment),
  ]);
  const config = { ...Object.fromEntries(values), tracing: readTracing(environment) };
  const { quotaElementsPerMinute, apiKeysFile, processes, executionProvider } = config as Config;
  if (quotaElementsPerMinute > 0 && apiKeysFile === '') {
    throw new ConfigError('QUOTA_ELEMENTS_PER_MINUTE is set, but a quota belongs to a key: set API_KEYS_FILE too');
  }
  if (processes > 1 && executionProvider !== 'cpu' && executionProvider !== 'auto') throw gpuProcessesError(processes);
  return Object.freeze(config as Config);
}
