import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columns } from '../../src/report/style.ts'
import { wrap } from '../../src/report/wrap.ts'

describe('wrap', () => {
  it('breaks at blanks and leaves a word in one piece', () => {
    expect(wrap('the log is /var/log/postgresql/postgresql-15-main.log and more', 20)).toEqual(['the log is', '/var/log/postgresql/postgresql-15-main.log', 'and more'])
  })

  it('breaks Chinese between characters, with no closing mark at the start of a line and no opening one at the end', () => {
    expect(wrap('磁碟一旦滿載，兩者都會停擺。', 12)).toEqual(['磁碟一旦滿', '載，兩者都會', '停擺。'])
    expect(wrap('無法讀取（權限不足）', 10)).toEqual(['無法讀取', '（權限不', '足）'])
  })

  it('keeps every character, and every line within the width unless a word is longer', () => {
    const word = fc.constantFrom('a', 'path/to', '歸檔', '，', '（', '）', '。', 'WAL', '設定', ' ', '😀', 'archive_mode')
    fc.assert(fc.property(fc.array(word, { maxLength: 30 }).map((words) => words.join('').replace(/ +(?=[，。）])/g, '')), fc.integer({ min: 12, max: 40 }), (text, width) => {
      const lines = wrap(text, width)
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
      for (const line of lines) {
        if (columns(line) > width) expect(wrap(line, width)).toEqual([line])
        if (line !== lines[0]) expect(line).not.toMatch(/^[，。）]/)
      }
    }))
  })
})
