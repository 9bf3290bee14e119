// What needs no server: nothing is lost in reading, insertion by named cases, every trap by name.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteString, fromByteString, toByteString } from '../../../src/postgres/hba/bytes.ts'
import { HBA_TRAPS, decide, insertReplicationRules, parseHba, PHYSICAL_REPLICATION, printHba, rereadHba, traps, type HbaFile, type HbaTrapCode, type ReplicationInsertion, type ReplicationWish } from '../../../src/postgres/hba/index.ts'
import { trees } from './generate.ts'

const read = (text: string, major = 17): HbaFile => parseHba(fromByteString(text), { major })
const readTree = (files: Record<string, string>, major = 17): HbaFile => rereadHba(
  { files: new Map(Object.entries(files).map(([name, text]) => [`/${name}`, fromByteString(text)])), directories: new Map() }, { hbaFile: '/pg_hba.conf', major })

describe('nothing is lost', () => {
  it('arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(12, 13, 14, 15, 16, 17, 18), (bytes, major) => {
      expect(printHba(parseHba(bytes, { major }).files[0]!)).toEqual(bytes)
    }), { numRuns: 3000, seed: 1 })
  })
  it('files that look like pg_hba.conf', () => {
    fc.assert(fc.property(trees, fc.constantFrom(12, 14, 16), (tree, major) => {
      const bytes = fromByteString(tree['pg_hba.conf']!)
      expect(printHba(parseHba(bytes, { major }).files[0]!)).toEqual(bytes)
    }), { numRuns: 1000, seed: 1 })
  })
})

const WISH: ReplicationWish = { user: 'repl', addresses: ['10.0.0.0/8'], method: 'scram-sha-256' }
const plan = (text: string, wish: Partial<ReplicationWish> = {}, major = 17): ReplicationInsertion => insertReplicationRules(read(text, major), { ...WISH, ...wish })
const written = (text: string, wish: Partial<ReplicationWish> = {}, major = 17): string => {
  const planned = plan(text, wish, major)
  if (planned.kind !== 'insert') throw new Error(JSON.stringify(planned))
  expect(planned.edits).toHaveLength(1)
  return toByteString(planned.edits[0]!.after)
}
const NEW = 'host    replication     repl            10.0.0.0/8              scram-sha-256'
const A = 'local all all trust'

