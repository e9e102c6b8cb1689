/** Swagger UI in a real browser, against the real service: every example of every request works as it stands. */
import type { Locator, Page } from 'playwright-core';
import t from 'tap';
import { type Running, start } from '../support/server-process.js';
import { absent, launch } from './chromium.js';

if (absent) t.bailout(absent);
const service: Running = await start();
const browser = await launch();
t.teardown(async () => {
  await browser.close();
  service.child.kill('SIGTERM');
  await service.exit;
});

interface Media {
  readonly examples: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly paths: Readonly<
    Record<string, { readonly post?: { readonly requestBody: { readonly content: Record<string, Media> } } }>
  >;
}

async function openDocs(width: number): Promise<Page> {
  const context = await browser.open({ width });
  const page = await context.newPage();
  await page.goto(`${service.url}/docs/`);
  await page.locator('.opblock').first().waitFor();
  return page;
}

t.test('the page has a title and fits a phone; it has no top bar, and no padlocks where keys are off', async (t) => {
  for (const width of [375, 1280]) {
    const page = await openDocs(width);
    t.equal(await page.title(), 'gumbel-sampler');
    t.equal(await page.evaluate('document.documentElement.clientWidth'), width, 'the viewport is that of the device');
    t.equal(await page.locator('.topbar').count(), 0);
    for (const padlock of await page.locator('.authorization__btn, .btn.authorize').all()) {
      t.notOk(await padlock.isVisible());
    }
    await page.context().close();
  }
});

/** Sends what stands in the fields. @returns the status of the reply */
async function execute(operation: Locator): Promise<string> {
  const clear = operation.locator('.btn-clear');
  if ((await clear.count()) > 0) await clear.click();
  await operation.locator('.execute').click();
  return (await operation.locator('.live-responses-table tbody .response-col_status').first().innerText()).trim();
}

t.test('every example of every body gets 200', async (t) => {
  const { paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as Document;
  const page = await openDocs(1280);
  let sent = 0;
  for (const operation of await page.locator('.opblock-post').all()) {
    const path = (await operation.locator('.opblock-summary-path').getAttribute('data-path')) ?? '';
    const examples = paths[path]?.post?.requestBody.content['application/json']?.examples ?? {};
    await operation.locator('.opblock-summary-control').click();
    for (const name of Object.keys(examples)) {
      if (Object.keys(examples).length > 1) {
        await operation.locator('.opblock-section-request-body .examples-select select').selectOption(name);
      }
      t.match(await execute(operation), /^200/, `${path} ${name}`);
      sent += 1;
    }
    await operation.locator('.opblock-summary-control').click();
  }
  const described = Object.values(paths).flatMap(({ post }) =>
    Object.keys(post?.requestBody.content['application/json']?.examples ?? {}),
  );
  t.ok(sent > 0);
  t.equal(sent, described.length, 'all examples of the document');
  await page.context().close();
});
