/** Routes of a file that is small, and of one that is read in a process of its own. */

export const small = 'routes:\n  a: { match: /a, respond: { status: 200, body: a }, public: "test" }\n'

/** So many that the file is large. `why` they are public: a file with another one is a change to them all. */
export function manyRoutes(why = 'test'): string {
  const route = (i: number) =>
    `  r${i}: { match: "/r${i}/{id}", respond: { status: 200, body: "${i}" }, public: "${why}" }\n`
  return Array.from({ length: 300 }, (_, i) => route(i)).join('')
}
