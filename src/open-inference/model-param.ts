/** The model in a path of the Open Inference Protocol. */
import { z } from 'zod';
import { Problem } from '../errors.js';
import { isModelName, type ModelName, models, modelVersion } from './models.js';

const model = z.string().meta({ description: 'Name of the model.', examples: Object.keys(models) });
const version = z.string().meta({ description: 'Version of the model.', examples: [modelVersion] });

/** Path parameters with and without a version. */
export const modelParams = z.object({ model });
export const versionParams = z.object({ model, version });

/** The path parameters of a request. */
export interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

/** Path segments in the place of a model's name: /v2/models/stats is Triton's statistics of all models. */
const reservedNames = new Set(['stats']);

/** Names with commas, and with "and" before the last. */
function listOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** @throws {Problem} `unknown-model`; `not-found` if the path has no model's name at all */
export function readModel({ model: name, version: wanted }: ModelParams): ModelName {
  if (name === '' || reservedNames.has(name))
    throw new Problem('not-found', 'No route has this path. See /docs for the routes.');
  if (!isModelName(name)) {
    throw new Problem('unknown-model', `There is no such model; the models are ${listOf(Object.keys(models))}.`);
  }
  if (wanted === undefined || wanted === modelVersion) return name;
  throw new Problem('unknown-model', `There is no such version of ${name}; it has version ${modelVersion}.`);
}
