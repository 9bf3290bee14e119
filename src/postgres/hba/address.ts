// Addresses and masks of pg_hba.conf. The server asks getaddrinfo(AI_NUMERICHOST), so what is an address is decided by
// the C library; this follows glibc: inet_aton's short, octal and hexadecimal forms, and IPv6 with a zone.

export interface Ip {
  readonly family: 4 | 6
  /** The address as a number: 32 or 128 bits. */
  readonly value: bigint
}

/** All addresses a with (a & mask) = base. The mask need not be contiguous. */
export interface Net {
  readonly family: 4 | 6
  readonly base: bigint
  readonly mask: bigint
  /** Number of leading one bits if the mask is contiguous, else null. */
  readonly length: number | null
}

const FULL = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n } as const
const BITS = { 4: 32, 6: 128 } as const

/** By length. A file with many rules has few lengths. */
const MASKS = { 4: masks(4), 6: masks(6) } as const

function masks(family: 4 | 6): readonly bigint[] {
  return Array.from({ length: BITS[family] + 1 }, (_, length) => FULL[family] ^ ((1n << BigInt(BITS[family] - length)) - 1n))
}

/** The mask with that many leading ones. */
export function maskOfLength(family: 4 | 6, length: number): bigint {
  return MASKS[family][length]!
}

/** The same as it is shown. */
export function formatMask(family: 4 | 6, length: number): string {
  return (MASK_TEXTS[family][length] ??= formatIp(family, maskOfLength(family, length)))
}
const MASK_TEXTS: Record<4 | 6, string[]> = { 4: [], 6: [] }

function lengthOfMask(family: 4 | 6, mask: bigint): number | null {
  const inverted = FULL[family] ^ mask
  if ((inverted & (inverted + 1n)) !== 0n) return null
  return BITS[family] - (inverted === 0n ? 0 : inverted.toString(2).length)
}

export function net(ip: Ip, mask: bigint): Net {
  return { family: ip.family, base: ip.value & mask, mask, length: lengthOfMask(ip.family, mask) }
}

/** The network of an address and a prefix length. */
export function prefix(ip: Ip, length: number): Net {
  const mask = maskOfLength(ip.family, length)
  return { family: ip.family, base: ip.value & mask, mask, length }
}

export function contains(outer: Net, ip: Ip): boolean {
  return outer.family === ip.family && (ip.value & outer.mask) === outer.base
}

/** Whether every address of `inner` is one of `outer`. */
export function covers(outer: Net, inner: Net): boolean {
  return outer.family === inner.family && (outer.mask & inner.mask) === outer.mask && (inner.base & outer.mask) === outer.base
}

/** Whether some address belongs to both. */
export function overlaps(a: Net, b: Net): boolean {
  return a.family === b.family && ((a.base ^ b.base) & a.mask & b.mask) === 0n
}

