/** Says which core does what: the gateway has one to itself, the loader and the origin share the other. */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

export const gatewayCore = 0
export const loaderCore = 1

/** Moves this process, and with it everything it starts unpinned, off the gateway's core. */
export function leaveGatewayCore(): void {
  if (process.platform !== 'linux') throw new Error('The benchmark reads /proc and needs Linux.')
  if (availableParallelism() < 2)
    throw new Error('The benchmark needs two cores: one for the gateway, one for the load.')
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(loaderCore), String(process.pid)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
