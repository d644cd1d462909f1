/**
 * One connection to the Redis of a config. Whoever needs Sentinel or Cluster makes another of these: every command of
 * ours touches keys of one slot.
 */
import { Redis, type RedisOptions } from 'ioredis'
import type { RedisStoreConfig } from '../config/config.ts'
import { scripts } from './scripts.ts'

/** Long enough for a TLS handshake far away; nobody waits for it. */
const CONNECT_TIMEOUT_MS = 2000
/** A frozen server never answers our end of the connection. */
const DISCONNECT_TIMEOUT_MS = 100

/** A connection that lives once: when it is lost, whoever held it makes a new one. */
export type Connect = () => Redis

export function connectTo(config: RedisStoreConfig): Connect {
  const { host, port, database, username, password, tls } = config
  const options = {
    host,
    port,
    db: database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === null
      ? {}
      : {
          tls: {
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          },
        }),
    connectionName: 'sluice',
    disableClientInfo: true,
    protocol: 2,
    lazyConnect: true,
    // Nothing waits for a connection, and nothing is sent twice: a limit would count it twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    enableReadyCheck: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    scripts,
  } satisfies RedisOptions
  return () => new Redis(options)
}
