// Files that look like pg_hba.conf, made by the grammar and then damaged.
import fc from 'fast-check'
import { MAIN, type HbaTree } from '../../support/hba-server.ts'

const pick = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 8): fc.Arbitrary<T> => fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare })

const type = rarely(pick('local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc', 'host', 'local'), pick('HOST', 'Local', 'hostssh', 'include', '"host"', 'host,local', '', 'ho"st"', '@inc'))
/** Parts that patterns are put together from. */
export const regexParts = pick('a', 'b', 'A', '.', '*', '+', '?', '^', '$', '(', ')', '(a', ')', '[', ']', '[a-c]', '[^b]', '[a-', '{', '}', '{1}', '{2,3}', '{2,1}', '{0,1}', '|', '\\d', '\\w', '\\S', '\\', '\\m', '\\M', '\\y', '\\Y', '\\A', '\\Z', '\\1', '\\2', '\\B', '(?:', '(?i)', '(?=', '(?!', '(?<=', '(?<!', '(?#c)', '(?#', '***:', '***=', '-', '[[:alpha:]]', '[:x:]', '[[.a.]]', '[[=b=]]', '[.', ':]', ',', '0', '9', '_', '\\.', '\\x', '\\e', '\\cA', '\\0', '\\141', '\\u0061', '\xe9', '=', ':', ' ', '\\q')
const pattern = fc.array(regexParts, { maxLength: 7 }).map((parts) => `/${parts.join('')}`)
const name = fc.oneof(
  { weight: 6, arbitrary: pick('a', 'b', 'db', 'app', 'joe', 'all', 'replication', 'sameuser', 'samerole', 'postgres') },
  { weight: 3, arbitrary: pick('ALL', 'Replication', 'samegroup', '+grp', '+', '*', '"all"', '"+grp"', '"a b"', '"a,b"', '"a#b"', '""', 'a"b"c', '"a""b"', "'a'", 'caf\xc3\xa9', 'caf\xe9', '@users', '@dbs', '@none', '"@users"', '@"users"', '@d/more', '+"g h"', '0', '-', 'a-b', 'a.b', '=', 'a=b') },
  { weight: 2, arbitrary: pattern },
  { weight: 1, arbitrary: pattern.map((text) => `"${text.replaceAll('"', '""')}"`) },
)
const names = fc.oneof(
  { weight: 5, arbitrary: name },
  { weight: 2, arbitrary: fc.array(name, { minLength: 2, maxLength: 4 }).map((list) => list.join(',')) },
  { weight: 1, arbitrary: fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), pick(', ', ' ,', ',,', ',\t')).map(([list, comma]) => list.join(comma)) },
)
const octet = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 255 }).map(String) }, { weight: 1, arbitrary: pick('256', '00', '010', '08', '0x10', '0xg', '', '-1', '65536', '4294967295', '4294967296', 'x', '*') })
const v4 = fc.array(octet, { minLength: 1, maxLength: 5 }).chain((parts) => fc.constantFrom(parts, ...Array<string[]>(6).fill([...parts, '0', '0', '0', '1'].slice(0, 4)))).map((parts) => parts.join('.'))
const group = fc.oneof({ weight: 5, arbitrary: pick('0', '1', 'ffff', 'fe80', '2001', 'db8', 'A', '00ff') }, { weight: 1, arbitrary: pick('', '10000', 'g', '1.2.3.4', '0.0.0.0', '1.2.3', '%lo', '%1') })
const v6 = fc.tuple(fc.array(group, { maxLength: 8 }), pick(':', '::', ':'), fc.array(group, { maxLength: 7 }), pick('', '', '', '', '%lo', '%1', '%none', '%')).map(([head, middle, tail, zone]) => `${head.join(':')}${middle}${tail.join(':')}${zone}`)
const length = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 32 }).map(String) }, { weight: 1, arbitrary: pick('64', '128', '129', '33', '-1', '', '+8', '08', 'x', '8x') })
const mask = pick('255.0.0.0', '255.255.255.255', '0.0.0.0', '255.0.255.0', '255', 'ffff::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::', 'trust', '1.2.3.4.5')
const address = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.oneof(v4, v4, v6), length).map((parts) => parts.join('/')) },
  { weight: 2, arbitrary: fc.tuple(fc.oneof(v4, v6), mask).map((parts) => parts.join(' ')) },
  { weight: 2, arbitrary: pick('all', 'samehost', 'samenet', '127.0.0.1/32', '::1/128', '0.0.0.0/0', '::/0', '10.0.0.0/8') },
  { weight: 1, arbitrary: pick('*', 'ALL', '"all"', 'example.org', '.example.org', 'my_host', 'example.org/8', '10/8', '10.1/16', 'localhost', '', '10.0.0.1', '"10.0.0.0/8"', '10.0.0.0/8,11.0.0.0/8') },
)
const method = rarely(pick('trust', 'reject', 'md5', 'password', 'scram-sha-256', 'peer', 'ident', 'cert', 'radius', 'oauth'), pick('ldap', 'pam', 'gss', 'sspi', 'bsd', 'MD5', 'scram', '', '"md5"', 'md5,trust', 'krb5', 'trust\\'), 6)
const option = pick('map=m', 'map=', 'map', 'clientcert=1', 'clientcert=0', 'clientcert=verify-ca', 'clientcert=verify-full', 'clientcert=no-verify', 'clientcert=x', 'clientname=CN', 'clientname=DN', 'clientname=x', 'nonsense=1', '=', '"map=a b"', 'map=a,map=b', 'ldapserver=x', 'krb_realm=x',
  'radiusservers=127.0.0.1', 'radiussecrets=x', '"radiusservers=127.0.0.1,::1"', '"radiussecrets=x,y"', 'radiusports=1', 'radiusports=0', '"radiusports=1,2"', 'radiusidentifiers=i', 'radiusservers=', '"radiussecrets=""x"', 'issuer=i', 'scope=s', 'validator=v', 'delegate_ident_mapping=1', 'pamservice=x', 'include_realm=1')
