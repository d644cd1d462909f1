/** Answers from a stored entry, with 304 where the client has it already. */
import type { Reply } from '#gateway'
import type { Entry } from './entry.ts'
import type { RequestView } from './request.ts'
import { isNotModified } from './reuse.ts'

/** `age` in milliseconds. What the cache did is the caller's to say. */
export function answerFrom(entry: Entry, reply: Reply, { request, age }: { request: RequestView; age: number }): void {
  const notModified = isNotModified(entry, request)
  addHead(reply, notModified ? withoutContent(entry.head) : entry.head)
  reply.headers.append('age', String(Math.floor(age / 1000)))
  reply.source = 'cache'
  reply.parsed = entry.head
  if (notModified) {
    reply.code(304).send()
    return
  }
  reply.reason = entry.reason
  reply.code(entry.status).send(entry.body)
}

/** What plugins above have set stands in for the stored fields of the same names, as it does for an upstream's. */
function addHead(reply: Reply, head: readonly string[]): void {
  const { raw } = reply.headers
  const preset = raw.length === 0 ? null : new Set(raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))
  for (let i = 0; i < head.length; i += 2) {
    if (preset?.has(head[i]!.toLowerCase())) continue
    raw.push(head[i]!, head[i + 1]!)
  }
}

/** RFC 9110 §15.4.5: a 304 tells nothing about content that it does not carry. */
function withoutContent(head: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i < head.length; i += 2) {
    const name = head[i]!.toLowerCase()
    if (name.startsWith('content-') && name !== 'content-location') continue
    kept.push(head[i]!, head[i + 1]!)
  }
  return kept
}
