// Methods that the packaged servers are built without (LDAP, GSSAPI, PAM): against Debian's server, where it is installed.
import fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asRows, HbaDirectory, HbaServer, INTERFACES, MAIN } from '../../support/hba-server.ts'
import { CASES, type HbaCase } from './cases.ts'

const BIN = '/usr/lib/postgresql/15/bin'
const here = fs.existsSync(`${BIN}/postgres`) && process.platform === 'linux' && process.arch === 'x64'

const LDAP_URLS = ['ldap://x', 'ldaps://x', 'LDAP://x', 'ldapi://x', 'cldap://x', 'http://x', 'x', '', 'ldap://', 'ldap:///', 'ldap://x/', 'ldap://x/dc=a', 'ldap://x/dc=a?uid', 'ldap://x/dc=a?uid,cn', 'ldap://x/dc=a?uid?one', 'ldap://x/dc=a?uid?SUB', 'ldap://x/dc=a?uid?sub', 'ldap://x/dc=a?uid?base',
  'ldap://x/dc=a?uid?children', 'ldap://x/dc=a?uid?nonsense', 'ldap://x/dc=a?uid??(a=b)', 'ldap://x/dc=a???(a=b)', 'ldap://x/dc=a??sub?(a=b)', 'ldap://x/dc=a???', 'ldap://x/dc=a????', 'ldap://x/dc=a????x', 'ldap://x/dc=a????x?y', 'ldap://x:389', 'ldap://x:1234/dc=a', 'ldap://x:/dc=a', 'ldap://x:abc/dc=a', 'ldap://x:12x/dc=a', 'ldap://[::1]/dc=a',
  'ldap://[::1]:1389/dc=a', 'ldap://[::1/dc=a', 'ldap://[::1]x/dc=a', 'ldap://x%20y/dc=a%2Cdc=b', 'ldap://x/dc=a%zz', '<ldap://x/dc=a>', '<ldap://x/dc=a', 'URL:ldap://x/dc=a', '<URL:ldap://x/dc=a>', 'ldap://x?dc=a', 'ldap://x/?uid', 'ldap://x y/dc=a', 'ldaps://x:636/dc=a', 'ldaps:///dc=a', 'ldap://a:b:c/dc=a', 'ldap://x:0/dc=a', 'ldap://x:-5/dc=a', 'ldap://x:99999/dc=a', 'ldap://x/dc=a?uid?sub?%28a=b%29', 'ldap://x/dc=a?,cn', 'ldap://x/dc=a?uid,?sub']

const LINES = [
  ...LDAP_URLS.flatMap((url) => [`host all all all ldap "ldapurl=${url}"`, `host all all all ldap "ldapurl=${url}" ldapbasedn=dc=z`]),
  ...['', 'ldapserver=x', 'ldapserver=x ldapprefix=a', 'ldapserver=x ldapsuffix=a', 'ldapprefix=a ldapbasedn=b', 'ldapbasedn=b', 'ldapbasedn=b ldapsearchattribute=c ldapsearchfilter=d', 'ldapbasedn=b ldapport=389', 'ldapbasedn=b ldapport=0', 'ldapbasedn=b ldapport=x', 'ldapbasedn=b ldapport=-1', 'ldapbasedn=b "ldapport= 12x"', 'ldapbasedn=b ldapport=99999999999', 'ldapbasedn=b ldapport=99999999999999999999999',
    'ldapbasedn=b ldapscheme=ldap', 'ldapbasedn=b ldapscheme=ldaps', 'ldapbasedn=b ldapscheme=x', 'ldapbasedn=b ldaptls=1', 'ldapbasedn=b ldaptls=0', 'ldapbasedn=b ldaptls=x', 'ldapbasedn=b ldapbinddn=x ldapbindpasswd=y', 'ldapprefix= ldapbasedn=', 'ldapbasedn=', 'ldapurl=ldap://x/dc=a?uid?one ldaptls=1', 'ldaptls=1 ldapurl=ldap://x/dc=a?uid?one', 'ldapurl=ldap://x/dc=a?uid?base?(a=b)', 'ldapurl=ldap://x/dc=a ldapprefix=x', 'ldapbasedn=b map=x', 'ldapbasedn=b krb_realm=x', 'ldapbasedn=b clientcert=verify-ca', 'ldapbasedn=b pamservice=x', 'ldapbasedn=b ldapbasedn=c'].map((options) => `host all all all ldap ${options}`),
  ...['', 'map=x', 'krb_realm=X', 'include_realm=0', 'include_realm=1', 'include_realm=x', 'include_realm=0 include_realm=1', 'compat_realm=1', 'upn_username=1', 'krb_realm=', 'map=x krb_realm=Y include_realm=0'].flatMap((options) => [`host all all all gss ${options}`, `local all all gss ${options}`, `hostgssenc all all all gss ${options}`, `host all all all sspi ${options}`]),
  ...['', 'pamservice=x', 'pam_use_hostname=1', 'pamservice= pam_use_hostname=0', 'ldaptls=1', 'map=x'].flatMap((options) => [`host all all all pam ${options}`, `local all all pam ${options}`]),
  'hostgssenc all all all trust', 'hostgssenc all all all md5 clientcert=verify-ca', 'hostnogssenc all all all trust', 'host all all all bsd',
]
const cases: HbaCase[] = LINES.map((line) => ({ name: line, tree: { [MAIN]: `${line}\nlocal all all trust\n` } }))

describe.skipIf(!here)(`pg_hba.conf as Debian's server reads it (needs ${BIN})`, () => {
  let directory: HbaDirectory
  let server: HbaServer
  beforeAll(async () => {
    directory = HbaDirectory.create()
    server = await HbaServer.start(15, directory, {
      features: { ssl: false, builtWith: { ssl: true, gss: true, sspi: false, pam: true, bsd: false, ldap: true }, interfaceNames: INTERFACES },
      // The cluster was made by the packaged server of the same major: this one runs it.
      beforeStart: async (made) => Promise.resolve(void Object.assign(made, { binDir: BIN })),
    })
  })
  afterAll(async () => {
    await server.remove()
    directory.remove()
  })

  it(`says the same for ${cases.length} lines and all the named files`, async () => {
    const found: unknown[] = []
    for (const { name, tree } of [...cases, ...CASES]) {
      directory.write(tree)
      const [theirs, ours] = [await server.rows(), asRows(await server.ours())]
      // Why OpenLDAP refuses a URL is told by a number that means something else.
      const plain = (rows: typeof ours): unknown => rows.map((row) => ({ ...row, error: row.error?.replace(/(could not parse LDAP URL "[^]*": ).*/, '$1') ?? null }))
      if (JSON.stringify(plain(theirs)) !== JSON.stringify(plain(ours))) found.push({ name, theirs: theirs[0], ours: ours[0] })
    }
    expect(found).toEqual([])
  })
})
