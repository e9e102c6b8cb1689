/** Debian's Chromium under playwright-core, on a fresh profile that goes with it. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const absent = existsSync(executablePath)
  ? undefined
  : `There is no Chromium at ${executablePath}. Install it (Debian: apt-get install chromium), or set CHROMIUM to its path.`;

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce' | 'no-preference';
}

export interface Browser {
  readonly open: (view?: View) => Promise<BrowserContext>;
  readonly close: () => Promise<void>;
}

export async function launch(): Promise<Browser> {
  if (absent) throw new Error(absent);
  const folder = await mkdtemp(join(tmpdir(), 'chromium-'));
  // Chromium keeps its caches under HOME, too.
  const env = { ...process.env, HOME: folder } as Record<string, string>;
  const browser = await chromium.launch({ executablePath, args: flags, headless: true, env });
  return {
    open: ({ width = 1280, height = 900, colorScheme = 'light', reducedMotion = 'no-preference' } = {}) =>
      browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion }),
    close: async () => {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Until no view waits for the service any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('.view:not([aria-busy="false"])').first().waitFor({ state: 'detached' });
}
