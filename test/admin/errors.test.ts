/** Every way in which the admin listener can fail ends in a problem document. */
import { expect, test } from 'vitest'
import { startAdmin } from './admin.ts'

test.for([
  ['GET', '/nowhere', 404, 'route-not-found', undefined],
  ['POST', '/nowhere', 404, 'route-not-found', undefined],
  ['GET', '/api/reload', 405, 'method-not-allowed', 'POST'],
  ['POST', '/api/status', 405, 'method-not-allowed', 'GET, HEAD'],
  ['DELETE', '/', 405, 'method-not-allowed', 'GET, HEAD'],
  ['OPTIONS', '/metrics', 405, 'method-not-allowed', 'GET, HEAD'],
  ['PROPFIND', '/api/status', 405, 'method-not-allowed', 'GET, HEAD'],
  ['TRACE', '/api/status', 405, 'method-not-allowed', 'GET, HEAD'],
] as const)('answers %s %s with %i', async ([method, path, status, code, allow]) => {
  await using admin = await startAdmin()

  const answer = await admin.send(path, { method })

  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.headers.allow).toBe(allow)
  expect(answer.json()).toMatchObject({ type: `urn:sluice:problem:${code}`, status, code })
})

test.for([
  ['text', 'text/plain', '{}', 415, 'unsupported-media-type'],
  ['form', 'application/x-www-form-urlencoded', 'a=1', 415, 'unsupported-media-type'],
  ['multipart', 'multipart/form-data; boundary=x', '--x--', 415, 'unsupported-media-type'],
  ['broken JSON', 'application/json', '{', 400, 'bad-request'],
  ['large JSON', 'application/json', `"${'x'.repeat(70_000)}"`, 413, 'body-too-large'],
] as const)('refuses a %s body and does not reload', async ([, type, body, status, code]) => {
  let reloads = 0
  await using admin = await startAdmin({
    reload: async () => ({ ok: true, generation: ++reloads, changed: true }),
  })

  const answer = await admin.send('/api/reload', { method: 'POST', headers: { 'content-type': type }, body })

  expect([answer.status, answer.json().code, reloads]).toEqual([status, code, 0])
})

test('tells the log, not the client, what went wrong inside', async () => {
  await using admin = await startAdmin({
    routes: () => {
      throw new Error('secret plans')
    },
  })

  const answer = await admin.send('/api/routes')

  expect([answer.status, answer.json().code]).toEqual([500, 'internal'])
  expect(answer.body).not.toMatch(/secret plans/)
  expect(admin.logged.join('')).toMatch(/secret plans/)
})

const host = 'Host: 127.0.0.1'
test.for([
  ['a field without colon', `GET / HTTP/1.1\r\n${host}\r\nbad header\r\n\r\n`, 400, 'bad-request'],
  ['no HTTP at all', 'nonsense\r\n\r\n', 400, 'bad-request'],
  ['a huge head', `GET / HTTP/1.1\r\n${host}\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431, 'headers-too-large'],
  ['a malformed path', `GET /%zz HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 400, 'bad-request'],
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
] as const)('answers %s with a problem', async ([, bytes, status, code]) => {
  await using admin = await startAdmin()

  const answer = await admin.raw(bytes)

  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer).toMatch(/content-type: application\/problem\+json\r\n/)
  expect(answer).toContain(`"code":"${code}"`)
})
