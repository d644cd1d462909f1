/** The same where Node has no such fields: by 'data' events. */
import { useSharedRead } from '../../src/listener/shared-read.ts'
import { plainConnectionTests } from './plain-connection-cases.ts'

useSharedRead(false)

plainConnectionTests()
