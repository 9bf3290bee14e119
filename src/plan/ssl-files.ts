// Whether a server would load the files that `ssl = on` names. One that runs has loaded them long ago.
// Source: be_tls_init in src/backend/libpq/be-secure-openssl.c; https://www.postgresql.org/docs/current/ssl-tcp.html
import { createPrivateKey, X509Certificate } from 'node:crypto'

/** Contents; those of the last two only where the setting names a file. */
export interface SslFiles {
  readonly ssl_cert_file: Uint8Array
  readonly ssl_key_file: Uint8Array
  readonly ssl_ca_file?: Uint8Array
  readonly ssl_crl_file?: Uint8Array
}

/** `not-pem`: nothing of the kind in it that can be read. `other-key`: not that of the certificate. `passphrase`: nobody would be there to type it. */
export interface SslFault {
  readonly setting: keyof SslFiles
  readonly fault: 'not-pem' | 'other-key' | 'passphrase'
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m
const REVOKED = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/

/**
 * The first thing that the server's start would fail of; undefined where none is seen. Keys that are too weak for the system's rules, and
 * whether a key fits that only `ssl_passphrase_command` opens, are not seen.
 *
 * @param asks whether `ssl_passphrase_command` is set
 */
export function sslFault(files: SslFiles, asks: boolean): SslFault | undefined {
  const certificate = certificateOf(files.ssl_cert_file)
  if (certificate === undefined) return { setting: 'ssl_cert_file', fault: 'not-pem' }
  if (ENCRYPTED.test(textOf(files.ssl_key_file))) {
    if (!asks) return { setting: 'ssl_key_file', fault: 'passphrase' }
  } else {
    const fits = fitsKey(certificate, files.ssl_key_file)
    if (fits !== true) return { setting: 'ssl_key_file', fault: fits === undefined ? 'not-pem' : 'other-key' }
  }
  if (files.ssl_ca_file !== undefined && certificateOf(files.ssl_ca_file) === undefined) return { setting: 'ssl_ca_file', fault: 'not-pem' }
  if (files.ssl_crl_file !== undefined && !REVOKED.test(textOf(files.ssl_crl_file))) return { setting: 'ssl_crl_file', fault: 'not-pem' }
  return undefined
}

/** Latin-1: what stands around the certificate may be anything. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** The first one; the server takes no other form than PEM. */
function certificateOf(bytes: Uint8Array): X509Certificate | undefined {
  const found = CERTIFICATE.exec(textOf(bytes))?.[0]
  try {
    return found === undefined ? undefined : new X509Certificate(found)
  } catch {
    return undefined
  }
}

function fitsKey(certificate: X509Certificate, bytes: Uint8Array): boolean | undefined {
  try {
    return certificate.checkPrivateKey(createPrivateKey(Buffer.from(bytes)))
  } catch {
    return undefined
  }
}
