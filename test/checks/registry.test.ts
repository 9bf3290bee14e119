// Every check and every fact is listed, tested and documented.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checks } from '../../src/checks/index.ts'
import { facts } from '../../src/facts/index.ts'
import { LOCALES } from '../../src/messages/locale.ts'
import { probes } from '../../src/probes/index.ts'
import { wordsOn } from '../../src/report/words.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

async function names(folder: string): Promise<string[]> {
  return (await fs.readdir(path.join(ROOT, folder), { withFileTypes: true })).filter((entry) => entry.isFile() && entry.name.endsWith('.ts')).map(({ name }) => name.slice(0, -3)).sort()
}

describe('checks', () => {
  it('the registry is the folder, sorted', async () => {
    const files = (await names('src/checks')).filter((name) => name !== 'check' && name !== 'index')
    expect(checks.map(({ id }) => id)).toEqual(files)
  })

  it.each(checks.map((check) => [check.id, check] as const))('%s has a test, a page, a source and words', async (id, check) => {
    await fs.access(path.join(ROOT, `test/checks/${id}.test.ts`))
    await fs.access(path.join(ROOT, `docs/checks/${id}.md`))
    if (!check.source.startsWith('https://')) await fs.access(path.join(ROOT, check.source))
    const codes = LOCALES.map((locale) => Object.keys(check.text[locale].findings).sort())
    expect(codes[1]).toEqual(codes[0])
    for (const locale of LOCALES) {
      for (const text of [check.text[locale].title, check.text[locale].about, ...Object.values(check.text[locale].findings).flatMap((finding) => Object.values(finding as object))]) expect(text).toBeTruthy()
    }
  })

  // What these look at is there on Linux alone.
  const ELSEWHERE = ['archive-apparmor', 'archive-selinux', 'archive-space/few-inodes', 'archive-directory/foreign-owner', 'archive-directory/not-writable', 'archive-directory/open-to-all', 'archive-directory/network', 'archive-directory/object-store', 'archiver-failures/system-call-blocked', 'pgbackrest', 'remove-ipc', 'replication-login/password-file-open', 'service-sandbox']
  it.each([...checks, ...probes].map((check) => [check.id, check] as const))('%s names no program on Windows that is not there', (id, check) => {
    const [there] = wordsOn([check], { platform: 'windows' })
    for (const locale of LOCALES) {
      const told = Object.entries(there!.text[locale].findings).filter(([code]) => !ELSEWHERE.includes(id) && !ELSEWHERE.includes(`${id}/${code}`))
      for (const [code, { remedy }] of told) expect(remedy, code).not.toMatch(/\b(?:sudo|chmod|chown|df|dmesg|findmnt|mv|touch|ps -|quota -|systemctl|umount|kill)\b|~\/|\/etc\//)
    }
  })

  it.each([...checks, ...probes].map((check) => [check.id, check] as const))('%s names the same parameters in both languages', (_id, check) => {
    const parameters = (texts: object) => [...new Set(Object.values(texts).flatMap((template: string) => [...template.matchAll(/\{(\w+)/g)].map(([, name]) => name)))].sort()
    for (const [code, words] of Object.entries(check.text.en.findings)) expect(parameters(check.text['zh-TW'].findings[code]!), code).toEqual(parameters(words))
  })
})

it('docs/checks is what the checks say now', () => {
  expect(() => execFileSync(process.execPath, [path.join(ROOT, 'scripts/generate-docs.mjs'), '--check'], { encoding: 'utf8', stdio: 'pipe' })).not.toThrow()
})

describe('facts', () => {
  it('the registry holds every fact of the folder, sorted by name', async () => {
    const inFiles: string[] = []
    for (const name of await names('src/facts')) {
      const found = /: Fact<[^]*?> = \{\s+name: '([\w-]+)'/.exec(await fs.readFile(path.join(ROOT, `src/facts/${name}.ts`), 'utf8'))?.[1]
      if (found === undefined) continue
      expect(found).toBe(name)
      inFiles.push(found)
    }
    expect(facts.map(({ name }) => name)).toEqual(inFiles)
  })

  it.each(facts.map(({ name }) => [name]))('%s is tested and documented', async (name) => {
    const tests = await Promise.all((await names('test/facts')).map((file) => fs.readFile(path.join(ROOT, `test/facts/${file}.ts`), 'utf8')))
    expect(tests.some((text) => text.includes(`facts/${name}.ts'`))).toBe(true)
    expect(await fs.readFile(path.join(ROOT, 'docs/writing-a-check.md'), 'utf8')).toContain(`\`${name}\``)
  })
})
