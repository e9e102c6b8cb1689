/** GET /explore in a real browser, against the real service: `npm run test:browser`. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page, Request } from 'playwright-core';
import t from 'tap';
import { type Running, start } from '../support/server-process.js';
import { absent, launch, settled } from './chromium.js';
import { contentOf, numbersOf, openExplorer, rowsOf, type ViewName, views } from './explorer.js';

const { source: axeSource } = createRequire(import.meta.url)('axe-core') as { source: string };
const run = promisify(execFile);

if (absent) t.bailout(absent);
const service: Running = await start();
const browser = await launch();
t.teardown(async () => {
  await browser.close();
  service.child.kill('SIGTERM');
  await service.exit;
});
t.jobs = 1;

/** Not an address of the page: eight categories, hard, a seed that a JSON number cannot hold. */
const unlike =
  '?logits=1,0.5,-1,2,0,0,1.25,-3&temperature=0.3&hard=true&seed=18446744073709551615&draws=1000&first=24&sample=30';

async function ask<Reply>(path: string, body: object): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as Reply;
}

/** Every table, so that what is hidden is looked at too. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
}

t.test('the page shows all five views without an error, and asks only this service', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  for (const view of views) {
    t.ok(((await page.locator(`#${view} .says`).textContent()) ?? '').length > 20, `${view} says something`);
    t.ok((await rowsOf(page, view)).length > 0, `${view} has numbers`);
    t.ok((await page.locator(`#${view} pre`).count()) > 0, `${view} shows its request`);
  }
  for (const view of ['softmax', 'frequency', 'triangle', 'gradient']) {
    const label = await page.locator(`#${view} svg[role=img]`).getAttribute('aria-label');
    t.match(label, /\d/, `${view} has a text alternative with its numbers`);
  }
  t.same(faults, []);
  await context.close();
});

t.test('a policy that allows no inline script or style is in force', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  await page.evaluate(`
    const style = document.createElement('style');
    style.textContent = 'body { color: red }';
    document.head.append(style);
  `);
  await page.evaluate(`fetch('http://127.0.0.1:1/').catch(() => {})`);
  t.match(faults.join('\n'), /style-src|default-src/, 'the browser refuses a style, so the policy is enforced');
  t.match(faults.join('\n'), /connect-src|connect/, 'and a request to elsewhere');
  await context.close();
});

/** Which views change with each control; all others must stay as they are. */
const moves: readonly {
  readonly control: string;
  readonly move: (page: Page) => Promise<unknown>;
  readonly changes: readonly ViewName[];
}[] = [
  { control: 'logit, by number', move: (page) => page.fill('#logit-1', '0.9'), changes: views },
  { control: 'logit, by arrow key', move: (page) => page.press('#logit-2-slider', 'ArrowRight'), changes: views },
  {
    control: 'temperature, by number',
    move: (page) => page.fill('#temperature', '0.7'),
    changes: ['softmax', 'strip', 'triangle', 'gradient'],
  },
  {
    control: 'temperature, by arrow key',
    move: (page) => page.press('#temperature-slider', 'ArrowLeft'),
    changes: ['softmax', 'strip', 'triangle', 'gradient'],
  },
  {
    control: 'seed',
    move: (page) => page.fill('#seed', '18446744073709551615'),
    changes: ['strip', 'frequency', 'triangle', 'gradient'],
  },
  {
    control: 'new seed',
    move: (page) => page.click('#new-seed'),
    changes: ['strip', 'frequency', 'triangle', 'gradient'],
  },
  { control: 'hard', move: (page) => page.check('#hard'), changes: ['strip', 'triangle', 'gradient'] },
  { control: 'estimator', move: (page) => page.selectOption('#estimator', 'gumbel_rao'), changes: ['gradient'] },
  { control: 'draws', move: (page) => page.selectOption('#draws', '1000'), changes: ['frequency'] },
  { control: 'later draws', move: (page) => page.click('#later'), changes: ['strip'] },
  { control: 'sample', move: (page) => page.press('[data-key=sample-3]', 'Enter'), changes: ['strip'] },
  { control: 'categories', move: (page) => page.selectOption('#categories', '5'), changes: views },
];

