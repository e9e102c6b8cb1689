/** Hooks of Node's module loader that plant one bug of bugs.ts into the service while it is loaded. */
import type { InitializeHook, LoadHook } from 'node:module';
import { type Bug, planted } from '../support/planted-bug.js';
import { bugs } from './bugs.js';

let bug: Bug | undefined;

export const initialize: InitializeHook<{ bug: string }> = ({ bug: name }) => {
  bug = bugs.find((each) => each.name === name);
  if (!bug) throw new Error(`There is no bug ${name}.`);
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (!bug || !url.endsWith(`/src/${bug.file}`)) return loaded;
  return { ...loaded, source: planted(String(loaded.source), bug.file, bug) };
};
