import { describe, expect, it } from 'vitest'
import { styleOf } from '../../src/terminal/style.ts'

const terminal = { isTTY: true, columns: 90 }
const style = (env: Record<string, string>, stream: { isTTY?: boolean; columns?: number } = terminal, more: object = {}) => styleOf({ env, stream, locale: 'en', ...more })

describe('colour', () => {
  it.each([
    ['a terminal', {}, terminal, {}, 1],
    ['a pipe', {}, {}, {}, 0],
    ['NO_COLOR', { NO_COLOR: '1' }, terminal, {}, 0],
    ['an empty NO_COLOR, which does not count', { NO_COLOR: '' }, terminal, {}, 1],
    ['--no-color', {}, terminal, { colour: false }, 0],
    ['a dumb terminal', { TERM: 'dumb' }, terminal, {}, 0],
    ['FORCE_COLOR into a pipe', { FORCE_COLOR: '1' }, {}, {}, 1],
    ['FORCE_COLOR=3', { FORCE_COLOR: '3' }, {}, {}, 3],
    ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, terminal, {}, 0],
    ['NO_COLOR against FORCE_COLOR', { NO_COLOR: '1', FORCE_COLOR: '1' }, terminal, {}, 0],
    ['--no-color against FORCE_COLOR', { FORCE_COLOR: '1' }, terminal, { colour: false }, 0],
  ])('%s', (_case, env, stream, more, level) => {
    expect(style(env as Record<string, string>, stream, more).colour).toBe(level)
  })
})

describe('symbols', () => {
  it.each([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'C.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{}, false],
    [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
    [{ LC_ALL: '', LC_CTYPE: 'UTF-8' }, true],
    [{ LANG: 'en_US.UTF-8', TERM: 'linux' }, false],
    [{ OS: 'Windows_NT' }, false],
    [{ OS: 'Windows_NT', WT_SESSION: 'x' }, true],
  ])('%j', (env, unicode) => {
    expect(style(env as Record<string, string>).unicode).toBe(unicode)
  })

  it('are there for Chinese, which needs them anyway', () => {
    expect(styleOf({ env: { LANG: 'C' }, stream: terminal, locale: 'zh-TW' })).toMatchObject({ unicode: true, locale: 'zh-TW' })
  })
})

describe('width', () => {
  it.each([[90, 90], [300, 100], [10, 40], [0, 80], [undefined, 80]])('%s columns give %s', (columns, width) => {
    expect(style({}, { isTTY: true, ...(columns === undefined ? {} : { columns }) }).width).toBe(width)
  })
  it('is 80 into a pipe', () => {
    expect(style({}, { columns: 90 }).width).toBe(80)
  })
})