t.test('moving a control changes what depends on it, and nothing else', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  for (const { control, move, changes } of moves) {
    await page.click('#reset');
    await settled(page);
    const before = await Promise.all(views.map((view) => contentOf(page, view)));
    await move(page);
    await settled(page);
    const after = await Promise.all(views.map((view) => contentOf(page, view)));
    t.same(
      views.filter((_, at) => before[at] !== after[at]),
      changes,
      control,
    );
  }
  t.same(faults, []);
  await context.close();
});

t.test('the numbers on the page are those of the service for the same seed', async (t) => {
  const { context, page } = await openExplorer(browser, service.url);
  const draw = { logits: [1, 0.5, -1], temperature: 0.5, seed: 42 };
  type Sample = { samples: number[] };
  type Samples = { samples: number[][]; indices: number[] };
  const plain = await ask<Sample>('/sample', { ...draw, noise: 'none' });
  t.same(
    await numbersOf(page, 'softmax'),
    plain.samples.map((value, k) => [draw.logits[k], value]),
  );
  const strip = await ask<Samples>('/sample', { ...draw, num_samples: 12 });
  t.same(
    await numbersOf(page, 'strip'),
    strip.samples.map((sample, at) => [strip.indices[at], ...sample]),
  );
  const { indices } = await ask<Samples>('/sample', { ...draw, num_samples: 10_000 });
  const { samples: probabilities } = await ask<Sample>('/sample', { logits: draw.logits, noise: 'none' });
  const counts = [0, 1, 2].map((k) => indices.filter((index) => index === k).length);
  t.same(
    (await rowsOf(page, 'frequency')).map((row) => row.slice(1, 4).map(Number)),
    counts.map((count, k) => [count, count / 10_000, probabilities[k]]),
  );
  const { samples: points } = await ask<Samples>('/sample', { ...draw, num_samples: 500 });
  t.same(await numbersOf(page, 'triangle'), points);
  await context.close();
});

t.test('bias and variance are those of the gradients that the service sends', async (t) => {
  const { context, page } = await openExplorer(browser, service.url);
  const logits = [1, 0.5, -1];
  const rows = <Row>(row: Row) => Array.from({ length: 512 }, () => row);
  const body = { logits: rows(logits), cotangent: rows([1, 0, 0]), temperature: 0.1, seed: 42 };
  const rao = { hard: true, estimator: 'gumbel_rao', rao_samples: 10 };
  const weights = logits.map(Math.exp);
  const p = weights.map((weight) => weight / weights.reduce((sum, value) => sum + value));
  const exact = p.map((value, k) => value * ((k === 0 ? 1 : 0) - p[0]));
  for (const [estimator, own] of [
    ['straight_through', {}],
    ['gumbel_rao', rao],
  ] as const) {
    await page.selectOption('#estimator', estimator);
    await settled(page);
    const { grad_logits } = await ask<{ grad_logits: number[][] }>('/sample/vjp', { ...body, ...own });
    const means = exact.map((_, k) => grad_logits.reduce((sum, row) => sum + row[k], 0) / 512);
    const squares = grad_logits.flatMap((row) => row.map((value, k) => (value - means[k]) ** 2));
    const variance = squares.reduce((sum, value) => sum + value) / 511;
    const bias = Math.hypot(...means.map((mean, k) => mean - exact[k]));
    const shown = (await rowsOf(page, 'gradient')).find(([temperature]) => temperature === '0.1')?.map(Number) ?? [];
    // Three significant digits err by at most 0.5 in the third, less than 0.005 of the value.
    for (const [at, value] of [variance, Math.sqrt(variance), bias, Math.sqrt(variance / 512)].entries()) {
      t.ok(Math.abs(shown[at + 1] - value) <= 0.005 * value, `${estimator}: ${shown[at + 1]} is ${value}`);
    }
  }
  await context.close();
});

