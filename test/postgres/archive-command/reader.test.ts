import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { archiveCommand, archiveScript, type Judgement, readArchiveCommand, readArchiveScript } from '../../../src/postgres/archive-command/index.ts'
import { type Account, type Ran, runAs, serverAccount } from '../../support/server.ts'
import { CMD_COMMANDS, type Row, SH_COMMANDS } from './commands.ts'

const codes = (judgement: Judgement): string[] => judgement.problems.map((problem) => problem.code).sort()

function check([command, kind, toolAndPlace, answers, problems]: Row, shell: 'sh' | 'cmd'): void {
  const read = readArchiveCommand(command, { shell, major: 15 })
  expect({
    kind: read.kind,
    toolAndPlace: [read.tool ?? '-', read.remote ? 'elsewhere' : read.destination ?? '-'].join(' '),
    answers: [read.overwrites, read.atomic, read.durable, read.propagatesFailure].join(' '),
    problems: codes(read),
  }).toEqual({ kind, toolAndPlace, answers, problems: [...problems].sort() })
}

describe('readArchiveCommand', () => {
  it.each(SH_COMMANDS)('sh: %s', (...row) => {
    check(row, 'sh')
  })

  it.each(CMD_COMMANDS)('cmd: %s', (...row) => {
    check(row, 'cmd')
  })

  it.each(['', ' ', '\n'])('%j is empty', (text) => {
    expect(readArchiveCommand(text, { shell: 'sh', major: 17 })).toMatchObject({ kind: 'empty', problems: [] })
  })

  it('says which placeholders a server does not know, and what comes of it', () => {
    const text = 'cp %p /a/%Y/%m/%f && echo 100%'
    expect(readArchiveCommand(text, { shell: 'sh', major: 15 })).toMatchObject({ badPlaceholders: ['%Y', '%m', '%'] })
    expect(codes(readArchiveCommand(text, { shell: 'sh', major: 15 }))).not.toContain('always-fails')
    expect(codes(readArchiveCommand(text, { shell: 'sh', major: 16 }))).toContain('always-fails')
    expect(readArchiveCommand('cp %p /a/%%Y/%f', { shell: 'sh', major: 16 })).toMatchObject({ badPlaceholders: [], destination: '/a/%Y' })
  })

  it('names the suffix', () => {
    expect(readArchiveCommand('zstd -q %p -o /a/%f.zst', { shell: 'sh', major: 17 })).toMatchObject({ destination: '/a', suffix: '.zst' })
    expect(readArchiveCommand('cp %p /a/%f', { shell: 'sh', major: 17 })).not.toHaveProperty('suffix')
  })

  it('does not break on anything', () => {
    const pieces = fc.constantFrom('cp', '%p', '/a/%f', ' ', ' ', ';', '&&', '||', '|', '&', '(', ')', '{', '}', 'if', 'then', 'fi', 'case', 'in', 'esac', 'for', 'do', 'done', 'while', '\n', '"', "'", '`', '$', '$(', '${', '}', '\\',
      '>', '<', '<<', 'E', '2>&1', '#', '[', ']', '[[', ']]', '!', 'test', '-f', 'function', 'f()', '^', '%', '=', 'x=1', 'exit', '0', 'sh', '-c', 'ssh', 'set', '-e', 'timeout', 'mv', 'exec', 'not', 'exist', 'else', '%%')
    fc.assert(fc.property(fc.array(pieces, { maxLength: 25 }), fc.constantFrom('sh' as const, 'cmd' as const), (words, shell) => {
      expect(readArchiveCommand(words.join(''), { shell, major: 17 }).kind).toBeTypeOf('string')
      expect(readArchiveCommand(words.join(' '), { shell, major: 17 }).kind).toBeTypeOf('string')
    }), { numRuns: 400 })
  })
})

