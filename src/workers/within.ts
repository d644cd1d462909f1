/** A bound on how long somebody is waited for. */

export class TimeoutError extends Error {}

/** Rejects with TimeoutError when it takes longer. */
export async function within<Result>(ms: number, result: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError('a worker did not answer in time')), ms)
  })
  return Promise.race([result, late]).finally(() => clearTimeout(timer))
}