t.test('copying curl gives a command that returns the numbers shown', async (t) => {
  const { context, page } = await openExplorer(browser, service.url, unlike);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = async (view: ViewName, at: number): Promise<string> => {
    await page.locator(`#${view} .copy`).nth(at).focus();
    await page.keyboard.press('Enter');
    await page.locator('#announcement', { hasText: 'copied' }).waitFor({ state: 'attached' });
    const command = await page.evaluate<string>('navigator.clipboard.readText()');
    t.equal(command, await page.locator(`#${view} pre`).nth(at).textContent());
    return (await run('sh', ['-c', command], { maxBuffer: 2 ** 24 })).stdout;
  };
  const softmax = JSON.parse(await copied('softmax', 0));
  t.same(
    (await numbersOf(page, 'softmax')).map(([, value]) => value),
    softmax.samples,
  );
  const strip = JSON.parse(await copied('strip', 0));
  t.equal(strip.seed, '18446744073709551615');
  const shown = await rowsOf(page, 'strip');
  t.same(
    shown.map((row) => row.map(Number)),
    strip.samples.map((sample: number[], at: number) => [24 + at, strip.indices[at], ...sample]),
  );
  const alone = JSON.parse(await copied('strip', 1));
  t.same(
    alone.samples,
    shown
      .find(([number]) => number === '30')
      ?.slice(2)
      .map(Number),
    'sample 30, by itself',
  );
  const counted = (await copied('frequency', 0))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const wins = (await numbersOf(page, 'frequency')).map(([count]) => count);
  t.same(
    counted.map(([count, category]) => [category, count]),
    [...wins.entries()].filter(([, count]) => count > 0),
  );
  const gradients = JSON.parse(await copied('gradient', 0)).grad_logits as number[][];
  const mean = (k: number) => gradients.reduce((sum, row) => sum + row[k], 0) / gradients.length;
  const variance = gradients[0]
    ?.map((_, k) => gradients.reduce((sum, row) => sum + (row[k] - mean(k)) ** 2, 0) / 511)
    .reduce((sum, value) => sum + value) as number;
  const own = (await rowsOf(page, 'gradient')).find(([temperature]) => temperature === '0.3') ?? [];
  t.ok(Math.abs(Number(own[1]) - variance) <= 0.005 * variance, `variance ${own[1]} is ${variance}`);
  await page.selectOption('#categories', '3');
  await settled(page);
  const points = JSON.parse(await copied('triangle', 0));
  t.same(await numbersOf(page, 'triangle'), points.samples);
  t.equal(JSON.parse(await copied('triangle', 1)).log_prob.length, 900);
  await context.close();
});

t.test('the shared address restores every view and control', async (t) => {
  const first = await openExplorer(browser, service.url);
  const { page } = first;
  await page.fill('#logit-0', '-1.75');
  await page.fill('#temperature', '0.33');
  await page.fill('#seed', '9007199254740993');
  await page.check('#hard');
  await page.selectOption('#draws', '1000');
  await page.selectOption('#estimator', 'gumbel_rao');
  await page.click('#later');
  await settled(page);
  await page.press('[data-key=sample-15]', 'Enter');
  await settled(page);
  t.equal(await page.evaluate('document.activeElement.dataset.key'), 'sample-15', 'the focus stays on the draw');
  await page.waitForURL(/sample=15/);
  const second = await openExplorer(browser, service.url, new URL(page.url()).search);
  for (const view of views) t.equal(await contentOf(second.page, view), await contentOf(page, view), view);
  for (const id of ['logit-0', 'temperature', 'seed', 'draws', 'estimator', 'categories']) {
    t.equal(await second.page.inputValue(`#${id}`), await page.inputValue(`#${id}`), id);
  }
  t.ok(await second.page.isChecked('#hard'));
  await first.context.close();
  await second.context.close();
});

t.test('what cannot be is marked where it stands, and the page goes on with the rest', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url, '?seed=-1&temperature=0&logits=1,2');
  t.match(await page.textContent('#notice'), /temperature, seed/);
  t.equal((await rowsOf(page, 'softmax')).length, 2, 'the logits of the address are taken');
  const before = await contentOf(page, 'strip');
  for (const [field, text, problem] of [
    ['seed', '18446744073709551616', 'seed-problem'],
    ['temperature', '0', 'temperature-problem'],
    ['logit-1', '', 'logit-1-problem'],
  ] as const) {
    await page.fill(`#${field}`, text);
    t.equal(await page.getAttribute(`#${field}`, 'aria-invalid'), 'true', field);
    t.match(await page.textContent(`#${problem}`), /^Needs a /);
  }
  t.equal(await contentOf(page, 'strip'), before);
  t.same(faults, []);
  await context.close();
});

