import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MASK, redact, redactDeep } from '../../src/report/redact.ts'

describe('redact', () => {
  it.each([
    ["primary_conninfo = 'host=h password=hunter2 port=5'", `primary_conninfo = 'host=h password=${MASK} port=5'`],
    ["primary_conninfo = 'host=h password=hunter2'", `primary_conninfo = 'host=h password=${MASK}'`],
    ["primary_conninfo = 'host=h password=''two words'' port=5'", `primary_conninfo = 'host=h password=${MASK}`],
    ["primary_conninfo = 'password=\\'two words\\' port=5'", `primary_conninfo = 'password=${MASK}`],
    ["password='two words' host=h", `password=${MASK} host=h`],
    ["password='it\\'s' host=h", `password=${MASK} host=h`],
    ["password='no end", `password=${MASK}`],
    ['password=a\\ b host=h', `password=${MASK} host=h`],
    // libpq ends a value at ASCII white space only.
    ['password=a\u00a0b host=h', `password=${MASK} host=h`],
    ['PASSWORD = x', `PASSWORD = ${MASK}`],
    ['sslpassword=x', `sslpassword=${MASK}`],
    ['PGPASSWORD=x pg_dump -h h', `PGPASSWORD=${MASK} pg_dump -h h`],
    ["cd /x &&PGPASSWORD='a b' cp", `cd /x &&PGPASSWORD=${MASK} cp`],
    ['postgresql://u:p@ss/w@h:5/db?sslmode=require', `postgresql://u:${MASK}@h:5/db?sslmode=require`],
    ['postgresql://h/db?password=x&sslmode=require', `postgresql://h/db?password=${MASK}&sslmode=require`],
    ["CREATE ROLE r LOGIN PASSWORD 'x' REPLICATION", `CREATE ROLE r LOGIN PASSWORD ${MASK} REPLICATION`],
    ["ALTER ROLE r PASSWORD E'a\\'b'", `ALTER ROLE r PASSWORD ${MASK}`],
    ['ALTER ROLE r PASSWORD $q$a b$q$ LOGIN', `ALTER ROLE r PASSWORD ${MASK} LOGIN`],
    ['host all all ::/0 ldap ldapserver=h ldapbindpasswd="a b"', `host all all ::/0 ldap ldapserver=h ldapbindpasswd=${MASK}`],
    ['radiussecrets=x', `radiussecrets=${MASK}`],
    ['pgbackrest --repo1-cipher-pass=x archive-push %p', `pgbackrest --repo1-cipher-pass=${MASK} archive-push %p`],
    ['tool --password x --host h', `tool --password ${MASK} --host h`],
    ['AWS_SECRET_ACCESS_KEY=a/b+c aws s3 cp', `AWS_SECRET_ACCESS_KEY=${MASK} aws s3 cp`],
    ['sshpass -p x scp %p h:', `sshpass -p ${MASK} scp %p h:`],
    ['curl -u me:x https://h/', `curl -u me:${MASK} https://h/`],
    ['curl -H "Authorization: Bearer abc.def"', `curl -H "Authorization: Bearer ${MASK}"`],
    ['{"password": "x", "port": 5}', `{"password": ${MASK}, "port": 5}`],
    ['SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy', `SCRAM-SHA-256$${MASK}`],
    ['rolpassword md5d41d8cd98f00b204e9800998ecf8427e', `rolpassword md5${MASK}`],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  it.each([
    'password_encryption = scram-sha-256',
    'host replication all ::1/128 password',
    'no password: give one with ~/.pgpass',
    'pg_basebackup --no-password -h localhost',
    'archive_command = \'cp %p /mnt/secret/%f\'',
    'ssl_passphrase_command_supports_reload = off',
    'postgresql://user@host:5432/db',
    '2026-11-23 10:15:00.123 UTC [812] LOG:  database system is ready',
    '/etc/postgresql/15/main/postgresql.conf:241',
  ])('leaves %s', (text) => {
    expect(redact(text)).toBe(text)
  })

  const around = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('Z9'))
  /** Begins and ends so that it cannot be found elsewhere in the text by chance. */
  const secret = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `Z9${text}9Z`)
  const bare = secret.map((text) => text.replace(/[ \t\n\r\f\v\\]/g, '_'))
  const name = fc.constantFrom('password', 'PGPASSWORD', 'sslpassword', 'ldapbindpasswd', 'radiussecrets', 'repo1-cipher-pass', 'AWS_SECRET_ACCESS_KEY')
  const gap = fc.constantFrom('', ' ', '  ', '\t')

  it('never lets a bare value through', () => {
    fc.assert(fc.property(around, name, gap, bare, around, (before, key, blank, value, after) => {
      expect(redact(`${before} ${key}${blank}=${blank}${value} ${after}`)).not.toContain(value)
    }))
  })

  it('never lets a quoted value through, however it is quoted and whether or not the quote is closed', () => {
    const quoted = secret.chain((value) => fc.constantFrom(`'${value.replace(/['\\]/g, '\\$&')}'`, `'${value.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`, `"${value.replace(/["\\]/g, '\\$&')}"`, `'${value.replace(/['\\]/g, '')}`, `''${value}''`, `\\'${value}\\'`))
    fc.assert(fc.property(around, name, gap, quoted, around, (before, key, blank, value, after) => {
      const result = redact(`${before} ${key}${blank}=${blank}${value} ${after}`)
      expect(result).not.toContain('9Z')
    }))
  })

  it('never lets the password of a URI through', () => {
    fc.assert(fc.property(around, bare, around, (before, value, after) => {
      expect(redact(`${before} postgresql://user:${value}@host/db ${after}`)).not.toContain(value)
    }))
  })

  it('takes no endless time over hostile text', () => {
    for (const unit of ["'", 'a://b:', 'password', "password='", '--', "''", 'x=', '\\']) expect(redact(unit.repeat(5000))).toBeTypeOf('string')
  })

  it('reaches every string of a value for JSON', () => {
    expect(redactDeep({ a: ['password=x', 1, null], b: { c: 'md5d41d8cd98f00b204e9800998ecf8427e' }, d: true })).toEqual({ a: [`password=${MASK}`, 1, null], b: { c: `md5${MASK}` }, d: true })
    expect(redactDeep({ at: new Date(0) })).toEqual({ at: '1970-01-01T00:00:00.000Z' })
  })
})
