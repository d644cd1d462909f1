/** Runs the parser against itself and against Node's for as many responses as asked: `node test/fuzz/response-parser.ts 1000000`. */
import fc from 'fast-check'
import { compare, VERDICTS } from '../http1/differential.ts'
import { damaged, methods, parse, responses } from '../http1/responses.ts'

const count = Number(process.argv[2] ?? 100_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
const BATCH = 10_000
const tally = new Map<string, number>()
let unexpected = 0

console.log(`${count} responses, seed ${seed}`)
for (let done = 0; done < count; done += BATCH) {
  const arbitrary = fc.tuple(fc.oneof(responses, damaged), methods, fc.array(fc.nat(400), { maxLength: 8 }))
  const samples = fc.sample(arbitrary, { numRuns: Math.min(BATCH, count - done), seed: seed + done })
  for (const [bytes, method, cuts] of samples) await check(bytes, method, cuts)
}
for (const [verdict, times] of [...tally].sort((a, b) => b[1] - a[1])) console.log(String(times).padStart(9), verdict)
process.exitCode = unexpected === 0 ? 0 : 1

async function check(bytes: Buffer, method: string, cuts: number[]): Promise<void> {
  const whole = JSON.stringify(parse(bytes, method))
  const inside = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
  if (JSON.stringify(parse(bytes, method, inside)) !== whole)
    report(`cut at ${inside} it is another response`, bytes, method)
  const verdict = await compare(bytes, method)
  tally.set(verdict, (tally.get(verdict) ?? 0) + 1)
  if (!VERDICTS.includes(verdict)) report(verdict, bytes, method)
}

function report(what: string, bytes: Buffer, method: string): void {
  unexpected++
  console.error(what, method, JSON.stringify(bytes.toString('latin1')))
}