t.test('a refusal of the service is told in words, and trying again mends it', async (t) => {
  const { context, page } = await openExplorer(browser, service.url);
  await page.route('**/sample', (route) =>
    route.fulfill({
      status: 503,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '2' },
      body: JSON.stringify({ title: 'Queue full', detail: 'Too much is waiting.', errors: [] }),
    }),
  );
  await page.fill('#seed', '43');
  await settled(page);
  t.equal(await page.locator('#strip .problem p').textContent(), 'Queue full: Too much is waiting. Try again in 2 s.');
  t.same(await rowsOf(page, 'strip'), [], 'old numbers are not shown under a new seed');
  await page.unroute('**/sample');
  await page.click('#strip .problem button');
  await settled(page);
  t.equal((await rowsOf(page, 'strip')).length, 12);
  await context.close();
});

t.test('where the service asks for an API key, so does the page, and commands take it from the shell', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  const path = join(folder, 'keys');
  writeFileSync(path, `reader:${createHash('sha256').update('open-sesame').digest('hex')}\n`);
  const guarded = await start({ API_KEYS_FILE: path });
  const { context, page } = await openExplorer(browser, guarded.url);
  t.teardown(async () => {
    await context.close();
    guarded.child.kill('SIGTERM');
    await guarded.exit;
    rmSync(folder, { recursive: true });
  });
  t.match(await page.locator('#strip .problem p').textContent(), /key/i, 'the refusal is told');
  await page.fill('#api-key', 'open-sesame');
  await page.press('#api-key', 'Enter');
  await settled(page);
  const command = (await page.locator('#strip pre').first().textContent()) ?? '';
  t.notMatch(command + page.url(), 'open-sesame');
  const { stdout } = await run('sh', ['-c', command], { env: { ...process.env, API_KEY: 'open-sesame' } });
  t.same(
    (await numbersOf(page, 'strip')).map(([, ...sample]) => sample),
    JSON.parse(stdout).samples,
  );
});

t.test('the browser verifies the strip, and finds what is wrong', async (t) => {
  const asked: string[] = [];
  const { context, page, faults } = await openExplorer(browser, service.url);
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const verify = async () => {
    await page.press('#verify', 'Enter');
    await page.locator('#verify-says:not(:empty)').waitFor();
    return page.textContent('#verify-says');
  };
  t.match(
    await verify(),
    /^Replayed here from the seed, and right\. 36 numbers of noise: the same bits; 12 numbers of indices: the same bits; 36 numbers of samples: within \S+ of softmax\.$/,
  );
  t.same(asked, ['/explore/kernel.wasm'], 'nothing is drawn');
  t.same(await violations(page), []);
  await page.check('#hard');
  t.equal(await page.textContent('#verify-says'), '', 'what was said of other draws is gone');
  await settled(page);
  t.match(await verify(), /right\. .*36 numbers of samples: the same bits\.$/);
  await page.fill('#seed', '18446744073709551615');
  await page.selectOption('#categories', '8');
  await page.click('#later');
  await settled(page);
  t.match(await verify(), /right\. 96 numbers of noise: the same bits/);
  t.equal(await page.evaluate('document.activeElement.id'), 'verify');
  // A service that sends the noise of another seed.
  await page.route('**/sample', async (route) => {
    const body = JSON.parse(route.request().postData() ?? '{}');
    await route.continue({ postData: JSON.stringify({ ...body, seed: 1 }) });
  });
  await page.fill('#seed', '2');
  await settled(page);
  t.match(await verify(), /wrong\. 96 numbers of noise: other bits/);
  t.same(faults, []);
  await context.close();
});

t.test('a late reply to an older question is dropped', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const isOld = (request: Request) => /"temperature":3,"noise"/.test(request.postData() ?? '');
  await page.route('**/sample', async (route) => {
    if (isOld(route.request())) await released;
    // The page may have given up on this request, and then there is nothing to go on with.
    await route.continue().catch(() => {});
  });
  const held = page.waitForRequest(isOld);
  const over = Promise.race([page.waitForEvent('requestfinished', isOld), page.waitForEvent('requestfailed', isOld)]);
  await page.fill('#temperature', '3');
  await held;
  await page.fill('#temperature', '4');
  await page.locator('#softmax .says', { hasText: 'At temperature 4 ' }).waitFor();
  const shown = await contentOf(page, 'softmax');
  release();
  await over;
  // Two frames: whatever the page would do with the reply is done and drawn.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  t.equal(await contentOf(page, 'softmax'), shown);
  t.same(faults, []);
  await context.close();
});