/** The halves of a network with a contiguous mask shorter than an address. */
export function halves(whole: Net): [Net, Net] {
  const length = whole.length! + 1
  const mask = maskOfLength(whole.family, length)
  const bit = 1n << BigInt(BITS[whole.family] - length)
  return [{ family: whole.family, base: whole.base, mask, length }, { family: whole.family, base: whole.base | bit, mask, length }]
}

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
/** Four decimal numbers without leading zeros: read, and printed, as they stand. */
const QUAD = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`)

/** inet_aton: one to four numbers, decimal, octal (0…) or hexadecimal (0x…); the last one fills the rest. */
function parseIpv4(text: string): bigint | null {
  const first = text.charCodeAt(0)
  if (!(first >= 48 && first <= 57)) return null
  if (QUAD.test(text)) {
    // Nearly all are written like this, and plain numbers are much faster.
    let value = 0
    let octet = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 46) {
        value = value * 256 + octet
        octet = 0
      } else octet = octet * 10 + code - 48
    }
    return BigInt(value * 256 + octet)
  }
  const parts = text.split('.')
  if (parts.length > 4) return null
  let value = 0n
  for (const [index, part] of parts.entries()) {
    if (!/^(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.test(part)) return null
    const number = BigInt(/^0[0-7]/.test(part) ? `0o${part.slice(1)}` : part)
    const last = index === parts.length - 1
    const bits = last ? 8 * (5 - parts.length) : 8
    if (number >= 1n << BigInt(bits)) return null
    value = (value << BigInt(bits)) | number
  }
  return value
}

function parseIpv6(text: string): bigint | null {
  const sides = text.split('::')
  if (sides.length > 2) return null
  const groups = (side: string): number[] | null => {
    if (side === '') return []
    const found: number[] = []
    const parts = side.split(':')
    for (const [index, part] of parts.entries()) {
      if (part.includes('.')) {
        // inet_pton's strict form: four decimal numbers without leading zeros.
        if (index !== parts.length - 1 || !/^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/.test(part)) return null
        const octets = part.split('.').map(Number)
        if (octets.some((octet) => octet > 255)) return null
        found.push((octets[0]! << 8) | octets[1]!, (octets[2]! << 8) | octets[3]!)
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null
        found.push(Number.parseInt(part, 16))
      }
    }
    return found
  }
  const head = groups(sides[0]!)
  const tail = sides.length === 2 ? groups(sides[1]!) : []
  if (head === null || tail === null) return null
  // An embedded IPv4 address ends the text: before "::" it cannot stand.
  if (sides.length === 2 && sides[0]!.includes('.')) return null
  const missing = 8 - head.length - tail.length
  if (sides.length === 2 ? missing < 1 : missing !== 0) return null
  return BigInt(`0x${[...head, ...Array<number>(missing).fill(0), ...tail].map((group) => group.toString(16).padStart(4, '0')).join('')}`)
}

const isLinkLocal = (value: bigint): boolean =>
  value >> 118n === 0x3fan || [0xff01n, 0xff02n].includes((value >> 112n) & 0xff0fn)

/**
 * A numeric address as the C library reads it, or null when it takes the text for a host name.
 * A zone (`fe80::1%eth0`) is accepted and dropped, as the comparison drops it.
 * @param interfaceNames the machine's; without them a zone's name is taken to exist
 */
export function parseIp(text: string, interfaceNames?: readonly string[]): Ip | null {
  const v4 = parseIpv4(text)
  if (v4 !== null) return { family: 4, value: v4 }
  const percent = text.indexOf('%')
  const v6 = parseIpv6(percent < 0 ? text : text.slice(0, percent))
  if (v6 === null) return null
  if (percent >= 0) {
    const zone = text.slice(percent + 1)
    // Linux drops the label of an alias (eth0:1) and refuses names of 16 bytes and more.
    const device = zone.split(':')[0]!
    const named = isLinkLocal(v6) && device !== '' && zone.length < 16 && (interfaceNames === undefined || interfaceNames.includes(device))
    if (!named && !(/^[0-9]+$/.test(zone) && BigInt(zone) <= 0xffffffffn)) return null
  }
  return { family: 6, value: v6 }
}

/** The number of bits after the slash (strtol's rules: leading white space and a sign), or null when it is refused. */
export function parsePrefixLength(text: string, family: 4 | 6): number | null {
  if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(text)) return null
  const length = Number(text.trim())
  return length >= 0 && length <= BITS[family] ? length : null
}

/** As getnameinfo() prints it. */
export function formatIp(family: 4 | 6, value: bigint): string {
  if (family === 4) return formatIpv4(value)
  const digits = value.toString(16).padStart(32, '0')
  const groups = Array.from({ length: 8 }, (_, index) => Number.parseInt(digits.slice(4 * index, 4 * index + 4), 16))
  // The longest run of zeros, the first of equals, at least two.
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  if (best.at === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff))) {
    return `::${best.length === 5 ? 'ffff:' : ''}${formatIpv4(value & 0xffffffffn)}`
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (best.at < 0) return hex(groups)
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`
}

function formatIpv4(value: bigint): string {
  const number = Number(value)
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** An address as getnameinfo() prints it, from how it was written. */
export function formatWritten(written: string, ip: Ip): string {
  return QUAD.test(written) ? written : formatIp(ip.family, ip.value)
}

/** A network in CIDR notation, or with its mask where that is not contiguous. */
export function formatNet(of: Net): string {
  return `${formatIp(of.family, of.base)}/${of.length ?? formatIp(of.family, of.mask)}`
}

/** CIDR notation or a single address, for what people ask about; null when it is neither. Here only full notation counts. */
export function parseCidr(text: string): Net | null {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  if (!address.includes(':') && address.split('.').length !== 4) return null
  const ip = parseIp(address)
  if (ip === null) return null
  const length = slash < 0 ? BITS[ip.family] : parsePrefixLength(text.slice(slash + 1), ip.family)
  return length === null ? null : prefix(ip, length)
}
