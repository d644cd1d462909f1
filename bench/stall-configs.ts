/** Large configs of three shapes, for reloads: what a file says of one route, ten thousand times. */

export interface Place {
  readonly head: string
  readonly originPort: number
}

export interface Shape {
  readonly name: string
  /** The whole file. Each revision is another config. */
  text(place: Place, routes: number, revision: number): string
  /** A path that route number `i` serves. */
  path(i: number): string
}

const path = (i: number) => `/api/service${i}/42`
const numbered = (routes: number, of: (i: number) => string) => Array.from({ length: routes }, (_, i) => of(i)).join('')

/** Another file, and the same config but for where its lines stand. */
const unchanged = ({ head, originPort }: Place, revision: number) =>
  `# revision ${revision}${'\n'.repeat((revision % 3) + 1)}${head}
plugins: [metrics]
upstreams: { origin: "http://127.0.0.1:${originPort}" }
`

const withPlugins = (place: Place, routes: number, revision: number) => `${unchanged(place, revision)}routes:
${numbered(
  routes,
  (i) => `  r${i}:
    match: GET /api/service${i}/{id}
    upstream: origin
    public: "benchmark"
    plugins:
      - rate-limit: { max: 1000000, window: 1m }
      - headers: { request: { set: { x-route: "${i}" } } }
`,
)}`

export const shapes: readonly Shape[] = [
  {
    name: 'three lines each',
    path,
    text: (place, routes, revision) => `${unchanged(place, revision)}routes:
${numbered(
  routes,
  (i) => `  r${i}:
    match: /api/service${i}/{id}
    upstream: origin
    public: "benchmark"
`,
)}`,
  },
  { name: 'six lines, with plugins', path, text: withPlugins },
  {
    name: 'the same, and one route more each time',
    path,
    text: (place, routes, revision) => `${withPlugins(place, routes, revision)}  more${revision}:
    match: /more/{id}
    upstream: "http://127.0.0.1:${place.originPort}/more"
    public: "benchmark"
`,
  },
  {
    name: 'all different, all changed',
    path,
    text: ({ head, originPort }, routes, revision) => `${head}
plugins: [metrics]
routes:
${numbered(
  routes,
  (i) => `  r${i}-${revision}:
    match: GET /api/service${i}/{id}
    upstream: "http://127.0.0.1:${originPort}/service${i}"
    public: "benchmark"
    plugins:
      - rate-limit: { max: ${1_000_000 + revision}, window: 1m }
      - headers: { request: { set: { x-route: "${i}-${revision}" } } }
`,
)}`,
  },
]
