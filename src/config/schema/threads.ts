/** `threads` in the schema. */
import type { Schema } from './forms.ts'

export const defaultThreads = 'auto'

export const threads: Schema = {
  anyOf: [
    { type: 'integer', minimum: 1, maximum: 256 },
    { type: 'string', title: 'a number, or auto', enum: ['auto'] },
  ],
  default: defaultThreads,
  examples: ['auto', 1, 4],
  description: 'Threads that serve traffic; `auto`: one per core. Another number takes a restart.',
}
