/** Attacks on the admin listener: DNS rebinding, cross-site requests, guessed and misplaced tokens. */
import { expect, test } from 'vitest'
import { startAdmin } from './admin.ts'

const token = 'correct-horse-battery'

test.for([
  ['127.0.0.1', 200],
  ['127.0.0.1:9090', 200],
  ['[::1]:9090', 200],
  ['10.1.2.3', 200],
  ['localhost:9090', 200],
  ['LOCALHOST', 200],
  ['localhost.', 200],
  ['admin.internal:9090', 200],
  ['Admin.Internal', 200],
  ['evil.example', 403],
  ['evil.example:9090', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['sub.admin.internal', 403],
  ['2130706433', 403],
  ['user@localhost', 400],
  ['localhost/x', 400],
  ['', 400],
] as const)('answers Host "%s" with %i', async ([host, status]) => {
  await using admin = await startAdmin({}, { hosts: ['Admin.internal'] })

  for (const path of ['/healthz', '/api/config', '/nowhere']) {
    const answer = await admin.send(path, { headers: { host } })
    expect(answer.status).toBe(status === 200 && path === '/nowhere' ? 404 : status)
  }
})

test.for([
  [{ origin: 'https://evil.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ origin: 'http://localhost:3000' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-origin' }, 200],
  [{ 'sec-fetch-site': 'none' }, 200],
  [{ host: 'localhost:9090', origin: 'http://localhost:9090' }, 200],
] as const)('answers a reload with %j with %i', async ([headers, status]) => {
  let reloads = 0
  await using admin = await startAdmin({
    reload: async () => ({ ok: true, generation: ++reloads, changed: true }),
  })

  const answer = await admin.send('/api/reload', { method: 'POST', headers })

  expect([answer.status, reloads]).toEqual([status, status === 200 ? 1 : 0])
})

test.for([
  [undefined, 401, 'credentials-missing'],
  [`Bearer ${token}`, 200, undefined],
  [`bearer ${token}`, 200, undefined],
  [`Bearer ${token}x`, 401, 'credentials-invalid'],
  [`Bearer ${token.slice(1)}`, 401, 'credentials-invalid'],
  ['Bearer ', 401, 'credentials-invalid'],
  [`Basic ${token}`, 401, 'credentials-invalid'],
  [token, 401, 'credentials-invalid'],
] as const)('answers Authorization "%s" with %i', async ([authorization, status, code]) => {
  await using admin = await startAdmin({}, { token })

  for (const path of ['/api/status', '/api/config', '/', '/metrics', '/nowhere']) {
    const answer = await admin.send(path, { headers: authorization === undefined ? {} : { authorization } })
    expect(answer.status).toBe(status === 200 && path === '/nowhere' ? 404 : status)
    if (status !== 401) continue
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="sluice admin"')
    expect(answer.json().code).toBe(code)
  }
})

test('asks nobody for a token where health is checked', async () => {
  await using admin = await startAdmin({}, { token })

  expect((await admin.send('/healthz')).status).toBe(200)
  expect((await admin.send('/readyz?x=1')).status).toBe(200)
})

test('opens the metrics, and only them, where the config says so', async () => {
  await using admin = await startAdmin({}, { token, metricsOpen: true })

  expect((await admin.send('/metrics')).status).toBe(200)
  expect((await admin.send('/api/status')).status).toBe(401)
})

test('does not take a token from the query, a cookie or a second header', async () => {
  await using admin = await startAdmin({}, { token })

  const query = await admin.send(`/api/status?token=${token}&access_token=${token}`)
  const cookie = await admin.send('/api/status', { headers: { cookie: `token=${token}` } })
  const twice = await admin.raw(
    `GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
      'Authorization: Bearer x\r\nConnection: close\r\n\r\n',
  )

  expect([query.status, cookie.status]).toEqual([401, 401])
  expect(twice).toMatch(/^HTTP\/1.1 401 /)
})

test('is not talked past by spelling an open path around a closed one', async () => {
  await using admin = await startAdmin({}, { token })

  for (const path of ['/healthz/../api/config', '//api/config', '/api/config?/healthz', '/%61pi/config']) {
    const answer = await admin.send(path)
    expect(answer.status).toBe(401)
  }
})
