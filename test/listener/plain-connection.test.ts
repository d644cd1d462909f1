/** A plain connection as it is read by default: into one buffer for all. */
import { expect, test } from 'vitest'
import { sharedReadWorks } from '../../src/listener/shared-read.ts'
import { plainConnectionTests } from './plain-connection-cases.ts'
import { plainUploadTests } from './plain-upload-cases.ts'

test('this Node lets clients be read into one buffer', () => {
  expect(sharedReadWorks()).toBe(true)
})

plainConnectionTests()
plainUploadTests()
