/** Collects a Node process's garbage through its inspector, so that the heap read next is what is really held. */
import { setTimeout as sleep } from 'node:timers/promises'

const within = 15_000

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly sessionId: string; readonly message?: string }
  readonly error?: { readonly message: string }
}

/** Runs a full collection in the main thread and every worker of the process whose inspector listens on the port. */
export async function collectGarbage(inspectorPort: number): Promise<void> {
  const targets = await fetch(`http://127.0.0.1:${inspectorPort}/json/list`, { signal: AbortSignal.timeout(within) })
  const [target] = (await targets.json()) as { webSocketDebuggerUrl: string }[]
  if (target === undefined) throw new Error('The inspector has no target.')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  const overdue = sleep(within, undefined, { ref: false }).then(() => {
    throw new Error(`The inspector did not collect garbage within ${within / 1000} s.`)
  })
  try {
    await Promise.race([collect(socket), overdue])
  } finally {
    socket.close()
  }
}

async function collect(socket: WebSocket): Promise<void> {
  const replies = new Map<number, PromiseWithResolvers<void>>()
  const workers: string[] = []
  let lastId = 0

  const settle = (message: Message) => {
    const reply = message.id === undefined ? undefined : replies.get(message.id)
    if (message.error === undefined) reply?.resolve()
    else reply?.reject(new Error(message.error.message))
  }
  const ask = (method: string, params: object, send: (text: string) => void) => {
    const id = ++lastId
    const reply = Promise.withResolvers<void>()
    replies.set(id, reply)
    send(JSON.stringify({ id, method, params }))
    return reply.promise
  }
  const toMain = (text: string) => socket.send(text)

  socket.addEventListener('message', ({ data }) => {
    const message: Message = JSON.parse(String(data))
    if (message.method === 'NodeWorker.attachedToWorker') workers.push(message.params!.sessionId)
    else if (message.method === 'NodeWorker.receivedMessageFromWorker') settle(JSON.parse(message.params!.message!))
    else settle(message)
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true })
    socket.addEventListener('error', () => reject(new Error('The inspector refused the connection.')), { once: true })
  })

  await ask('NodeWorker.enable', { waitForDebuggerOnStart: false }, toMain)
  await ask('HeapProfiler.collectGarbage', {}, toMain)
  for (const sessionId of workers) {
    await ask('HeapProfiler.collectGarbage', {}, (message) => {
      void ask('NodeWorker.sendMessageToWorker', { sessionId, message }, toMain)
    })
  }
}