const options = rarely(fc.constant<string[]>([]), fc.array(option, { minLength: 1, maxLength: 4 }), 2)
const blank = rarely(pick(' ', '\t', '   ', ' \t '), pick('\r', '', '  \\', '\f', '\xc2\xa0', ',', '\v'), 30)
const comment = pick('', '', '', '', ' # comment', '# c', ' #', ' # c \\', '#"', ' # "a')

const ruleLine = fc.tuple(type, names, names, rarely(address, fc.constant(''), 6), method, options, fc.array(blank, { minLength: 8, maxLength: 8 }), comment).map(([typeWord, databases, users, addressWord, methodWord, optionWords, blanks, tail]) => {
  const words = [typeWord, databases, users, ...(typeWord === 'local' ? [] : [addressWord]), methodWord, ...optionWords]
  return words.map((word, index) => `${word}${index === words.length - 1 ? '' : blanks[index % blanks.length]!}`).join('') + tail
})
const otherLine = pick('', '', '#', '# comment', '# comment \\', '\\', ' ', '\t', '"', 'include inc', 'include_if_exists none', 'include none', 'include_dir d', 'include_dir none', "include 'inc'", 'include inc inc', 'include,inc inc', 'include d', 'include_if_exists inc # c', '[section]', 'key = value', '\xef\xbb\xbf# c',
  'local all all trust', 'local replication all trust', 'host all all all scram-sha-256', '@inc', '@users', '#"', '# \xe9')
const line = fc.oneof({ weight: 5, arbitrary: ruleLine }, { weight: 2, arbitrary: otherLine })
const ending = rarely(pick('\n', '\n', '\n', '\r\n'), pick('\r', '', '\n\n', ' \n', '\\\n', '\\\r\n', '\\ \n', '\0\n', '\n\r', ' \\\n'), 12)
const text = (maxLength: number): fc.Arbitrary<string> => fc.array(fc.tuple(line, ending), { maxLength }).map((lines) => lines.map((parts) => parts.join('')).join(''))

