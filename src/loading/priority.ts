/** Who checks a file gives way to those who serve, as far as the system lets it: that it does not is no reason to refuse a file. */
import { writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/** The rest of the machine gets three times as much. Any lower, and a busy one would not see the new file for minutes. */
export const NICE = 5

/** Of another process, and of all that it starts later. One that is lower stays so. */
export function lowerPriority(pid: number): void {
  tolerantly(() => setPriority(pid, Math.max(NICE, getPriority(pid))))
}

/** Where memory runs out, the kernel is to end this process and not who serves. */
export function offerToEnd(): void {
  if (process.platform === 'linux') tolerantly(() => writeFileSync('/proc/self/oom_score_adj', '1000'))
}

/** A sandbox may allow none of this. */
function tolerantly(act: () => void): void {
  try {
    act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}
