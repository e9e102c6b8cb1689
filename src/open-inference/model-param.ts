/** The model that a path of the Open Inference Protocol names. */
import { z } from 'zod';
import { Problem } from '../errors.js';
import { isModelName, type ModelName, models, modelVersion } from './models.js';

const model = z.string().meta({ description: 'Name of the model.', examples: Object.keys(models) });
const version = z.string().meta({ description: 'Version of the model.', examples: [modelVersion] });

/** Path parameters with and without a version. */
export const modelParams = z.object({ model });
export const versionParams = z.object({ model, version });

/** Either of them, as a request has it. */
export interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

/** Paths of the protocol's extensions that look like a model: Triton's statistics of all models. */
const reserved = new Set(['stats']);

/** @throws {Problem} `unknown-model`, or `not-found` where the path names no model at all */
export function readModel({ model: name, version: wanted }: ModelParams): ModelName {
  if (name === '' || reserved.has(name))
    throw new Problem('not-found', 'No route has this path. See /docs for those there are.');
  if (!isModelName(name)) {
    throw new Problem('unknown-model', `There is no such model; there are ${Object.keys(models).join(' and ')}.`);
  }
  if (wanted === undefined || wanted === modelVersion) return name;
  throw new Problem('unknown-model', `There is no such version of ${name}; it has version ${modelVersion}.`);
}
