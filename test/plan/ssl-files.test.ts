// Each verdict is held against what Debian's server does with the same files.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sslFault } from '../../src/plan/ssl-files.ts'
import { DEBIAN_BIN, TestServer } from '../support/server.ts'

function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
}
const has = fs.existsSync(DEBIAN_BIN) && (() => { try { return openssl('version').length > 0 } catch { return false } })()

const made = new Map<string, Buffer>()
/** A file of the table below, by its name: parts in a row, made once. */
function content(names: string): Buffer {
  return Buffer.concat(names.split('+').filter((name) => name !== '').map((name) => made.get(name)!))
}

describe.skipIf(!has)("15, Debian's (skipped: not there, or no openssl)", () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(15, { binDir: DEBIAN_BIN })
    const at = (name: string): string => `${server.root}/${name}`
    const pair = (name: string, ...how: string[]): void => {
      openssl('req', '-x509', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', at('k'), '-out', at('c'), ...how)
      made.set(`${name}.crt`, fs.readFileSync(at('c')))
      made.set(`${name}.key`, fs.readFileSync(at('k')))
    }
    pair('rsa', '-newkey', 'rsa:2048')
    pair('other', '-newkey', 'rsa:2048')
    pair('ec', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')
    pair('ed', '-newkey', 'ed25519')
    const as = (name: string, ...args: string[]): void => { made.set(name, openssl(...args)) }
    fs.writeFileSync(at('rsa.key'), made.get('rsa.key')!)
    fs.writeFileSync(at('rsa.crt'), made.get('rsa.crt')!)
    as('rsa1.key', 'rsa', '-traditional', '-in', at('rsa.key'))
    as('locked.key', 'rsa', '-aes256', '-passout', 'pass:secret', '-in', at('rsa.key'))
    as('locked1.key', 'rsa', '-traditional', '-aes256', '-passout', 'pass:secret', '-in', at('rsa.key'))
    as('locked8.key', 'pkcs8', '-topk8', '-passout', 'pass:secret', '-in', at('rsa.key'))
    as('der.key', 'rsa', '-outform', 'DER', '-in', at('rsa.key'))
    as('der.crt', 'x509', '-outform', 'DER', '-in', at('rsa.crt'))
    as('trusted.crt', 'x509', '-trustout', '-in', at('rsa.crt'))
    as('text.crt', 'x509', '-text', '-in', at('rsa.crt'))
    fs.writeFileSync(at('index'), '')
    fs.writeFileSync(at('ca.cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index')}\ndefault_md=sha256\ndefault_crl_days=2\n`)
    as('crl', 'ca', '-config', at('ca.cnf'), '-gencrl', '-keyfile', at('rsa.key'), '-cert', at('rsa.crt'))
    made.set('cut.crt', made.get('rsa.crt')!.subarray(0, 600))
    made.set('cut.key', made.get('rsa.key')!.subarray(0, 600))
    made.set('words', Buffer.from('# the certificate of db1, 憑證\n'))
    made.set('crlf.crt', Buffer.from(made.get('rsa.crt')!.toString().replaceAll('\n', '\r\n')))
    made.set('garbled.crt', Buffer.from(made.get('rsa.crt')!.toString().replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')))
  })
  afterAll(() => server.remove())

  it.each([
    ['rsa.crt', 'rsa.key', undefined],
    ['ec.crt', 'ec.key', undefined],
    ['ed.crt', 'ed.key', undefined],
    ['rsa.crt', 'rsa1.key', undefined],
    ['trusted.crt', 'rsa.key', undefined],
    ['text.crt', 'rsa.key', undefined],
    ['crlf.crt', 'rsa.key', undefined],
    ['words+rsa.crt+other.crt', 'rsa.key', undefined],
    ['rsa.key+rsa.crt', 'rsa.crt+rsa.key', undefined],
    ['rsa.crt', 'other.key', 'ssl_key_file other-key'],
    ['other.crt+rsa.crt', 'rsa.key', 'ssl_key_file other-key'],
    ['ec.crt', 'rsa.key', 'ssl_key_file other-key'],
    ['', 'rsa.key', 'ssl_cert_file not-pem'],
    ['words', 'rsa.key', 'ssl_cert_file not-pem'],
    ['cut.crt', 'rsa.key', 'ssl_cert_file not-pem'],
    ['garbled.crt', 'rsa.key', 'ssl_cert_file not-pem'],
    ['der.crt', 'rsa.key', 'ssl_cert_file not-pem'],
    ['rsa.key', 'rsa.key', 'ssl_cert_file not-pem'],
    ['rsa.crt', '', 'ssl_key_file not-pem'],
    ['rsa.crt', 'cut.key', 'ssl_key_file not-pem'],
    ['rsa.crt', 'der.key', 'ssl_key_file not-pem'],
    ['rsa.crt', 'rsa.crt', 'ssl_key_file not-pem'],
    ['rsa.crt', 'locked.key', 'ssl_key_file passphrase'],
    ['rsa.crt', 'locked8.key', 'ssl_key_file passphrase'],
    ['rsa.crt', 'locked1.key', 'ssl_key_file passphrase'],
    ['rsa.crt', 'locked1.key', undefined, { ssl_passphrase_command: 'echo secret' }],
    ['rsa.crt', 'locked.key', undefined, { ssl_passphrase_command: 'echo secret' }],
    ['rsa.crt', 'locked8.key', undefined, { ssl_passphrase_command: 'echo secret' }],
    ['rsa.crt', 'rsa.key', undefined, { ssl_ca_file: 'other.crt' }],
    ['rsa.crt', 'rsa.key', undefined, { ssl_ca_file: 'words+rsa.crt+other.crt', ssl_crl_file: 'crl' }],
    ['rsa.crt', 'rsa.key', 'ssl_ca_file not-pem', { ssl_ca_file: '' }],
    ['rsa.crt', 'rsa.key', 'ssl_ca_file not-pem', { ssl_ca_file: 'der.crt' }],
    ['rsa.crt', 'rsa.key', 'ssl_crl_file not-pem', { ssl_crl_file: 'words' }],
  ] as const)('%s with %s: %s', async (certificate, key, wanted, more: { ssl_passphrase_command?: string; ssl_ca_file?: string; ssl_crl_file?: string } = {}) => {
    const files = {
      ssl_cert_file: content(certificate), ssl_key_file: content(key),
      ...(more.ssl_ca_file === undefined ? {} : { ssl_ca_file: content(more.ssl_ca_file) }), ...(more.ssl_crl_file === undefined ? {} : { ssl_crl_file: content(more.ssl_crl_file) }),
    }
    const conf = Object.entries(files).map(([name, bytes]) => {
      fs.writeFileSync(`${server.dataDir}/${name}`, bytes, { mode: 0o600 })
      if (process.getuid?.() === 0) fs.chownSync(`${server.dataDir}/${name}`, server.account.uid, server.account.gid)
      return `${name} = '${name}'\n`
    })
    fs.writeFileSync(`${server.dataDir}/postgresql.auto.conf`, `ssl = on\n${conf.join('')}${more.ssl_passphrase_command === undefined ? '' : `ssl_passphrase_command = '${more.ssl_passphrase_command}'\n`}`)
    const started = await server.pgCtl('-w', '-l', server.logFile, 'start')
    if (started.code === 0) await server.stop('immediate')
    const fault = sslFault(files, more.ssl_passphrase_command !== undefined)
    expect(fault === undefined ? undefined : `${fault.setting} ${fault.fault}`).toBe(wanted)
    expect(started.code === 0, await server.log()).toBe(wanted === undefined)
  })
})
