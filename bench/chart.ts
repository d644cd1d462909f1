/** Line charts as SVG, one panel per question, both axes logarithmic: a cost that does not grow is a level line. */

export interface Panel {
  readonly title: string
  readonly x: string
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[]
}

const width = 420
const height = 260
const margin = { left: 58, right: 16, top: 46, bottom: 42 }
const colours = ['#1f6feb', '#d1242f', '#1a7f37', '#8250df']

export function chart(panels: readonly Panel[]): string {
  const columns = 2
  const rows = Math.ceil(panels.length / columns)
  const all = panels.map((panel, i) => {
    const at = `translate(${(i % columns) * width} ${Math.floor(i / columns) * height})`
    return `<g transform="${at}">${panelOf(panel)}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${columns * width}" height="${rows * height}" font-family="sans-serif" font-size="11">
<title>How cost grows</title>
<rect width="100%" height="100%" fill="white"/>
${all.join('\n')}
</svg>
`
}

function panelOf({ title, x, lines }: Panel): string {
  const points = lines.flatMap((line) => line.points)
  const xs = axis(points.map(([at]) => at))
  const ys = axis(points.map(([, value]) => value))
  const px = (value: number) => margin.left + xs.share(value) * (width - margin.left - margin.right)
  const py = (value: number) => height - margin.bottom - ys.share(value) * (height - margin.top - margin.bottom)
  const grid = [
    ...ys.ticks.map((tick) => {
      const y = py(tick).toFixed(1)
      return `<path d="M${margin.left} ${y}H${width - margin.right}" stroke="#ddd"/><text x="${margin.left - 6}" y="${y}" dy="4" text-anchor="end">${short(tick)}</text>`
    }),
    ...xs.ticks.map((tick) => {
      return `<text x="${px(tick).toFixed(1)}" y="${height - margin.bottom + 16}" text-anchor="middle">${short(tick)}</text>`
    }),
  ]
  const drawn = lines.map(({ name, points: own }, i) => {
    const colour = colours[i % colours.length]!
    const path = own
      .map(([at, value], j) => `${j === 0 ? 'M' : 'L'}${px(at).toFixed(1)} ${py(value).toFixed(1)}`)
      .join('')
    const dots = own.map(
      ([at, value]) => `<circle cx="${px(at).toFixed(1)}" cy="${py(value).toFixed(1)}" r="2.5" fill="${colour}"/>`,
    )
    const legend = `<text x="${margin.left + i * 115}" y="36" fill="${colour}">${name}</text>`
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${legend}`
  })
  return `<text x="${margin.left}" y="20" font-weight="bold">${title}</text>${grid.join('')}${drawn.join('')}<text x="${(margin.left + width - margin.right) / 2}" y="${height - 8}" text-anchor="middle">${x}</text>`
}

function axis(values: readonly number[]) {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return { ticks, share: (value: number) => (Math.log10(value) - low) / (high - low) }
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1e3 ? `${value / 1e3}k` : String(Number(value.toPrecision(1)))
}
