/** The volumes of a pod, as the kubelet makes them: folders with the mode, owner and group that the manifest says. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, PodSpec, Secret, Volume } from 'kubernetes-types/core/v1.js';
import type { Api } from './api.js';

/** A volume of a pod whose Secret does not exist (yet). */
export class MissingSecret extends Error {}

interface Made {
  readonly folder: string;
  readonly volume: Volume;
  version?: string | undefined;
}

export class Volumes {
  readonly #api: Api;
  readonly #namespace: string;
  readonly #group: number;
  readonly #made = new Map<string, Made>();

  constructor(api: Api, namespace: string, folder: string, { volumes = [], securityContext }: PodSpec) {
    this.#api = api;
    this.#namespace = namespace;
    this.#group = securityContext?.fsGroup ?? 0;
    for (const volume of volumes) this.#made.set(volume.name, { folder: join(folder, volume.name), volume });
  }

  /** Makes what is not there, and writes what has changed. */
  async update(): Promise<void> {
    for (const made of this.#made.values()) {
      mkdirSync(made.folder, { recursive: true });
      if (made.volume.secret) await this.#writeSecret(made, made.volume.secret.defaultMode ?? 0o644);
      else if (made.volume.emptyDir) this.#own(made.folder, 0o777);
      else throw new Error(`The stand-in for the kubelet knows no volume like ${JSON.stringify(made.volume)}`);
    }
  }

  /** What run-pod.sh takes: folder, path in the pod, ro or rw. */
  mountsOf({ volumeMounts = [] }: Container): string[] {
    return volumeMounts.flatMap(({ name, mountPath, readOnly }) => {
      const made = this.#made.get(name);
      if (made === undefined) throw new Error(`There is no volume ${name}`);
      return [made.folder, mountPath, readOnly ? 'ro' : 'rw'];
    });
  }

  #own(path: string, mode: number): void {
    chownSync(path, 0, this.#group);
    chmodSync(path, mode);
  }

  /** The files through the link ..data, which is replaced in one step, so that a reader sees all of one version. */
  async #writeSecret(made: Made, mode: number): Promise<void> {
    const name = made.volume.secret?.secretName;
    const { status, body } = await this.#api('GET', `/api/v1/namespaces/${this.#namespace}/secrets/${name}`);
    if (status === 404) throw new MissingSecret(`secret ${name} not found`);
    const secret = body as Secret;
    const version = secret.metadata?.resourceVersion;
    if (version === made.version) return;
    const own = `..${version}`;
    mkdirSync(join(made.folder, own));
    for (const [key, value] of Object.entries(secret.data ?? {})) {
      const path = join(made.folder, own, key);
      writeFileSync(path, Buffer.from(value, 'base64'));
      this.#own(path, mode);
      if (!existsSync(join(made.folder, key))) symlinkSync(`..data/${key}`, join(made.folder, key));
    }
    symlinkSync(own, join(made.folder, '..new'));
    renameSync(join(made.folder, '..new'), join(made.folder, '..data'));
    if (made.version !== undefined) rmSync(join(made.folder, `..${made.version}`), { recursive: true });
    made.version = version;
  }
}
