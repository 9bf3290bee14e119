import { describe, expect, it } from 'vitest'
import { en } from '../../src/messages/en.ts'
import { errorTexts } from '../../src/messages/errors.ts'
import { chooseLocale, fill, fills } from '../../src/messages/locale.ts'
import { messages, wordsFor } from '../../src/messages/messages.ts'
import { zhTW } from '../../src/messages/zh-tw.ts'

/** Every text of a catalogue with the path to it. */
function texts(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]]
  return Object.entries(value as object).flatMap(([name, inner]) => texts(inner, path === '' ? name : `${path}.${name}`))
}

function names(template: string): string[] {
  return [...new Set([...template.matchAll(/\{(\w+)[|}]/g)].map(([, name]) => name!))].sort()
}

const english = new Map(texts(en))
const chinese = texts(zhTW)
const errors = Object.entries(errorTexts).flatMap(([code, text]) => [
  [`${code}.message`, text.en.message, text['zh-TW'].message],
  [`${code}.remedy`, text.en.remedy, text['zh-TW'].remedy],
] as const)
const allChinese: (readonly [string, string])[] = [...chinese, ...errors.map(([path, , text]) => [path, text] as const)]

describe('the two catalogues', () => {
  it('have the same keys, also where the type leaves them open', () => {
    expect(chinese.map(([path]) => path).sort()).toEqual([...english.keys()].sort())
  })

  it.each(chinese)('%s uses no name that the English one does not have', (path, text) => {
    const given = names(english.get(path)!)
    for (const name of names(text)) expect(given).toContain(name)
    // A count may go unsaid in Chinese where English only chooses a word by it.
    const said = given.filter((name) => english.get(path)!.includes(`{${name}}`))
    expect(names(text)).toEqual(expect.arrayContaining(said))
  })

  it.each(errors)('error %s uses the same names in both', (_path, one, other) => {
    expect(names(other)).toEqual(names(one))
  })
})

describe('the Chinese', () => {
  it.each(allChinese)('%s has full-width punctuation, and a blank between Chinese and Latin', (_path, text) => {
    expect(text).not.toMatch(/\p{Script=Han}[,;:!?()]/u)
    expect(text).not.toMatch(/[,;:!?()]\p{Script=Han}/u)
    expect(text).not.toMatch(/\p{Script=Han}[A-Za-z0-9]|[A-Za-z0-9]\p{Script=Han}/u)
  })

  it.each(allChinese)('%s says it as Taiwan does', (_path, text) => {
    expect(text).not.toMatch(/归|档|设|务|启|运行|文件|服务器|端口|数据|信息|默認|配置|集群|日志|目录|復制|还原|執行緒|歸文/)
  })
})

describe('fill', () => {
  it('fills names, chooses words by a number, and leaves what it was not given', () => {
    expect(fill('{count} {count|file|files} in {path}, {unknown}', { count: 1, path: '/x' })).toBe('1 file in /x, {unknown}')
    expect(fill('{count} {count|file|files}', { count: 0 })).toBe('0 files')
    expect(fill('{constructor} {n|a|b}', {})).toBe('{constructor} {n|a|b}')
  })

  it('takes a value as it is, also one that looks like a template or a replacement pattern', () => {
    expect(fill('{a} {b}', { a: '{b}$&$1', b: true })).toBe('{b}$&$1 true')
  })

  it('knows whether everything is given', () => {
    expect(fills('{a} {n|x|y}', { a: 1, n: 2 })).toBe(true)
    expect(fills('{a} {n|x|y}', { a: 1 })).toBe(false)
    expect(fills('archive_command holds %p', {})).toBe(true)
  })
})

describe('the language', () => {
  it.each([
    ['zh-TW', {}, 'zh-TW'],
    [undefined, { LANG: 'zh_TW.UTF-8' }, 'zh-TW'],
    [undefined, { LANG: 'zh_HK.Big5' }, 'zh-TW'],
    [undefined, { LC_ALL: 'C', LANG: 'zh_TW.UTF-8' }, 'en'],
    [undefined, { LC_ALL: '', LC_MESSAGES: 'zh_Hant_TW', LANG: 'C' }, 'zh-TW'],
    [undefined, { LANG: 'zh_CN.UTF-8' }, 'en'],
    ['en', { LANG: 'zh_TW.UTF-8' }, 'en'],
    [undefined, {}, 'en'],
  ] as const)('%s with %j is %s', (asked, env, locale) => {
    expect(chooseLocale(asked, env)).toBe(locale)
  })

  it('finds words by a code from outside, and nothing of the prototype', () => {
    expect(wordsFor(messages('zh-TW').reasons, 'server-down')).toEqual(['伺服器未執行'])
    expect(wordsFor(messages('en').reasons, 'constructor')).toBeUndefined()
  })
})