describe('scripts', () => {
  const judge = (text: string | undefined, command = '/opt/archive.sh %p %f'): Judgement =>
    readArchiveCommand(command, { shell: 'sh', major: 17, script: (file) => file === '/opt/archive.sh' ? text : undefined })

  it('reads pgwal\'s own script, whatever the path of its archive', () => {
    for (const archiveDir of ['/a', "/it's 100% \"the\" $archive `x` \\ 歸檔"]) {
      const text = archiveScript({ archiveDir, systemIdentifier: 7_312_345_678_901_234_567n })
      expect(readArchiveScript(text)).toEqual({ archiveDir, systemIdentifier: 7_312_345_678_901_234_567n })
      expect(judge(text, archiveCommand('/opt/archive.sh'))).toEqual({
        kind: 'pgwal', tool: 'pgwal', script: '/opt/archive.sh', destination: archiveDir, remote: false, systemIdentifier: 7_312_345_678_901_234_567n,
        usesP: true, usesF: true, overwrites: 'no', atomic: 'yes', durable: 'yes', propagatesFailure: 'yes', badPlaceholders: [], problems: [],
      })
      expect(codes(judge(text, "/bin/sh '/opt/archive.sh' %p %f"))).toEqual(['exit-above-125'])
      expect(codes(judge(text, "/bin/sh '/opt/archive.sh' %p %f || true"))).toEqual(['hides-failure'])
    }
    expect(readArchiveScript('#!/bin/sh\ncp "$1" /a\n')).toBeUndefined()
  })

  it('does not judge what it cannot read', () => {
    for (const text of [undefined, '#!/usr/bin/env python3\nimport sys\n', '\u007FELF\0\0', '#!/usr/bin/perl\n']) {
      expect(judge(text)).toMatchObject({ kind: 'script', script: '/opt/archive.sh', overwrites: 'unknown', atomic: 'unknown', durable: 'unknown', propagatesFailure: 'unknown', problems: [] })
    }
  })

  it.each<[string, string, Partial<Judgement>, string[]]>([
    ['a plain copy', '#!/bin/sh\ncp "$1" "/a/$2"\n', { destination: '/a', overwrites: 'yes' }, ['not-atomic', 'not-durable', 'overwrites']],
    ['a careful one', `#!/bin/bash
set -euo pipefail
readonly SOURCE="$1"
ARCHIVE=/srv/wal
target="\${ARCHIVE}/$(basename "$1")"
if [ -e "$target" ]; then
  cmp -s "$1" "$target"   # same content: done
  exit $?
fi
cp "$1" "$target.tmp.$$"
sync "$target.tmp.$$"
mv "$target.tmp.$$" "$target"
sync "$ARCHIVE"
`, { destination: '/srv/wal', overwrites: 'no', atomic: 'yes', durable: 'yes', propagatesFailure: 'yes' }, []],
    ['one without set -e, whose last command always succeeds', 'cp "$1" /a/"$2"\necho "archived $2"\n', { propagatesFailure: 'no' }, ['hides-failure', 'not-atomic', 'not-durable', 'overwrites']],
    ['the same with set -e', 'set -e\ncp "$1" /a/"$2"\necho "archived $2"\n', { propagatesFailure: 'yes' }, ['not-atomic', 'not-durable', 'overwrites']],
    ['set -e in the first line', '#!/bin/sh -e\ncp "$1" /a/"$2"\necho ok\n', { propagatesFailure: 'yes' }, ['not-atomic', 'not-durable', 'overwrites']],
    ['errors sent away and forgotten', 'cp "$1" /a/"$2" 2>/dev/null || logger "wal failed"\nexit 0\n', { propagatesFailure: 'no' }, ['hides-failure', 'not-atomic', 'not-durable', 'overwrites']],
    ['functions', `store() {
  cp "$1" "/a/$2" || return 1
}
die() { echo "$*" >&2; exit 1; }
[ ! -f "/a/$2" ] || die exists
store "$1" "$2" || die failed
`, { overwrites: 'no', propagatesFailure: 'yes' }, ['fails-when-identical', 'not-atomic', 'not-durable']],
    ['a pipe without pipefail', 'cat "$1" | gzip > "/a/$2.gz"\n', { propagatesFailure: 'no', suffix: '.gz' }, ['not-atomic', 'not-durable', 'overwrites', 'pipe-hides-failure']],
    ['a pipe with it', 'set -o pipefail\ngzip -c "$1" | ssh backup "cat > /a/$2.gz" || exit 1\n', { propagatesFailure: 'yes', remote: true }, ['not-atomic', 'not-durable', 'overwrites']],
    ['a switch that turns it off', 'if [ -f /etc/no-archive ]; then exit 0; fi\ncp "$1" /a/"$2"\n', { destination: '/a' }, ['may-discard', 'not-atomic', 'not-durable', 'overwrites']],
    ['only one kind of file', 'case $2 in\n  *.history) cp "$1" "/a/$2" ;;\n  *) exit 0 ;;\nesac\n', {}, ['may-discard', 'not-atomic', 'not-durable', 'overwrites']],
    ['a here-document', 'cp "$1" "/a/$2" || {\n  mail -s "WAL" dba <<EOF\n$2 "failed\nEOF\n  exit 1\n}\n', { propagatesFailure: 'yes' }, ['not-atomic', 'not-durable', 'overwrites']],
    ['an archiver behind an environment', '. /etc/wal-g.env\nexport PGHOST=/run\nexec wal-g wal-push "$1"\n', { kind: 'script', tool: 'wal-g', propagatesFailure: 'yes' }, []],
    ['nothing at all', '#!/bin/sh\nexit 0\n', { kind: 'placeholder' }, ['discards']],
  ])('%s', (_what, text, expected, problems) => {
    const read = judge(text)
    expect(read).toMatchObject(expected)
    expect(codes(read)).toEqual(problems)
  })
})

