// A clock that was set back: what the server has put down lies in the future.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { names, Patient, remedy } from '../support/patient.ts'

let patient: Patient
beforeAll(async () => {
  patient = await Patient.create(17)
  await patient.drain()
})
afterAll(() => patient.remove())

it('B23: the machine\'s clock now says an earlier time than the server did', async () => {
  expect(names(await patient.alarms())).toEqual([])
  const host = Object.assign(new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: patient.host.env['PGWAL_STATE_DIR'] }), { now: () => new Date(Date.now() - 3_600_000) })
  const [found] = (await patient.alarms({}, {}, host)).filter(({ name }) => name === 'clock/future')
  expect(found).toMatchObject({ severity: 'warning' })
  expect(Number(found!.params['aheadMs'])).toBeGreaterThan(3_000_000)
  expect(remedy(found)).toContain('timedatectl')
  // The remedy: a clock that is right.
  expect(names(await patient.alarms())).toEqual([])
})

it('B23: with the server down the control file tells', async () => {
  const control = path.join(patient.server.dataDir, 'global/pg_control')
  await patient.server.stop()
  const ahead = Date.now() / 1000 + 86_400
  await fs.utimes(control, ahead, ahead)
  expect((await patient.alarms()).find(({ name }) => name === 'clock/future')).toMatchObject({ params: { what: control } })
  // A server that starts with the clock put right writes it anew.
  await patient.server.start()
  await patient.drain()
  expect(names(await patient.alarms())).toEqual([])
})
