// An archive library in place of a command: what goes wrong with it, made for real.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { names, Patient, remedy } from '../support/patient.ts'
import { DEBIAN_BIN } from '../support/server.ts'
import type { Major, ServerOptions } from '../support/server.ts'

const debian = await fs.access(`${DEBIAN_BIN}/postgres`).then(() => true, () => false)
const installations: (readonly [string, Major, ServerOptions])[] = [['16', 16, {}], ['18', 18, {}], ...(debian ? [['Debian\'s 15', 15, { binDir: DEBIAN_BIN }] as const] : [])]

describe.each(installations)('PostgreSQL %s', (_name, major, options) => {
  let patient: Patient
  beforeAll(async () => {
    patient = await Patient.create(major, '', options)
    await heal()
  })
  afterAll(() => patient.remove())

  let begun = 0
  const library = (text: string) => `archive_command = ''\n${text.replaceAll('DIR', patient.archive)}`
  const WELL = "archive_library = 'basic_archive'\nbasic_archive.archive_directory = 'DIR'"
  /** These two say of basic_archive what they say of any archive without a guard of pgwal's. */
  const alarms = async (over = {}) => (await patient.alarms({}, over)).filter(({ name }) => /^(archive-|archiver-|configuration-)/.test(name))

  /** Another library means another archiver, which takes a while; a server that is started anew has it at once. */
  async function begin(text: string): Promise<void> {
    await patient.set(library(text))
    await patient.server.stop('immediate')
    begun = (await patient.server.log()).length
    await patient.server.start()
  }

  /** Waits until the new archiver has said this. */
  async function says(pattern: RegExp): Promise<void> {
    await patient.switchWal()
    await eventually(async () => pattern.test((await patient.server.log()).slice(begun)), String(pattern))
  }

  async function heal(): Promise<void> {
    await begin(WELL)
    await patient.drain()
    expect(names(await alarms())).toEqual([])
  }

  it('A34: the library is not installed; with the server down as well', async () => {
    await begin("archive_library = 'basic_archiv'")
    await says(/could not access file "basic_archiv"/)
    const found = await alarms()
    expect(names(found)).toContain('archive-library/missing')
    const missing = found.find(({ name }) => name === 'archive-library/missing')
    expect(missing).toMatchObject({ severity: 'error', params: { library: 'basic_archiv' }, at: { file: patient.conf } })
    expect(remedy(missing)).toContain(`postgresql${major}-contrib`)
    // Where nothing tells the server's library directory, its log does.
    expect(names(await alarms({ binDir: undefined }))).toContain('archive-library/not-loaded')
    await patient.server.stop('immediate')
    expect(names(await alarms())).toContain('archive-library/missing')
    await patient.server.start()
    await heal()
  })

  it('A34: the library is no archive library', async () => {
    await begin("archive_library = 'dict_snowball'")
    await says(/archive modules have to|could not find function/)
    expect((await alarms()).find(({ name }) => name === 'archive-library/not-loaded')).toMatchObject({ severity: 'error', params: { library: 'dict_snowball' } })
    await heal()
  })

  it('A35: a parameter of the library is misspelt', async () => {
    await begin("archive_library = 'basic_archive'\nbasic_archive.archive_dir = 'DIR'")
    await says(/invalid configuration parameter name "basic_archive.archive_dir"|archiving is not configured/)
    const found = (await alarms()).filter(({ name }) => name.startsWith('archive-library/'))
    expect(found).toMatchObject([{ name: 'archive-library/unknown-parameter', severity: 'error', params: { name: 'basic_archive.archive_dir', meant: 'basic_archive.archive_directory' } }])
    const lines = (await fs.readFile(patient.conf, 'utf8')).split('\n')
    expect(lines[found[0]!.at!.line! - 1]).toContain('basic_archive.archive_dir')
    await patient.server.stop('immediate')
    expect(names(await alarms())).toContain('archive-library/unknown-parameter')
    await patient.server.start()
    // The remedy: the right name, and a reload.
    await patient.set(library(WELL))
    await patient.reload()
    await patient.drain()
    expect(names(await alarms())).toEqual([])
  })

  it('A35: its directory is not set at all', async () => {
    await begin("archive_library = 'basic_archive'")
    await says(/archiving is not configured/)
    expect(names(await alarms())).toContain('archive-library/unset')
    await heal()
  })

  it('A36: the directory of the library is missing', async () => {
    const moved = `${patient.archive}.moved`
    await fs.rename(patient.archive, moved)
    await patient.failOnce()
    const found = await alarms()
    expect(names(found)).toEqual(['archive-directory/missing', 'archiver-failures/no-such-file'])
    expect(String(found[1]!.params['cause'])).toContain(path.join(patient.archive, 'archtemp'))
    expect(remedy(found[0])).toContain(`install -d -o ${patient.server.account.name} -m 0700 ${patient.archive}`)
    await fs.rename(moved, patient.archive)
    await eventually(async () => (await patient.switchWal(), await patient.waiting()).length === 0, 'an empty queue')
    expect(names(await alarms())).toEqual([])
  })

  it.runIf(process.getuid?.() === 0)('A36: it belongs to root', async () => {
    await fs.chown(patient.archive, 0, 0)
    await patient.failOnce()
    expect(names(await alarms())).toEqual(['archive-directory/not-writable', 'archiver-failures/permission-denied'])
    await patient.own(patient.archive)
    await patient.drain()
    expect(names(await alarms())).toEqual([])
  })
})
