// PostgreSQL reads pg_hba.conf as bytes and knows no encoding there. We hold a file as a "byte string": a string whose
// char codes are the bytes (0 to 255). String functions then work on bytes, and nothing is lost.

/** The bytes as a byte string. */
export function toByteString(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += 8192) {
    pieces.push(String.fromCharCode.apply(null, bytes.subarray(at, at + 8192) as unknown as number[]))
  }
  return pieces.join('')
}

/** The reverse of {@link toByteString}. */
export function fromByteString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

const ASCII = /^[\x00-\x7f]*$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A byte string as text for people: UTF-8 where it is UTF-8, else each byte as the Latin-1 character. */
export function readable(byteString: string): string {
  if (ASCII.test(byteString)) return byteString
  try {
    return utf8.decode(fromByteString(byteString))
  } catch {
    return byteString
  }
}

/** Text (a role's or database's name) as the byte string that the server compares: its UTF-8 bytes. */
export function byteString(text: string): string {
  return ASCII.test(text) ? text : toByteString(new TextEncoder().encode(text))
}
