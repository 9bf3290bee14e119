// Bytes to text and back. The server decodes nothing; text is for people and for comparing.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Every byte as the character of the same number: lossless, for keys and for patterns on bytes. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return text
}

/** The text of bytes that are all ASCII, else undefined. */
export function asciiText(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length; at++) if (bytes[at]! >= 0x80) return undefined
  return utf8.decode(bytes)
}

/** UTF-8 where the bytes are valid UTF-8, else each byte as the character of the same number. */
export function decode(bytes: Uint8Array): string {
  let ascii = bytes.length <= 64
  if (ascii) {
    for (const byte of bytes) {
      if (byte >= 0x80) {
        ascii = false
        break
      }
    }
  }
  if (ascii) return String.fromCharCode(...bytes)
  try {
    return utf8.decode(bytes)
  } catch {
    return latin1(bytes)
  }
}

/** UTF-8. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text)
}


export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

/** `bytes` with the range [start, end) replaced. */
export function splice(bytes: Uint8Array, start: number, end: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - (end - start) + insert.length)
  out.set(bytes.subarray(0, start), 0)
  out.set(insert, start)
  out.set(bytes.subarray(end), start + insert.length)
  return out
}