/** The rows that store in /a with tools that every machine has: what is said of them must be what they do. */
describe('the same commands, run', () => {
  let account: Account
  let root: string
  beforeAll(async () => {
    account = await serverAccount()
    root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-commands-'))
    await fs.chmod(root, 0o755)
  })
  afterAll(async () => {
    await fs.rm(root, { recursive: true, force: true })
  })

  const NAME = '000000010000000000000001'
  const RUNNABLE = SH_COMMANDS.filter(([command, kind, place]) => kind === 'copy' && place.endsWith(' /a')
    && !/^case|sleep|pgbackrest|logger|cp -u|\/var\/log|flock|sudo|none-fail|mountpoint|\/b\/|\/a\/tmp|touches|sub\/\.\.|ln -s|f%$|KILL/.test(command) && !/^(?:mv|ln) %p|cp -l/.test(command))

  it('are many', () => {
    expect(RUNNABLE.length).toBeGreaterThan(50)
  })

  it.each(RUNNABLE)('%s', async (command, _kind, _place, answers) => {
    const judged = readArchiveCommand(command, { shell: 'sh', major: 15 })
    const [overwrites, , , propagates] = answers.split(' ')
    const base = await fs.mkdtemp(path.join(root, 'x'))
    const archive = path.join(base, 'a')
    const data = path.join(base, 'data')
    const target = path.join(archive, `${NAME}${judged.suffix ?? ''}`)
    await fs.mkdir(path.join(data, 'pg_wal'), { recursive: true })
    await fs.mkdir(archive)
    await fs.writeFile(path.join(data, 'pg_wal', NAME), 'the segment')
    if (process.getuid?.() === 0) for (const directory of [base, archive, data]) await fs.chown(directory, account.uid, account.gid)
    else await fs.chmod(base, 0o755)
    const text = command.replaceAll(/(?<![\w/])\/a(?=\/|$|[\s'";])/g, archive).replace(/%(.)/g, (_all, letter: string) => letter === 'p' ? `pg_wal/${NAME}` : letter === 'f' ? NAME : letter)
    const run = async (): Promise<Ran> => runAs(account, /\[\[|pipefail/.test(text) ? '/bin/bash' : '/bin/sh', ['-c', text], { cwd: data })
    const existing = async (content: string): Promise<void> => {
      for (const file of await fs.readdir(archive)) await fs.rm(path.join(archive, file), { recursive: true })
      await fs.writeFile(target, content)
      if (process.getuid?.() === 0) await fs.chown(target, account.uid, account.gid)
    }

    if (!judged.problems.some((problem) => problem.code === 'f-as-source' || problem.code === 'may-discard')) {
      const ran = await run()
      if (!/^!|else exit 0/.test(command)) expect(ran.code).toBe(/exit 200/.test(command) ? ran.code : 0)
      expect((await fs.readFile(target)).length).toBeGreaterThan(0)
    }
    await existing('something else')
    const onto = await run()
    if (!judged.problems.some((problem) => problem.code === 'f-as-source' || problem.code === 'may-discard')) {
      expect((await fs.readFile(target, 'utf8')) === 'something else').toBe(overwrites === 'no')
    }
    // cp -n and cp -i have exited with 0 and with 1, from version to version.
    if (judged.problems.some((problem) => problem.code === 'skips-existing') && !/ -[ni] |no-clobber/.test(command)) expect(onto.code).toBe(0)
    await existing('the segment')
    if (judged.problems.some((problem) => problem.code === 'fails-when-identical')) expect((await run()).code).not.toBe(0)

    if (!/mkdir/.test(command)) {
      await fs.rm(archive, { recursive: true })
      const failing = await run()
      if (propagates === 'yes') expect(failing.code).not.toBe(0)
      if (propagates === 'no' && !/&( wait)?$/.test(command) && !command.includes('|')) expect(failing.code).toBe(0)
    }
  })
})
