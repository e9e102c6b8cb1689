/** Writes the pictures of the explorer page in docs/images/: `npm run screenshots`. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { start } from '../support/server-process.js';
import { launch, settled, type View } from './chromium.js';

const folder = fileURLToPath(new URL('../../../docs/images/', import.meta.url));

const pictures: Readonly<Record<string, View>> = {
  'explore-light.png': { width: 1280, height: 1420, colorScheme: 'light' },
  'explore-dark.png': { width: 1280, height: 1420, colorScheme: 'dark' },
  'explore-phone.png': { width: 375, height: 812, colorScheme: 'light' },
};

await mkdir(folder, { recursive: true });
const service = await start();
const browser = await launch();
for (const [name, view] of Object.entries(pictures)) {
  const context = await browser.open(view);
  const page = await context.newPage();
  await page.goto(`${service.url}/explore`);
  await settled(page);
  await page.screenshot({ path: `${folder}${name}` });
  await context.close();
}
await browser.close();
service.child.kill('SIGTERM');
await service.exit;
