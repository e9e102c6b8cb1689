/** The explorer page as a reader sees it: opens it, reads its numbers, and keeps what must never happen. */
import type { BrowserContext, Page } from 'playwright-core';
import { type Browser, settled, type View } from './chromium.js';

export const views = ['softmax', 'strip', 'frequency', 'triangle', 'gradient'] as const;
export type ViewName = (typeof views)[number];

export interface Explorer {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors on the console, exceptions, violations of the content security policy, and requests to other hosts. */
  readonly faults: string[];
}

export async function openExplorer(browser: Browser, url: string, search = '', view: View = {}): Promise<Explorer> {
  const context = await browser.open(view);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  context.on('request', (request) => {
    if (new URL(request.url()).host !== new URL(url).host) faults.push(`a request to ${request.url()}`);
  });
  await page.goto(`${url}/explore${search}`);
  await settled(page);
  return { context, page, faults };
}

/** The rows of the table of a view, shown or not. */
export function rowsOf(page: Page, view: ViewName): Promise<string[][]> {
  return page.evaluate(
    `[...document.querySelectorAll('#${view} tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))`,
  );
}

/** Rows as numbers, without their first column. */
export async function numbersOf(page: Page, view: ViewName): Promise<number[][]> {
  return (await rowsOf(page, view)).map(([, ...cells]) => cells.map(Number));
}

/** All that a view says in words and numbers. */
export async function contentOf(page: Page, view: ViewName): Promise<string> {
  const says = await page.locator(`#${view} .says`).textContent();
  return JSON.stringify([says, await rowsOf(page, view)]);
}