describe('insertion', () => {
  it.each([
    ['at the end', `${A}\n`, `${A}\n${NEW}\n`],
    ['at the end without a newline', A, `${A}\n${NEW}\n`],
    ['with the file’s own line ends', `${A}\r\n# c\r\n`, `${A}\r\n# c\r\n${NEW}\r\n`],
    ['into a file without rules', '# nothing\n', `# nothing\n${NEW}\n`],
    ['into an empty file', '', `${NEW}\n`],
    ['behind a comment that would swallow it', `${A}\n# c \\`, `${A}\n# c \\\n\n${NEW}\n`],
    ['behind a comment that would swallow it, with a newline', `${A}\n# c \\\n`, `${A}\n# c \\\n\n${NEW}\n`],
    ['behind a rule that would swallow it', `${A} \\\r\n`, `${A} \\\r\n\r\n${NEW}\r\n`],
    ['above a last line that rejects everybody', `${A}\nhost all,replication all all reject\n`, `${A}\n${NEW}\nhost all,replication all all reject\n`],
    ['not above a last line that does not concern replication', `${A}\nhost all all all reject\n`, `${A}\nhost all all all reject\n${NEW}\n`],
    ['above a rule of several lines', `${A}\nhost replication \\\n all all \\\n reject\n`, `${A}\n${NEW}\nhost replication \\\n all all \\\n reject\n`],
    ['above the reject of its own family', `${A}\nhost replication all ::/0 reject\nhost replication all 0.0.0.0/0 reject\n`, `${A}\nhost replication all ::/0 reject\n${NEW}\nhost replication all 0.0.0.0/0 reject\n`],
    ['below a rule that serves a part', `host replication repl 10.1.0.0/16 md5\nhost replication all all reject\n`, `host replication repl 10.1.0.0/16 md5\n${NEW}\nhost replication all all reject\n`],
    ['bytes of any encoding stay', `# caf\xe9\n${A}`, `# caf\xe9\n${A}\n${NEW}\n`],
  ])('%s', (_, before, after) => {
    expect(written(before)).toBe(after)
    const again = parseHba(fromByteString(after), { major: 17 })
    expect(insertReplicationRules(again, WISH).kind).toBe('nothing')
    for (const tls of [false, true]) expect(decide(again, { user: 'repl', database: PHYSICAL_REPLICATION, address: '10.9.9.9', tls }).method).not.toBe('reject')
  })

  it('on 12 and 13 a backslash swallows nothing', () => {
    expect(written(`${A}\n# c \\\n`, {}, 13)).toBe(`${A}\n# c \\\n${NEW}\n`)
  })

  it.each([
    ['served by a wider rule', 'host replication all all md5\n'],
    ['served with TLS and without', 'hostssl replication repl 10.0.0.0/8 cert\nhostnossl replication repl 10.0.0.0/8 md5\n'],
    ['served in two halves', 'host replication repl 10.0.0.0/9 md5\nhost replication repl 10.128.0.0/9 trust\nhost replication all all reject\n'],
    ['served before it is rejected', 'host replication repl 10.0.0.0/8 md5\nhost replication repl 10.0.0.0/8 reject\n'],
  ])('nothing is written: %s', (_, text) => {
    expect(plan(text)).toMatchObject({ kind: 'nothing', because: 'already-served' })
  })

  it('hostssl alone does not serve who comes without TLS, and serves who wishes for TLS', () => {
    expect(plan('hostssl replication repl 10.0.0.0/8 md5\n').kind).toBe('insert')
    expect(plan('hostssl replication repl 10.0.0.0/8 md5\n', { type: 'hostssl' }).kind).toBe('nothing')
  })

  it.each([
    ['the user', 'host replication repl all reject\n'],
    ['a network in it', `host replication all 10.1.0.0/16 reject\n`],
    ['a network around it', `host replication all 10.0.0.0/7 reject\n`],
    ['connections without TLS', 'hostnossl replication all all reject\n'],
  ])('a reject on purpose is reported: %s', (_, text) => {
    expect(plan(text)).toMatchObject({ kind: 'refused', because: { code: 'rejected-on-purpose', rule: { line: 1 } } })
    expect(written(text, { overrideRejects: true })).toBe(`${NEW}\n${text}`)
  })

  it('what may reject is reported with what it depends on', () => {
    expect(plan('host replication +g all reject\n')).toMatchObject({ kind: 'refused', because: { code: 'unknown', on: [{ kind: 'membership', user: 'repl', role: 'g' }] } })
    expect(insertReplicationRules(read('host replication +g all reject\n'), WISH, { memberOf: () => false }).kind).toBe('insert')
    expect(plan('host replication repl bad.example.org reject\n')).toMatchObject({ kind: 'refused', because: { code: 'unknown', on: [{ kind: 'host-name' }] } })
    expect(plan('host replication repl samenet reject\n')).toMatchObject({ kind: 'refused', because: { code: 'unknown', on: [{ kind: 'interfaces' }] } })
    expect(plan('host replication repl 10.0.0.1 255.0.0.255 reject\n')).toMatchObject({ kind: 'refused', because: { code: 'unknown', on: [], rule: { line: 1 } } })
    expect(plan('host replication /(a)\\1 all reject\n')).toMatchObject({ kind: 'refused', because: { code: 'unknown', on: [{ kind: 'regex' }] } })
  })

  it('a file with errors is left alone', () => {
    expect(plan(`${A}\nnonsense\n`)).toEqual({ kind: 'refused', because: { code: 'does-not-load' } })
  })

  it('wishes that cannot be written', () => {
    for (const wish of [{ user: '' }, { user: 'a\nb' }, { method: 'reject' }, { method: 'nonsense' }, { addresses: ['10/8'] }, { addresses: ['host.example.org'] }, { addresses: ['10.0.0.0/33'] }]) {
      expect(plan(`${A}\n`, wish), JSON.stringify(wish)).toMatchObject({ kind: 'refused', because: { code: 'bad-wish' } })
    }
    expect(plan(`${A}\n`, { method: 'peer' })).toMatchObject({ kind: 'refused', because: { code: 'no-proof' } })
  })

  it.each([['all', '"all"'], ['+g', '"+g"'], ['my user', '"my user"'], ['a"b', '"a""b"'], ['caf\u00e9', byteString('caf\u00e9')], ['@x', '"@x"'], ['a,b', '"a,b"'], ['a#b', '"a#b"'], ['ALL', '"ALL"'], ['back\\', '"back\\"']])('writes the role %s so that it means that role', (user, token) => {
    for (const major of [12, 15, 18]) {
      expect(written(`${A}\n`, { user }, major)).toContain(`replication     ${token} `)
      const { rules } = parseHba(fromByteString(written(`${A}\n`, { user }, major)), { major })
      expect(decide({ ...read(''), rules }, { user, database: PHYSICAL_REPLICATION, address: '10.0.0.1' }).rule?.index).toBe(1)
      expect(decide({ ...read(''), rules }, { user: 'someone', database: PHYSICAL_REPLICATION, address: '10.0.0.1' }).rule).toBeNull()
    }
  })

  it('a role whose name begins with a slash becomes a pattern for exactly it from 16 on', () => {
    for (const [major, decides] of [[15, ['/a.b']], [16, ['/a.b']]] as const) {
      const hba = read(written(`${A}\n`, { user: '/a.b' }, major), major)
      expect(['/a.b', '/axb', 'x/a.b', '/a.bx', 'a.b'].filter((user) => decide(hba, { user, database: PHYSICAL_REPLICATION, address: '10.0.0.1' }).rule !== null)).toEqual(decides)
    }
  })

  it('goes into the included file that holds the reject, or to the end of the main file', () => {
    const rejecting = readTree({ 'pg_hba.conf': 'include a\n', a: `${A}\nhost replication all all reject\n` })
    expect(insertReplicationRules(rejecting, WISH)).toMatchObject({ kind: 'insert', edits: [{ path: '/a', inserted: [{ beforeLine: 2, text: NEW }] }] })
    const plain = readTree({ 'pg_hba.conf': `include a`, a: `${A}\n` })
    const planned = insertReplicationRules(plain, WISH)
    expect(planned.kind === 'insert' && planned.edits.map((one) => [one.path, toByteString(one.after)])).toEqual([['/pg_hba.conf', `include a\n${NEW}\n`]])
  })

  it('several addresses go each to its own place, in their order', () => {
    expect(written(`${A}\nhost replication all 0.0.0.0/0 reject\n`, { addresses: ['local', '127.0.0.1/32', '10.0.0.0/8', '::1'] })).toBe([
      A, 'host    replication     repl            127.0.0.1/32            scram-sha-256', NEW, 'host replication all 0.0.0.0/0 reject',
      'local   replication     repl                                    scram-sha-256', 'host    replication     repl            ::1/128                 scram-sha-256', ''].join('\n'))
  })

  it('the proof says who decided and who decides, part by part', () => {
    const planned = plan('host replication repl 10.0.0.0/9 md5\nhost replication all all reject\n')
    if (planned.kind !== 'insert') throw new Error(planned.kind)
    const show = (parts: typeof planned.proof.before): string[] => parts.filter((part) => !part.tls).map((part) => `${part.address} ${part.rule?.line ?? '-'} ${part.method}`)
    expect(show(planned.proof.before)).toEqual(['10.0.0.0/9 1 md5', '10.128.0.0/9 2 reject'])
    expect(show(planned.proof.after)).toEqual(['10.0.0.0/9 1 md5', '10.128.0.0/9 2 scram-sha-256'])
  })

  it('behind a zero byte, which hides the rest of its line and joins the next one to it', () => {
    expect(written(`${A}\n# \0`)).toBe(`${A}\n# \0\n\n${NEW}\n`)
    expect(written(`${A}\n# \0`, {}, 13)).toBe(`${A}\n# \0\n${NEW}\n`)
  })
})