t.test("annealing follows Jang's schedule, as the service works it out, and stops for the reader", async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  await page.clock.install();
  await page.click('#anneal');
  for (const step of [0, 500, 1000]) {
    await page.locator('#anneal-says', { hasText: `Step ${step.toLocaleString('en')} of training` }).waitFor();
    const expected = Math.max(0.5, Math.exp(-1e-4 * step));
    // The service rounds to float32, and prints the shortest decimal that reads back to it.
    t.equal(Math.fround(Number(await page.inputValue('#temperature'))), Math.fround(expected), `step ${step}`);
    await page.clock.runFor(700);
  }
  t.equal(await page.textContent('#anneal'), 'Pause annealing');
  await page.fill('#temperature', '2');
  t.equal(await page.textContent('#anneal'), 'Play annealing', 'the reader takes over');
  t.same(faults, []);
  await context.close();
});

t.test('who asked for less motion takes one annealing step at a press', async (t) => {
  const { context, page } = await openExplorer(browser, service.url, '', { reducedMotion: 'reduce' });
  t.equal(await page.textContent('#anneal'), 'Next annealing step');
  for (const step of [0, 500]) {
    await page.press('#anneal', 'Enter');
    await page.locator('#anneal-says', { hasText: `Step ${step} of training` }).waitFor();
    t.equal(await page.textContent('#anneal'), 'Next annealing step');
  }
  await context.close();
});

t.test('a button that has copied says so for a moment, and keeps its size', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.clock.install();
  const button = page.locator('#strip .copy').first();
  const width = (await button.boundingBox())?.width;
  for (const round of ['once', 'and again']) {
    await button.click();
    await page.locator('#strip .copy', { hasText: /^Copied$/ }).waitFor();
    t.match(await page.textContent('#announcement'), /: copied\.$/, round);
    t.equal((await button.boundingBox())?.width, width);
    await page.clock.runFor(2000);
    t.equal(await button.textContent(), 'Copy curl');
    t.equal(await page.textContent('#announcement'), '', 'so that the next one is heard');
  }
  t.same(faults, []);
  await context.close();
});

t.test('where a page may not use the clipboard the command is selected, and the button says so', async (t) => {
  const { context, page } = await openExplorer(browser, service.url);
  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  await page.locator('#softmax .copy').click();
  await page.locator('#softmax .copy', { hasText: /^Selected$/ }).waitFor();
  t.equal(await page.evaluate('String(getSelection())'), await page.textContent('#softmax code'));
  await context.close();
});

/** The widths that a phone, a tablet and a laptop have; 360 is the narrowest phone still sold. */
const widths = [360, 375, 768, 1280] as const;

t.test('at every width nothing scrolls sideways, and no command is cut', async (t) => {
  for (const width of widths) {
    for (const search of ['', unlike]) {
      const { context, page } = await openExplorer(browser, service.url, search, { width, height: 740 });
      await openAll(page);
      t.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      const cut = '[...document.querySelectorAll("pre")].filter((pre) => pre.scrollWidth > pre.clientWidth).length';
      t.equal(await page.evaluate(cut), 0, `${width}: every command wraps`);
      await context.close();
    }
  }
});

/** Whether all of an element is on the screen, in front of everything else, as its corners and its middle tell. */
function isInReach(page: Page, selector: string): Promise<boolean> {
  return page.evaluate<boolean>(`(() => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const [x, y] = [[left + 3, (left + right) / 2, right - 3], [top + 3, (top + bottom) / 2, bottom - 3]];
    return x.every((x) => y.every((y) => element.contains(document.elementFromPoint(x, y))));
  })()`);
}

