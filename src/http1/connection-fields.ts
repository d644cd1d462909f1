/** Header fields that belong to one connection and are never forwarded (RFC 9110 §7.6.1). */

/** Dropped in both directions, whoever names them; framing among them, which each side does for itself. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
