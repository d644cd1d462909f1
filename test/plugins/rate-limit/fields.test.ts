/** What limits are called towards clients. */
import { expect, test } from 'vitest'
import { limitName } from '../../../plugins/rate-limit/fields.ts'

test.for<[itemId: string, counter: string | undefined, name: string]>([
  ['routes.orders/rate-limit#0', undefined, 'orders'],
  ['routes.orders/rate-limit#1', undefined, 'orders-1'],
  ['chains.signed-in/rate-limit#0', undefined, 'signed-in'],
  ['plugins/rate-limit#0', undefined, 'global'],
  ['routes.a/b c"/rate-limit#0', undefined, 'a-b-c-'],
  ['routes.orders/rate-limit#1', 'writes', 'writes'],
])('calls the limit %s with counter %s "%s"', ([itemId, counter, name]) => {
  expect(limitName({ itemId, counter })).toBe(name)
})