describe('traps', () => {
  const TRAPS: Record<HbaTrapCode, [text: string, line: number, major?: number]> = {
    'comment-continuation': [`# c \\\n${A}\n${A}\n`, 2],
    'comment-continuation-later': [`# c \\\n${A}\n`, 1, 13],
    'backslash-then-blank': [`${A} x=y \\ \n${A}\n`, 1],
    'backslash-before-14': [`local all all \\\ntrust\n`, 1, 13],
    'backslash-at-end': [`${A}\n# c \\\n`, 2],
    'short-address': ['host all all 10/8 md5\n', 1],
    'octal-address': ['host all all 010.0.0.0/8 md5\n', 1],
    'host-bits': ['host all all 10.1.2.3/8 md5\n', 1],
    'mask-with-holes': ['host all all 10.0.0.0 255.0.255.0 md5\n', 1],
    'star-address': ['host all all * md5\n', 1],
    'odd-host-name': ['host all all my_host md5\n', 1],
    'address-like-name': ['host all all 10.0.0.x md5\n', 1],
    'wrong-case': ['local ALL all trust\n', 1],
    'wrong-case-error': [`${A}\nlocal all all TRUST\n`, 2],
    'quoted-keyword': ['local "all" all trust\n', 1],
    'quoted-group': ['local all "+g" trust\n', 1],
    'quoted-file': ['local "@x" all trust\n', 1],
    'star-name': ['local * all trust\n', 1],
    'regex-before-16': ['local /^a all trust\n', 1, 15],
    'include-before-16': [`${A}\ninclude x\n`, 2, 15],
    'single-quotes': [`${A}\ninclude 'x'\n`, 2],
    'include-list': [`${A}\ninclude_if_exists a,b\n`, 2],
    'include-nothing': [`${A}\ninclude d\n`, 2],
    'space-before-comma': ['local a ,b c trust\n', 1],
    'hash-in-word': ['local all joe#x trust\n', 1],
    'unterminated-quote': ['local "a b c trust\n', 1],
    'method-as-mask': ['host all all 10.0.0.1 trust\n', 1],
    'no-replication-rule': [`${A}\n`, 1],
    'hostssl-ssl-off': [`${A}\nhostssl all all all md5\n`, 2],
    'hostgssenc-not-built': [`${A}\nhostgssenc all all all md5\n`, 2],
    'md5-deprecated': ['host all all all md5\n', 1, 18],
    'clientcert-before-14': ['hostssl all all all md5 clientcert=1\n', 1, 13],
    'ident-is-peer': ['local all all ident\n', 1],
    'long-name': [`local all ${'x'.repeat(64)} trust\n`, 1],
    'byte-order-mark': [`\xef\xbb\xbf${A}\n`, 1],
    'cr-line-ends': [`# c\r${A}\r`, 1],
    'zero-byte': [`${A}\0\n`, 1],
    'invisible-character': [`local\xc2\xa0all all trust\n`, 1],
    'line-too-long': [`#${'x'.repeat(30_000)}\n`, 1, 13],
    'radius-server-name': ['host all all all radius radiusservers=r.example.org radiussecrets=x\n', 1],
    'file-circle': ['local @pg_hba.conf all trust\n', 1, 15],
  }
  const inspect = (text: string, major: number): HbaFile => rereadHba(
    { files: new Map<string, Uint8Array | { code: string }>([['/pg_hba.conf', fromByteString(text)], ['/d', { code: 'EISDIR' }]]), directories: new Map() },
    { hbaFile: '/pg_hba.conf', major, features: { ssl: false, builtWith: { gss: false } } })

  it.each(Object.keys(HBA_TRAPS) as HbaTrapCode[])('%s', (code) => {
    const [text, line, major = 17] = TRAPS[code]
    expect(traps(inspect(text, major)).filter((trap) => trap.code === code).map((trap) => trap.line)).toEqual([line])
  })

  it('the default file has none, but for the deprecation where it applies', () => {
    const text = '# TYPE  DATABASE  USER  ADDRESS  METHOD\nlocal   all             all                                     peer\nhost    all             all             127.0.0.1/32            scram-sha-256\nhost    all             all             ::1/128                 scram-sha-256\nlocal   replication     all                                     peer # c\n'
    for (const major of [12, 13, 14, 15, 16, 17, 18]) expect(traps(inspect(text, major))).toEqual([])
  })

  it('never fails, whatever the file', () => {
    fc.assert(fc.property(trees, fc.constantFrom(12, 14, 16, 18), (tree, major) => {
      for (const trap of traps(inspect(tree['pg_hba.conf']!, major))) expect(trap.line).toBeGreaterThan(0)
    }), { numRuns: 500, seed: 1 })
  })
})
