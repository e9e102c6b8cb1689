/** The log line "serving at ...", which scripts wait for. */

export interface Started {
  readonly address: string;
  readonly provider: string;
  /** The device that the provider runs on. */
  readonly device: string;
  readonly processes: number;
  readonly workers: number;
}

export function startLine({ address, provider, device, processes, workers }: Started): string {
  const counted = `${workers} worker${workers === 1 ? '' : 's'}`;
  const parts = processes === 1 ? ` and ${counted}` : `, ${processes} processes and ${counted}`;
  return `serving at ${address} with provider ${provider} (${device})${parts}`;
}

/** The URL of a host and port. */
export function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
