/** `npm run openapi`: writes openapi.yaml from the app. */
import { writeFileSync } from 'node:fs';
import { openApiYaml } from './openapi-document.js';

writeFileSync(new URL('../../openapi.yaml', import.meta.url), await openApiYaml());
