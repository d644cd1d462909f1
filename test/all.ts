/** `npm test`: types, lint and the tests at the same time, because each alone leaves half of the machine idle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

interface Part {
  readonly name: string
  readonly code: number
  readonly output: string
}

async function end(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'close')
  return code ?? 1
}

/** Says what it has to say at the end, below the tests. */
async function check(name: string): Promise<Part> {
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [code, ...output] = await Promise.all([end(child), text(child.stdout), text(child.stderr)])
  return { name, code, output: output.join('') }
}

async function tests(): Promise<Part> {
  const code = await end(
    spawn('npm', ['run', '--silent', 'test:only', '--', ...process.argv.slice(2)], { stdio: 'inherit' }),
  )
  return { name: 'tests', code, output: '' }
}

const parts = await Promise.all([tests(), check('types'), check('lint')])
for (const { name, code, output } of parts) console.log(`${output}${name}: ${code === 0 ? 'fine' : 'FAILED'}`)
process.exitCode = parts.some(({ code }) => code !== 0) ? 1 : 0
