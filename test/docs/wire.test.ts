import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { exchange, statusOf } from '../support/wire.ts'
import { type PageFolder, pageFolder } from './files.ts'
import { tableRows } from './pages.ts'

let folder: PageFolder
let gateway: TestGateway

beforeAll(async () => {
  folder = await pageFolder('docs/http.md')
  gateway = await startGateway(await readFile(join(folder.path, 'gateway.yaml'), 'utf8'))
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** The texts in code marks of a cell. */
const codes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)

async function answerTo(bytes: string): Promise<readonly [number, string | undefined]> {
  const answer = await exchange(gateway.port, bytes)
  return [statusOf(answer), /"code":"([^"]+)"/.exec(answer)?.[1]]
}

describe('docs/http.md tells what is refused', () => {
  test.for(tableRows('docs/http.md', '<!-- refused targets -->'))('%s', async ([request, status, code]) => {
    expect(await answerTo(`${codes(request!)[0]} HTTP/1.1\r\nHost: a.example\r\n\r\n`)).toEqual([
      Number(status),
      codes(code!)[0],
    ])
  })

  test.for(tableRows('docs/http.md', '<!-- refused heads -->'))('%s', async ([fields, status, code]) => {
    const head = codes(fields!).join('\r\n')

    expect(await answerTo(`POST /rest HTTP/1.1\r\n${head}\r\n\r\n`)).toEqual([Number(status), codes(code!)[0]])
  })
})
