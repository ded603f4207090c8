// Makes src/api/schema.d.ts from ui/openapi.json; with --check only says whether it is up to date.

import { readFile, writeFile } from 'node:fs/promises'
import openapi, { astToString } from 'openapi-typescript'

const target = new URL('../src/api/schema.d.ts', import.meta.url)
const nodes = await openapi(new URL('../../openapi.json', import.meta.url), { alphabetize: true, defaultNonNullable: false })
const text = `// Made from ui/openapi.json by \`npm run gen\`.\n\n${astToString(nodes)}`

if (!process.argv.includes('--check')) await writeFile(target, text)
else if (text !== (await readFile(target, 'utf8'))) {
  console.error('src/api/schema.d.ts is not that of ui/openapi.json: run npm run gen')
  process.exit(1)
}
