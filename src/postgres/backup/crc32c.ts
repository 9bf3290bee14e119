// CRC-32C (Castagnoli), the default checksum of a backup manifest. src/port/pg_crc32c_sb8.c; RFC 3720, appendix B.4.
const POLYNOMIAL = 0x82F6_3B78

/** Eight tables: eight bytes are taken at a time. */
const TABLES = makeTables()

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ POLYNOMIAL
    tables[byte] = value
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!
    tables[at] = (before >>> 8) ^ tables[before & 0xFF]!
  }
  return tables
}

/** What {@link updateCrc32c} begins with. */
export const CRC32C_START = 0xFFFF_FFFF

/** Takes more bytes in. */
export function updateCrc32c(crc: number, bytes: Uint8Array): number {
  const tables = TABLES
  const end = bytes.length
  const whole = end - (end % 8)
  let value = crc
  let at = 0
  for (; at < whole; at += 8) {
    const low = value ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    value = tables[0x700 + (low & 0xFF)]! ^ tables[0x600 + ((low >>> 8) & 0xFF)]! ^ tables[0x500 + ((low >>> 16) & 0xFF)]! ^ tables[0x400 + (low >>> 24)]!
      ^ tables[0x300 + bytes[at + 4]!]! ^ tables[0x200 + bytes[at + 5]!]! ^ tables[0x100 + bytes[at + 6]!]! ^ tables[bytes[at + 7]!]!
  }
  for (; at < end; at++) value = (value >>> 8) ^ tables[(value ^ bytes[at]!) & 0xFF]!
  return value >>> 0
}

/**
 * The checksum as a manifest has it: the four bytes of the number as they lie in memory, in hexadecimal digits. That is the
 * byte order of the server's machine, here the little-endian one; a big-endian server writes them the other way round.
 */
export function crc32cText(crc: number): string {
  const value = (crc ^ 0xFFFF_FFFF) >>> 0
  return [0, 8, 16, 24].map((shift) => ((value >>> shift) & 0xFF).toString(16).padStart(2, '0')).join('')
}
