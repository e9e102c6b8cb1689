/** Says which mutants no test notices, as soon as that is known. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import type { Reporter } from '@stryker-mutator/api/report';

export const isUnnoticed = ({ status }: Pick<MutantResult, 'status'>) =>
  status === 'Survived' || status === 'NoCoverage';

class Survivors implements Reporter {
  onMutantTested(mutant: Readonly<MutantResult>): void {
    if (isUnnoticed(mutant)) console.log(shown(mutant));
  }
}

function shown({ fileName, location: { start, end }, mutatorName, replacement, status }: MutantResult): string {
  const lines = readFileSync(fileName, 'utf8')
    .split('\n')
    .slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  const line = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 100);
  const place = `${relative('', fileName)}:${start.line}:${start.column}`;
  return `${place} ${status} ${mutatorName}: ${line(lines.join('\n'))} -> ${line(replacement ?? '')}`;
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'survivors', Survivors)];
