/**
 * Which cluster this is: its system identifier, the size of its WAL segments, and whether its pages have checksums. From the
 * data directory, so that it is known with the server down; else from the server.
 *
 * The identifier is the first field of global/pg_control (ControlFileData in src/include/catalog/pg_control.h, in all majors).
 */
import { codeOf } from '../errors.ts'
import { isSegmentSize, parseWalName } from '../postgres/wal/index.ts'
import type { Acting, Host } from '../host/host.ts'
import { readControlFile } from '../platforms/reading.ts'
import { acting, sessionOf } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface IdentityFact {
  /** Decimal. */
  readonly systemIdentifier: string
  /** Bytes. */
  readonly segmentSize: number
  /** Undefined where pg_control has a layout that is not known. */
  readonly checksums?: boolean
}

export const identityFact: Fact<IdentityFact> = {
  name: 'identity',
  async gather(from) {
    return (await fromFiles(from)) ?? fromServer(from)
  },
}

/** The system identifier in a data directory's pg_control, in decimal; undefined where we cannot read it. */
export async function systemIdentifierOf(host: Host, dataDir: string, as: Acting): Promise<string | undefined> {
  try {
    const control = await host.readPart(`${dataDir}/global/pg_control`, 0, 8, as)
    if (control.length < 8) return undefined
    // pg_control is in the byte order of the machine that runs the server, and that is this one.
    const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
    return String(new DataView(control.buffer, control.byteOffset, 8).getBigUint64(0, little))
  } catch (error) {
    if (codeOf(error) === '') throw error
    return undefined
  }
}

async function fromFiles(from: Gathering): Promise<IdentityFact | undefined> {
  const { host, cluster } = from
  const systemIdentifier = await systemIdentifierOf(host, cluster.dataDir, acting(from))
  if (systemIdentifier === undefined) return undefined
  try {
    const control = await readControlFile(host, cluster.dataDir, acting(from))
    for (const { name } of await host.list(`${cluster.dataDir}/pg_wal`, acting(from))) {
      if (parseWalName(name).kind !== 'segment') continue
      const { size } = await host.stat(`${cluster.dataDir}/pg_wal/${name}`, acting(from))
      if (isSegmentSize(size)) return { systemIdentifier, segmentSize: size, ...('problem' in control ? {} : { checksums: control.checksums }) }
    }
    return undefined
  } catch (error) {
    // Recycled while we looked, or closed: the server may tell.
    if (codeOf(error) === '') throw error
    return undefined
  }
}

async function fromServer(from: Gathering): Promise<IdentityFact> {
  const session = await sessionOf(from)
  const [row] = await session.query(
    `SELECT system_identifier::text AS id,
            (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') AS size,
            current_setting('data_checksums') = 'on' AS checksums
       FROM pg_control_system()`)
  return { systemIdentifier: String(row?.['id']), segmentSize: Number(row?.['size']), checksums: row?.['checksums'] === true }
}
