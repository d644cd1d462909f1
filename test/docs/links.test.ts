import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pages, readPage } from './pages.ts'

/** As GitHub names the anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-')
}

describe('every link in the documentation', () => {
  test.for(pages)('of %s leads somewhere', (page) => {
    const text = readPage(page).replaceAll(/^```[\s\S]*?^```$/gm, '')
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((to) => !/^[a-z]+:/.test(to))

    const dead = links.filter((to) => {
      const [path = '', anchor] = to.split('#')
      const target = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(target)) return true
      const headings = anchor === undefined ? [] : [...readPage(target).matchAll(/^#+ (.+)$/gm)]
      return anchor !== undefined && !headings.some((match) => anchorOf(match[1]!) === anchor)
    })

    expect(dead).toEqual([])
  })
})