t.test('on a phone the controls stay in reach while the pictures move', async (t) => {
  const { context, page, faults } = await openExplorer(browser, service.url, '', { width: 375, height: 667 });
  const opens = (id: string) => page.click(`.dock [aria-controls=${id}]`);
  const heightOf = async () => (await page.locator('#controls').boundingBox())?.height ?? 0;
  for (const view of views) {
    await page.evaluate(`document.querySelector('#${view} .figure').scrollIntoView()`);
    for (const [id, control] of [
      ['logits', '#logit-1-slider'],
      ['temperatures', '#temperature-slider'],
      ['seeds', '#new-seed'],
    ] as const) {
      await opens(id);
      t.equal(await page.getAttribute(`.dock [aria-controls=${id}]`, 'aria-expanded'), 'true');
      t.ok(await isInReach(page, control), `${control} beside ${view}`);
      t.ok((await heightOf()) <= 0.55 * 667, 'and pictures have the larger half of the screen, but for a rounding');
    }
    await opens('seeds');
    t.equal(await page.getAttribute('.dock [aria-controls=seeds]', 'aria-expanded'), 'false');
    t.notOk(await page.isVisible('#new-seed'), 'pressed again it closes');
  }
  await page.evaluate("document.querySelector('#strip .figure').scrollIntoView()");
  await opens('temperatures');
  const before = await contentOf(page, 'strip');
  await page.press('#temperature-slider', 'ArrowLeft');
  await settled(page);
  t.not(await contentOf(page, 'strip'), before, 'the picture moves');
  t.ok(await isInReach(page, '#strip .strip li:first-child button'), 'and is seen to');
  t.same(faults, []);
  await context.close();
});

/** Where the focus is: what has it, how it shows, and whether any of it is on the screen and in front. */
const focusNow = `(() => {
  const element = document.activeElement;
  if (element === document.body) return undefined;
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  const name = element.id || element.getAttribute('aria-label') || element.textContent;
  const front = document.elementFromPoint(x, y);
  return { name, outline: outlineStyle + ' ' + outlineWidth, outlineColor, seen: element.contains(front) };
})()`;

interface Focus {
  readonly name: string;
  readonly outline: string;
  readonly outlineColor: string;
  readonly seen: boolean;
}

t.test('the keyboard reaches every control, and its focus is always seen', async (t) => {
  for (const [width, colorScheme, accent] of [
    [375, 'light', 'rgb(36, 86, 184)'],
    [768, 'dark', 'rgb(141, 180, 255)'],
    [1280, 'light', 'rgb(36, 86, 184)'],
  ] as const) {
    const { context, page } = await openExplorer(browser, service.url, unlike, { width, height: 667, colorScheme });
    if (width === 375) await page.press('.dock [aria-controls=temperatures]', 'Enter');
    await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
    const reached: string[] = [];
    for (;;) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate<Focus | undefined>(focusNow);
      if (focus === undefined) break;
      t.match(focus, { outline: 'solid 2px', outlineColor: accent, seen: true }, `${width}: ${focus.name}`);
      reached.push(focus.name);
    }
    for (const name of [
      'temperature',
      'temperature-slider',
      'anneal',
      'earlier',
      'later',
      'verify',
      'draws',
      'Copy curl',
    ]) {
      t.ok(reached.includes(name), `${width}: ${name}`);
    }
    await context.close();
  }
});

t.test('axe finds nothing to object to, in light and dark, on either page', async (t) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [search, width] of [
      ['', 1280],
      [unlike, 1280],
      ['', 375],
    ] as const) {
      const { context, page } = await openExplorer(browser, service.url, search, { colorScheme, width });
      await openAll(page);
      if (width < 400) await page.click('.dock [aria-controls=temperatures]');
      t.same(await violations(page), [], `explore${search}, ${colorScheme}, ${width}`);
      await page.goto(service.url);
      t.same(await violations(page), [], `home, ${colorScheme}, ${width}`);
      await context.close();
    }
  }
});

async function violations(page: Page): Promise<unknown> {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    'axe.run({ resultTypes: ["violations"] })',
  );
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))]);
}

t.test(
  'Swagger UI: operations that can be tried, no box for other documents, padlocks only where keys are asked for',
  async (t) => {
    const context = await browser.open();
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    for (const path of ['/docs', '/docs/']) {
      await page.goto(service.url + path);
      await page.locator('.opblock').first().waitFor();
      t.equal(await page.title(), 'gumbel-sampler');
      t.equal(await page.locator('.topbar').count(), 0);
      t.equal(await page.locator('.authorization__btn:visible, .btn.authorize:visible').count(), 0);
    }
    await page.locator('#operations-health-livez .opblock-summary-control').click();
    await page.locator('#operations-health-livez .execute').click();
    await page.locator('#operations-health-livez .response-col_status', { hasText: '200' }).first().waitFor();
    t.match(await page.textContent('#operations-health-livez'), 'Request duration');
    t.same(faults, []);
    await context.close();
  },
);
