// Ends the process when its parent is gone. Plain JavaScript, as start.js, which says why.
import { workerData } from 'node:worker_threads'

const LOOK_MS = 1000

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL')
}, LOOK_MS)