const REAL = [
  '# PostgreSQL Client Authentication Configuration File\n# ===================================================\n#\n# local         DATABASE  USER  METHOD  [OPTIONS]\n\n# TYPE  DATABASE        USER            ADDRESS                 METHOD\n\n# "local" is for Unix domain socket connections only\nlocal   all             all                                     peer\n# IPv4 local connections:\nhost    all             all             127.0.0.1/32            scram-sha-256\n# IPv6 local connections:\nhost    all             all             ::1/128                 scram-sha-256\n# Allow replication connections from localhost, by a user with the\n# replication privilege.\nlocal   replication     all                                     peer\nhost    replication     all             127.0.0.1/32            scram-sha-256\nhost    replication     all             ::1/128                 scram-sha-256\n',
  'local\tall\tpostgres\t\t\tpeer map=admins\nhostssl app,"App DB"\t+app_users\t10.20.0.0\t255.255.0.0\tcert map=cn clientcert=verify-full\nhostnossl all all 0.0.0.0/0 reject\nhost replication,all repl 192.168.1.0/24 md5 # standby\r\nhost all all samenet scram-sha-256\r\nhost\tsameuser\t"we,ird","q""uote"\t.example.org\tident map=x\n',
  'local all all trust\nhost all all .corp.example.com md5 \\\n\nhost all @users 172.16.0.0/12 \\\n  radius radiusservers=127.0.0.1 \\\n  radiussecrets=secret\n# end \\\nhost postgres all 2001:db8::/32 reject\ninclude_dir d\n',
]

const damage = fc.array(fc.tuple(fc.nat(), pick('delete', 'insert', 'replace', 'double', 'cut', 'swap'), pick('\\', '"', ',', '#', '\n', '\r', ' ', '\t', '@', '/', '+', '\0', '\xff', 'a', '0', ':', '.', '%', '=', '\\\n', '\r\n', '*'), fc.nat({ max: 12 })), { minLength: 1, maxLength: 5 })
const damaged = (files: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.tuple(files, damage).map(([content, steps]) => steps.reduce((now, [where, how, what, size]) => {
  const at = now.length === 0 ? 0 : where % (now.length + 1)
  switch (how) {
    case 'delete': return now.slice(0, at) + now.slice(at + size)
    case 'insert': return now.slice(0, at) + what + now.slice(at)
    case 'replace': return now.slice(0, at) + what + now.slice(at + 1)
    case 'double': return now.slice(0, at) + now.slice(at, at + size) + now.slice(at)
    case 'cut': return now.slice(0, at)
    default: return now.slice(0, at) + now.slice(at + size, at + 2 * size) + now.slice(at, at + size) + now.slice(at + 2 * size)
  }
}, content))

const main = fc.oneof({ weight: 4, arbitrary: text(6) }, { weight: 2, arbitrary: damaged(text(5)) }, { weight: 2, arbitrary: damaged(pick(...REAL)) })
const listFile = fc.array(fc.tuple(name, pick(' ', ',', '\n', ', ', '\n\n', ' # c\n', '\\\n')), { maxLength: 4 }).map((parts) => parts.map((part) => part.join('')).join(''))
// Files beside the main one refer to none of their like: a circle of @files makes servers up to 15 crash, and many
// circles of includes take 16 and later very long. Named cases hold the circles.
const flat = (files: fc.Arbitrary<string>): fc.Arbitrary<string> => files.map((content) => content.replace(/@/g, '@none').replace(/include\w*/g, 'includes'))
const beside = fc.record({ users: flat(listFile), dbs: flat(listFile).map((content) => `${content} @d/more`), 'd/more': flat(listFile), inc: flat(text(3)), 'd/x.conf': flat(text(2)), 'd/y.conf': flat(text(2)) }, { requiredKeys: [] })

/** Main files, at times with files that they may include. */
export const trees: fc.Arbitrary<HbaTree> = fc.tuple(main, rarely(fc.constant({}), beside, 2)).map(([content, others]) => ({ ...others, [MAIN]: content }))
