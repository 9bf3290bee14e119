import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { columns, PLAIN } from '../../src/report/style.ts'
import { ProgressLine } from '../../src/terminal/progress.ts'

/** A terminal line: what is left of it after carriage returns and erasures. */
class Screen {
  readonly writes: string[] = []
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.writes.push(text)
  }
  get line(): string {
    return this.writes.join('').split('\r\u001b[2K').at(-1)!
  }
}

let now = 0
const pass = (ms: number) => {
  for (let left = ms; left > 0; left -= 100) {
    now += 100
    vi.advanceTimersByTime(100)
  }
}
const start = (screen: Screen, style = PLAIN, quiet = false) => new ProgressLine(screen, style, { quiet, now: () => now })

beforeEach(() => {
  now = 0
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('on a terminal', () => {
  it('shows what is waited for and for how long, and goes away', () => {
    const screen = new Screen(true)
    const work = start(screen).start('restarting 15/main')
    pass(200)
    expect(screen.writes).toEqual([])
    pass(300)
    expect(screen.line).toMatch(/^. restarting 15\/main$/)
    pass(2000)
    expect(screen.line).toMatch(/^. restarting 15\/main 2 s$/)
    work.update('waiting until it accepts connections')
    pass(100)
    expect(screen.line).toContain('waiting until it accepts connections 2 s')
    work.done()
    expect(screen.line).toBe('')
    const { length } = screen.writes
    pass(1000)
    work.done()
    expect(screen.writes).toHaveLength(length)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('shows the innermost work, then the outer one again', () => {
    const screen = new Screen(true)
    const line = start(screen)
    const outer = line.start('outer')
    const inner = line.start('inner')
    pass(500)
    expect(screen.line).toContain('inner')
    inner.done()
    pass(100)
    expect(screen.line).toContain('outer')
    outer.done()
    expect(screen.line).toBe('')
  })

  it('never fills the line, in either language', () => {
    for (const label of ['x'.repeat(200), '正在等待'.repeat(40)]) {
      const screen = new Screen(true)
      const line = start(screen, { ...PLAIN, width: 40, locale: 'zh-TW' })
      line.start(label)
      pass(12_000)
      expect(columns(screen.line)).toBeLessThan(40)
      expect(screen.line).toMatch(/… 1[12] 秒$/)
      line.stop()
      expect(screen.line).toBe('')
    }
  })

  it('has ASCII frames where there is nothing else', () => {
    const screen = new Screen(true)
    const line = start(screen, { ...PLAIN, unicode: false })
    line.start('x'.repeat(100))
    pass(1000)
    expect(screen.writes.join('')).toMatch(/^[\u0000-\u007f]*$/)
    line.stop()
  })
})

describe('elsewhere', () => {
  it('writes a plain line for what takes over a second, and again after half a minute', () => {
    const screen = new Screen(false)
    const work = start(screen).start('waiting')
    pass(900)
    expect(screen.writes).toEqual([])
    pass(200)
    expect(screen.writes).toEqual(['waiting (1 s)\n'])
    pass(25_000)
    expect(screen.writes).toHaveLength(1)
    pass(6_000)
    expect(screen.writes).toEqual(['waiting (1 s)\n', 'waiting (31 s)\n'])
    work.done()
    pass(60_000)
    expect(screen.writes).toHaveLength(2)
  })

  it('is silent with quiet', () => {
    const screen = new Screen(false)
    start(screen, PLAIN, true).start('waiting')
    pass(60_000)
    expect(screen.writes).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})
