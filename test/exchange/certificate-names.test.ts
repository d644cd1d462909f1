import { expect, test } from 'vitest'
import { alternativeNames } from '../../src/exchange/certificate-names.ts'

test.for([
  ['none', undefined, []],
  ['one', 'DNS:a.example', ['DNS=a.example']],
  ['several', 'DNS:a, URI:spiffe://x/y, IP Address:10.0.0.1', ['DNS=a', 'URI=spiffe://x/y', 'IP Address=10.0.0.1']],
  ['one that holds what looks like another', 'URI:"urn:x, DNS:admin", DNS:b', ['URI=urn:x, DNS:admin', 'DNS=b']],
  ['one with quotes of its own', String.raw`URI:"urn:\"x, DNS:admin"`, ['URI=urn:"x, DNS:admin']],
  ['the words before one that cannot be read', 'DNS:a, DNS:"b', ['DNS=a']],
] as const)('the alternative names of a certificate are read: %s', ([, subjectAltName, names]) => {
  const read = alternativeNames({ subjectAltName })

  expect(read.map(({ kind, value }) => `${kind}=${value}`)).toEqual(names)
})
