/** A folder with the files that a page shows, as its reader would have them. */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { blocksOf } from './pages.ts'

/** Variables that examples read. */
export const exampleEnv = {
  ADMIN_TOKEN: 'an-admin-token-of-32-characters!',
  UPSTREAM_TOKEN: 'a-token-for-the-upstream',
  JWT_SECRET: 'a-shared-secret-of-at-least-32-bytes',
}

/** Files that examples name and no page shows. */
const certificate = 'test/config/fixtures/certs/api.crt'
const privateKey = 'test/config/fixtures/certs/api.key'

export interface PageFolder extends AsyncDisposable {
  readonly path: string
}

/** Writes every block with `file=NAME` of the page, and the certificates that examples name. */
export async function pageFolder(page: string): Promise<PageFolder> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-docs-'))
  for (const block of blocksOf(page)) {
    const name = block.attributes.get('file')
    if (name === undefined) continue
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), block.text)
  }
  await mkdir(join(path, 'certs'), { recursive: true })
  for (const name of ['api.crt', 'shop.crt', 'gateway.crt', 'ca.crt', 'clients.crt'])
    await copyFile(certificate, join(path, 'certs', name))
  for (const name of ['api.key', 'shop.key', 'gateway.key']) await copyFile(privateKey, join(path, 'certs', name))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
