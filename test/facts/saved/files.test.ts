// Files without their secrets are read as the originals are.
import { describe, expect, it } from 'vitest'
import { redactConf, redactHba } from '../../../src/facts/saved/files.ts'
import { parseConf } from '../../../src/postgres/conf/index.ts'
import { parseHba, traps } from '../../../src/postgres/hba/index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (from: Uint8Array) => new TextDecoder().decode(from)

describe('postgresql.conf', () => {
  const CONF = [
    "archive_mode = on  # hunter2 is no secret here", "primary_conninfo = 'host=a password=''hunter2 x'' port=5432'", 'my.secret hunter2', "#ssl_passphrase = 'hunter2'",
    "include 'more.conf'", "archive_command = 'AWS_SECRET_ACCESS_KEY=hunter2 push %p' # token = hunter2", 'broken = = password=hunter2', "x.y = 'a''b\\\\c'", 'last = 1',
  ].join('\r\n')

  it('loses the secrets and nothing else', () => {
    const safe = redactConf(bytes(CONF))
    expect(text(safe).replace('# hunter2 is no secret here', '')).not.toContain('hunter2')
    const [before, after] = [parseConf(bytes(CONF)), parseConf(safe)]
    const shape = ({ entries, errors }: typeof before) => [entries.map(({ kind, name, line }) => [kind, name, line]), errors.map(({ line }) => line)]
    expect(shape(after)).toEqual(shape(before))
    const value = (name: string) => after.entries.find((entry) => entry.name === name)?.value
    expect(value('archive_mode')).toBe('on')
    expect(value('x.y')).toBe('a\'b\\c')
    expect(value('archive_command')).toBe('AWS_SECRET_ACCESS_KEY=•••• push %p')
  })

  it('leaves a file without secrets as it is, byte for byte, whatever its encoding', () => {
    const odd = Uint8Array.from([...bytes("a = 'x'\r\n# caf"), 0xE9, ...bytes('\n\nb=1 # \t')])
    expect([...redactConf(odd)]).toEqual([...odd])
  })
})

describe('pg_hba.conf', () => {
  const line = (options: string) => `host all all 10.0.0.0/8 ldap ldapserver=x ${options} ldapbasedn="dc=a b"`
  it.each([
    ['plain', line('ldapbindpasswd=hunter2')],
    ['quoted value', line('ldapbindpasswd="hunter2 hunter2, hunter2#"')],
    ['quoted word', line('"ldapbindpasswd=hunter2 hunter2"')],
    ['quotes in the middle', line('ldapbindpasswd=hun"ter2 hunter2"hunter2')],
    ['continued', line('ldapbindpasswd="hunter2\\\nhunter2"')],
    ['lists', 'host all all 10.0.0.0/8 radius radiusservers="1.1.1.1,2.2.2.2" radiussecrets="hunter2,hunter2" # radiussecrets=hunter2'],
    ['comment and CRLF', '# ldapbindpasswd=hunter2\r\nhost all all all trust\r\n# password = hunter2 \\\nhost all all all reject\n'],
    ['at the end of a line, CRLF', 'host all all 10.0.0.0/8 ldap ldapserver=x ldapbasedn=y ldapbindpasswd=hunter2\r\nlocal all all peer\r\n'],
  ])('%s', (_what, source) => {
    const safe = redactHba(bytes(source))
    expect(text(safe)).not.toContain('hunter2')
    const read = (from: Uint8Array) => {
      const hba = parseHba(from, { major: 17 })
      return {
        rules: hba.rules.map(({ line, type, method, options }) => [line, type, method, options.map((option) => option.split('=')[0])]),
        errors: hba.errors.map(({ line, message }) => [line, message]),
        traps: traps(hba).map(({ code, line }) => [code, line]),
      }
    }
    expect(read(safe)).toEqual(read(bytes(source)))
    expect([...redactHba(safe)]).toEqual([...safe])
  })

  it('leaves a file without secrets as it is, byte for byte', () => {
    const odd = Uint8Array.from([...bytes('\uFEFFlocal all "a b" peer \\\n\\ \n# caf'), 0xE9, ...bytes('\r\nhost all all 10/8 password\n')])
    expect([...redactHba(odd)]).toEqual([...odd])
  })
})
