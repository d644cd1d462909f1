/** The same where Node has no such fields: by 'data' events. */
import { afterAll, beforeAll } from 'vitest'
import { useSharedRead } from '../../src/listener/shared-read.ts'
import { plainConnectionTests } from './plain-connection-cases.ts'
import { plainUploadTests } from './plain-upload-cases.ts'

beforeAll(() => useSharedRead(false))
afterAll(() => useSharedRead(true))

plainConnectionTests()
plainUploadTests()
