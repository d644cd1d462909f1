/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'
import { type Case, cases } from './cases.ts'
import { runFirst } from './child.ts'

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly connections: number
  readonly cases: readonly Case[]
  readonly peers: readonly string[]
  readonly json?: string
  readonly markdown?: string
  /** Tells how far it is; not part of the result. */
  log(line: string): void
}

const defaultPeers = 'sluice,nginx,nginx-bare,haproxy,haproxy-bare,varnish,caddy,http-proxy,fastify-http-proxy'

export const usage = `npm run bench -- [options]
  --rounds N          rounds per case and peer (5)
  --seconds S         length of a round (3)
  --warmup S          load before the first round (2)
  --connections C     of the loader, for the cases with small answers (64)
  --only CASE,…       ${cases.map(({ name }) => name).join(', ')}
  --peers PEER,…      files of bench/peers, or commits: sluice@main,sluice@HEAD~1
                      (${defaultPeers})
  --json FILE         every round, as JSON
  --markdown FILE     the tables, as printed
  --realtime          before everything else on the machine (SCHED_RR; root): for a machine that is not ours alone
  --quiet             no progress`

/** Throws with a message for the user. */
export function readOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      warmup: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      only: { type: 'string' },
      peers: { type: 'string', default: defaultPeers },
      realtime: { type: 'boolean', default: false },
      json: { type: 'string' },
      markdown: { type: 'string' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.realtime) runFirst()
  return {
    rounds: wholeNumber('--rounds', values.rounds),
    seconds: wholeNumber('--seconds', values.seconds),
    warmupSeconds: wholeNumber('--warmup', values.warmup),
    connections: wholeNumber('--connections', values.connections),
    cases: values.only === undefined ? cases : values.only.split(',').map(caseNamed),
    peers: values.peers.split(','),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.markdown === undefined ? {} : { markdown: values.markdown }),
    log: values.quiet ? () => {} : (line) => process.stderr.write(`${line}\n`),
  }
}

function caseNamed(name: string): Case {
  const found = cases.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`There is no case "${name}". ${cases.map((each) => each.name).join(', ')}`)
  return found
}

/** Reads a flag's value: a whole number from 1 on. */
export function wholeNumber(flag: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${flag} takes a whole number from 1 on, not "${text}".`)
  return Number(text)
}
